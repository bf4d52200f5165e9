"""The light of a rig's lamps on a head before its camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from psface.simulate.incidence import Incidence, along
from psface.simulate.raster import FAR, Camera
from psface.simulate.true_rig import TrueRig

WALL_Z = -500.0  # mm; where near lamps find the background


@dataclass(frozen=True)
class View:
    """What the camera sees: `points` (3, H, W) in mm and unit vectors to the camera."""

    camera: Camera
    points: np.ndarray
    to_camera: np.ndarray

    @staticmethod
    def of(camera: Camera, depth: np.ndarray) -> View:
        """The view of a surface by its z (H, W), FAR on the background."""
        surface = np.where(depth > FAR, depth, np.float32(WALL_Z))
        return View(camera, camera.positions(surface), camera.views())


def incidence(
    rig: TrueRig, number: int, view: View, shift: np.ndarray, gain: float = 1.0
) -> Incidence:
    """The light of one of a rig's lamps, when the head is displaced by `shift` (2,) px.

    `gain` is a factor on the lamp's strength.

    A near lamp's irradiance is its strength times (d0/d)^2 cos^mu of the angle off its axis: its
    strength in the middle of the face, d0 from the lamp.
    """
    lamp, strength = rig.lamp(number, view.camera), gain * float(rig.strengths[number])
    if not rig.near:
        direction = lamp.astype(np.float32)
        return Incidence(direction, _halfway(direction, view.to_camera), strength)
    unit, _ = rig.millimetre(view.camera)
    moved = np.array([shift[0], -shift[1], 0]) / view.camera.scale
    to_lamp = (lamp - moved).astype(np.float32)[:, None, None] - view.points
    inverse = 1 / np.sqrt(np.einsum("chw,chw->hw", to_lamp, to_lamp))
    to_lamp *= inverse
    ratio = np.float32(rig.params.lamp_distance_mm / unit) * inverse
    irradiance = np.float32(strength) * ratio * ratio
    if rig.params.lamp_anisotropy:
        axis = rig.directions[number].astype(np.float32)
        cosine = np.maximum(along(axis, to_lamp), 0)
        irradiance *= cosine ** np.float32(rig.params.lamp_anisotropy)
    return Incidence(to_lamp, _halfway(to_lamp, view.to_camera), irradiance)


def _halfway(direction: np.ndarray, to_camera: np.ndarray) -> np.ndarray:
    dims = max(direction.ndim, to_camera.ndim)
    a, b = (v if v.ndim == dims else v[:, None, None] for v in (direction, to_camera))
    middle = a + b
    middle /= np.sqrt(np.einsum("c...,c...->...", middle, middle))
    return middle

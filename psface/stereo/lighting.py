"""The light that a rig's lamps throw on every point of a surface.

A lamp at s of radiant intensity phi, which weakens off its axis a by the power mu of the cosine,
lights a point x of normal n and albedo rho with

    I = rho phi (cos^mu theta) n . (s - x) / |s - x|^3,   cos theta = a . (x - s) / |x - s|

(Queau et al., "LED-based photometric stereo", JMIV 60, 2018, eq. 2.9). Everything but rho and n is
the point's light vector.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from psface.rig.rig import Rig


@dataclass(frozen=True)
class View:
    """A perspective camera: focal lengths and principal point in pixels, y down."""

    focal: tuple[float, float]
    centre: tuple[float, float]

    @property
    def mean_focal(self) -> float:
        return float(np.sqrt(self.focal[0] * self.focal[1]))

    def reduced(self, factor: float) -> View:
        """The view of a picture that is ``factor`` times smaller."""
        (fx, fy), (cx, cy) = self.focal, self.centre
        centre = ((cx + 0.5) / factor - 0.5, (cy + 0.5) / factor - 0.5)
        return View((fx / factor, fy / factor), centre)

    def tangents(self, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """Tangents of the pixels' rays, float32: x of the columns, (1, W), y of the rows, (H, 1),
        y up."""
        rows, columns = (np.arange(length, dtype=np.float32) for length in shape)
        x = (columns - np.float32(self.centre[0])) / np.float32(self.focal[0])
        y = (np.float32(self.centre[1]) - rows) / np.float32(self.focal[1])
        return x[None], y[:, None]

    def rays(self, shape: tuple[int, int]) -> np.ndarray:
        """Points (3, H, W) float32 seen by each pixel at distance 1: (x, y, -1)."""
        out = np.empty((3, *shape), np.float32)
        out[0], out[1] = self.tangents(shape)
        out[2] = -1
        return out


def view_of(rig: Rig, shape: tuple[int, int]) -> View:
    """The camera of a rig with near lamps, for frames (H, W)."""
    camera = rig.camera
    assert camera.focal_px is not None
    middle = ((shape[1] - 1) / 2, (shape[0] - 1) / 2)
    return View(camera.focal_px, camera.centre_px or middle)


def near_light(rig: Rig, points: np.ndarray, scale: float = 1.0) -> np.ndarray:
    """Light vectors of near lamps at points in mm.

    Parameters
    ----------
    rig : Rig
        With near lamps.
    points : (3, ...) float32
        In the camera's frame.
    scale : float
        Factor on the result.

    Returns
    -------
    (n, 3, ...) float32
        In the unit of the lamps' intensities per mm^2.

    Examples
    --------
    A lamp of intensity 4 a metre to the right, and nothing else:

    >>> from psface.rig.rig import Camera, Lamp
    >>> camera = Camera(width_px=9, height_px=9, focal_px=(10, 10))
    >>> lamp = Lamp(position_mm=(1000, 0, 0), intensity=4.0)
    >>> rig = Rig(camera=camera, lamps=[lamp], distance_mm=1000)
    >>> (1e6 * near_light(rig, np.zeros(3, np.float32))).ravel().round(3).tolist()
    [4.0, 0.0, 0.0]
    """
    light = np.empty((len(rig.lamps), *points.shape), np.float32)
    for lamp, out in zip(rig.lamps, light, strict=True):
        position = np.array(lamp.position_mm, dtype=np.float32)
        np.subtract(position.reshape(3, *[1] * (points.ndim - 1)), points, out=out)
        squared = np.einsum("c...,c...->...", out, out)
        distance = np.sqrt(squared)
        fall_off = np.float32(scale * lamp.strength) / (squared * distance)
        if lamp.anisotropy:
            axis = np.array(lamp.axis, dtype=np.float32)
            along = np.einsum("c,c...->...", -axis / np.linalg.norm(axis), out) / distance
            fall_off *= np.maximum(along, 0) ** np.float32(lamp.anisotropy)
        out *= fall_off
    return light


def facing(normal: np.ndarray, view: View) -> np.ndarray:
    """Normals (3, H, W) times the rays to the camera, which are (-x, -y, 1) at pixel tangents x, y.

    Positive where the camera sees the surface, (H, W).
    """
    x, y = view.tangents(normal.shape[1:])
    return normal[2] - x * normal[0] - y * normal[1]

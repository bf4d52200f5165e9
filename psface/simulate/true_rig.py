"""The simulated rig as it really is, and as a rig file tells it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from psface.rig.rig import Rig
from psface.rig.rig_parts import Calibration, Lamp
from psface.rig.rig_parts import Camera as RigCamera
from psface.simulate.light import light_directions
from psface.simulate.raster import Camera
from psface.simulate.simulate_params import RigParams, SimulateParams
from psface.simulate.state import LAMPS, rig_stream

SCALE = 1.22  # px/mm in a picture of the reference size
REFERENCE_SIZE = (360, 480)  # px, width and height
# A rig file knows only perspective cameras: from this far, one is as good as orthographic.
ORTHOGRAPHIC_MM = 100_000.0


@dataclass(frozen=True)
class TrueRig:
    """One machine, which captures all people.

    `scale` is in px/mm at the middle of the face, where the lamps' `directions` (4, 3) and
    `strengths` (4,) are known; the lamps' axes meet there.
    """

    params: RigParams
    width: int
    height: int
    scale: float
    directions: np.ndarray
    strengths: np.ndarray

    @property
    def near(self) -> bool:
        """Whether the lamps are at a finite distance."""
        return self.params.lamp_distance_mm > 0

    @property
    def distance_mm(self) -> float:
        """From the camera of the rig file to the middle of the face."""
        return self.params.camera_distance_mm or ORTHOGRAPHIC_MM

    def lamp(self, number: int, camera: Camera) -> np.ndarray:
        """A lamp's position or direction (3,) for a head that `camera` shows.

        Positions are in the head's mm, from where the optical axis meets the head's plane z = 0.
        """
        if not self.near:
            return self.directions[number]
        unit, origin = self.millimetre(camera)
        return (self.params.lamp_distance_mm * self.directions[number] - [0, 0, origin]) / unit

    def millimetre(self, camera: Camera) -> tuple[float, float]:
        """A head's mm in the rig's mm, and the height of its plane z = 0 over the middle.

        Before a perspective camera all heads are of one size and some are nearer than others; to
        an orthographic one distance does not show, and heads differ in size.
        """
        if camera.nearness:
            return 1.0, self.distance_mm - 1 / camera.nearness
        return camera.scale / self.scale, 0.0

    def head_position(self, camera: Camera) -> np.ndarray:
        """A head's origin (3,) in the rig's mm, from the rig file's camera."""
        unit, origin = self.millimetre(camera)
        column, row = camera.middle
        across = np.array([camera.column - column, row - camera.row]) / camera.scale
        return np.array([*unit * across, origin - self.distance_mm])

    def depth_mm(self, depth: np.ndarray, camera: Camera) -> np.ndarray:
        """A head's z in the rig's mm, from the plane at the rig's distance from the camera."""
        unit, origin = self.millimetre(camera)
        return np.float32(unit) * depth + np.float32(origin)

    def file(self) -> Rig:
        """The rig as a rig file tells it; vignetting, which it does not know, is left out."""
        camera = RigCamera(
            width_px=self.width, height_px=self.height, response=self.params.response
        )
        perspective = self.near or self.params.camera_distance_mm > 0
        if perspective:
            focal = round(self.scale * self.distance_mm, 6)
            camera = camera.model_copy(update={"focal_px": (focal, focal)})
        return Rig(
            camera=camera,
            lamps=tuple(self._lamp_of_file(number) for number in range(len(self.strengths))),
            distance_mm=self.distance_mm if perspective else None,
            calibration=Calibration(method="the simulator's truth"),
        )

    def _lamp_of_file(self, number: int) -> Lamp:
        name, direction = f"{number:02d}", self.directions[number]
        strength = round(float(self.strengths[number]), 9)
        if not self.near:
            return Lamp(name=name, direction=_numbers(direction, 9), intensity=strength)
        position = self.params.lamp_distance_mm * direction - [0, 0, self.distance_mm]
        cone = self.params.lamp_anisotropy
        return Lamp(
            name=name,
            position_mm=_numbers(position, 4),
            intensity=strength,
            axis=_numbers(-direction, 9) if cone else None,
            anisotropy=cone,
        )


def _numbers(vector: np.ndarray, digits: int) -> tuple[float, float, float]:
    x, y, z = (round(float(value), digits) for value in vector)
    return x, y, z


def picture_scale(width: int, height: int) -> float:
    """Px/mm at which a picture frames a head like the reference picture."""
    return SCALE * min(width / REFERENCE_SIZE[0], height / REFERENCE_SIZE[1])


def draw_rig(params: SimulateParams, seed: int) -> TrueRig:
    """Draw the rig of a population."""
    directions = light_directions()
    spread = np.linspace(-1, 1, len(directions))
    return TrueRig(
        params=params.rig,
        width=params.width,
        height=params.height,
        scale=picture_scale(params.width, params.height),
        directions=directions,
        strengths=1 + params.rig.lamp_spread * rig_stream(seed, LAMPS).permutation(spread),
    )

"""Rigs, and captures that do not tell their lights."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from psface.captures.capture import Capture
from psface.rig.rig import Camera, Lamp, Rig

DISTANCE = 1000.0  # mm from the camera to the face, and from there to near lamps
SIZE = (360, 480)  # of the frames of `simulated_captures`


def distant_rig(lights: np.ndarray, strengths: Sequence[float] | None = None) -> Rig:
    """Lamps in the directions of lights (n, 3)."""
    unit = lights / np.linalg.norm(lights, axis=1, keepdims=True)
    lamps = [
        Lamp(direction=tuple(light), intensity=strength)
        for light, strength in zip(unit.tolist(), strengths or [1.0] * len(unit), strict=True)
    ]
    return Rig(lamps=lamps)


def near_rig(lights: np.ndarray) -> Rig:
    """Lamps that are seen from the middle of the face in the directions of lights (n, 3)."""
    unit = lights / np.linalg.norm(lights, axis=1, keepdims=True)
    places = DISTANCE * unit - [0, 0, DISTANCE]
    return Rig(
        camera=Camera(width_px=SIZE[0], height_px=SIZE[1], focal_px=(1220.0, 1220.0)),
        lamps=[Lamp(position_mm=tuple(place)) for place in places.tolist()],
        distance_mm=DISTANCE,
    )


def write_unlit(folder: Path, capture: Capture, lit: bool = False) -> Path:
    """Copy a capture's frames, with its ``LightSource.m`` only if ``lit``; returns folder."""
    folder.mkdir(parents=True)
    lights = [str(Path(capture.frames[0]).with_name("LightSource.m"))] if lit else []
    for path in (*capture.frames, *lights):
        shutil.copy(path, folder / Path(path).name)
    return folder

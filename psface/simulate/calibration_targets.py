"""Pictures of balls by which a simulated rig can be calibrated."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from psface.files import replacing
from psface.rig.rig import Rig, write_rig
from psface.simulate.balls import BallLook, SimulatedBall, simulate_balls
from psface.simulate.sensor import WHITE, digitised, noisy, vignetting
from psface.simulate.simulate_params import SimulateParams
from psface.simulate.state import TARGETS, rig_stream
from psface.simulate.true_rig import TrueRig, draw_rig

# Positions (x, y, z) of balls from the middle of the face, mm. They fill the picture, whose field
# at the face is 295 x 393 mm or larger. Mirrors at several depths tell where near lamps are.
MIRRORS = ((-75.0, 100.0, 60.0), (75.0, 100.0, -60.0), (-75.0, -100.0, -60.0), (75.0, -100.0, 60.0))
MATTES = ((0.0, 0.0, 0.0),)
MIRROR_RADIUS, MATTE_RADIUS = 57.0, 115.0  # mm
FLATTENED_MM = 1000.0  # a camera nearer than this finds the depths reduced, to see all balls whole
GLOSS = 0.05  # of a matte ball
WINDOW = 3.0  # brightness of a window's reflection in a mirror, of the room's light


@dataclass(frozen=True)
class TargetPictures:
    """Frames (n, H, W) uint8, one per lamp; with all lamps off (H, W); and the mask (H, W) bool."""

    frames: np.ndarray
    ambient: np.ndarray
    mask: np.ndarray


def write_rig_files(params: SimulateParams, seed: int, out: Path) -> None:
    """Write the true rig to ``out/rig``, and pictures of balls for another ``out/calibration``.

    ``mirror`` and ``matte`` hold a picture per lamp, in the order of the lamps, ``mask.png`` and
    ``ambient.png``, taken without auto-exposure and with all lamps working.
    """
    rig = draw_rig(params, seed)
    write_rig(out / "rig" / "rig.json", rig.file())
    for number, mirror in enumerate((True, False)):
        noise = rig_stream(seed, TARGETS, number)
        pictures = photograph_balls(rig, mirror, params.noise, noise)
        folder = out / "calibration" / ("mirror" if mirror else "matte")
        names = [lamp.name for lamp in rig.file().lamps]
        images = dict(zip(names, pictures.frames, strict=True))
        images |= {"ambient": pictures.ambient, "mask": WHITE * pictures.mask.astype(np.uint8)}
        for name, image in images.items():
            with replacing(folder / f"{name}.png") as partial:
                partial.write_bytes(cv2.imencode(".png", image)[1].tobytes())


def photograph_balls(
    rig: TrueRig, mirror: bool, noise: float, rng: np.random.Generator
) -> TargetPictures:
    """Take a picture of balls under each lamp, and one with all lamps off.

    Parameters
    ----------
    mirror : bool
        Else one matte ball.
    noise : float
        Of the sensor, as a capture's.
    """
    file = rig.file()
    balls = _balls(rig, file, mirror)
    ambient = rig.params.ambient or 0.0
    look = BallLook(
        noise=0.0,
        bits=16,
        gloss=GLOSS,
        ambient=ambient / float(rig.strengths.max()),
        reflection=WINDOW * ambient,
    )
    lit = simulate_balls(balls, file.lamps, file.camera, look)
    unlit = replace(look, mirror_peak=0.0)
    off = simulate_balls(balls, file.lamps[:1], file.camera, unlit).frames
    if not mirror:  # a matte ball's lamp cannot be switched off, its room can
        off = (
            off
            - simulate_balls(balls, file.lamps[:1], file.camera, replace(look, ambient=0)).frames
        )
    frames = WHITE * np.concatenate([lit.frames, off])
    frames = frames * vignetting(rig.width, rig.height, rig.params.vignetting)
    taken = digitised(noisy(frames.astype(np.float32), noise, rng), rig.params.response)
    return TargetPictures(taken[:-1], taken[-1], lit.mask)


def _balls(rig: TrueRig, file: Rig, mirror: bool) -> list[SimulatedBall]:
    unit = 1.0 if file.camera.focal_px else rig.scale  # without it, mm are pixels
    distance = file.distance_mm or 0.0
    flat = min(1.0, distance / FLATTENED_MM) if distance else 1.0
    places, radius = (MIRRORS, MIRROR_RADIUS) if mirror else (MATTES, MATTE_RADIUS)
    return [
        SimulatedBall((unit * x, unit * y, unit * flat * z - distance), unit * radius, mirror)
        for x, y, z in places
    ]

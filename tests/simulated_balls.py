"""Simulated pictures of balls under lamps that are known."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from psface.rig.calibration.ball_pictures import CLIPPED, BallPictures
from psface.rig.rig import Camera, Lamp
from psface.simulate.balls import BallFrames, BallLook, SimulatedBall, simulate_balls

CAMERA = Camera(width_px=240, height_px=200)
NEAR_CAMERA = Camera(width_px=360, height_px=220, focal_px=(900.0, 900.0))
STRENGTHS = np.array([1.1, 0.9, 1.0, 1.15, 0.85, 1.05, 0.95, 1.0])
NAMES = tuple(f"lamp{number}" for number in range(8))


def directions() -> np.ndarray:
    """Unit vectors (8, 3) all around, at slants of 20 to 50 degrees."""
    turn = np.radians(np.arange(8) * 45 + 10)
    slant = np.radians([25, 40, 30, 50, 20, 45, 35, 28])
    flat = np.sin(slant)
    return np.stack([np.sin(turn) * flat, np.cos(turn) * flat, np.cos(slant)], axis=1)


def distant_lamps() -> list[Lamp]:
    return [
        Lamp(name=name, direction=tuple(direction), intensity=float(strength))
        for name, direction, strength in zip(NAMES, directions(), STRENGTHS, strict=True)
    ]


def positions() -> np.ndarray:
    """Positions (8, 3) in mm of lamps 650 to 1100 mm from a ball at a metre."""
    far = np.array([700, 900, 800, 1000, 650, 1100, 900, 750])
    return directions() * far[:, None] + (0, 0, -1000)


def near_lamps(anisotropy: float = 0.0) -> list[Lamp]:
    return [
        Lamp(
            name=name, position_mm=tuple(position), intensity=float(strength),
            axis=tuple((0, 0, -1000) - position), anisotropy=anisotropy,
        )
        for name, position, strength in zip(NAMES, positions(), STRENGTHS, strict=True)
    ]  # fmt: skip


def ball(mirror: bool = False, radius: float = 70.0) -> SimulatedBall:
    return SimulatedBall((10.0, -6.0, 0.0), radius, mirror)


def pictures(
    balls: Sequence[SimulatedBall], lamps: Sequence[Lamp], camera: Camera = CAMERA,
    look: BallLook | None = None, folder: str = "ball", masked: bool = True, seed: int = 0,
) -> BallPictures:  # fmt: skip
    taken = simulate_balls(balls, lamps, camera, look, seed)
    root = Path(folder)
    paths = tuple(root / f"{lamp.name}.png" for lamp in lamps)
    return BallPictures(
        root, paths, taken.frames, taken.frames >= CLIPPED, None,
        taken.mask if masked else None, root / "mask.png" if masked else None,
    )  # fmt: skip


def write_pictures(folder: Path, taken: BallFrames, names: Sequence[str] = NAMES) -> Path:
    """Write 8-bit frames and the mask as a folder for ``psface rig calibrate``."""
    folder.mkdir(parents=True)
    for name, frame in zip(names, taken.frames, strict=False):
        cv2.imwrite(str(folder / f"{name}.png"), np.round(frame * 255).astype(np.uint8))
    cv2.imwrite(str(folder / "mask.png"), taken.mask.astype(np.uint8) * 255)
    return folder

"""The camera behind the lens: fall-off towards the corners, exposure, noise and response."""

from __future__ import annotations

import cv2
import numpy as np

from psface.rig.response import Response, encoded

WHITE = 255
AUTO_LEVEL = 72.0  # grey levels, of the metered mean, that the camera aims at
METERED = 0.25  # of each side: standard deviation of the weights about the middle
LARGEST_GAIN = 4.0  # by which the camera exposes longer or shorter


def vignetting(width: int, height: int, loss: float) -> np.ndarray:
    """Share of the light (H, W) that a lens passes: 1 in the middle, 1 - `loss` in the corners.

    Examples
    --------
    >>> vignetting(3, 3, 0.5)[1].tolist()
    [0.75, 1.0, 0.75]
    """
    x, y = np.linspace(-1, 1, width) * (width - 1), np.linspace(-1, 1, height) * (height - 1)
    squared = x * x + (y * y)[:, None]
    return (1 - loss * squared / squared.max()).astype(np.float32)


def automatic_gain(frame: np.ndarray) -> float:
    """Exposure, relative to the usual one, that a camera chooses for a frame (H, W) of grey levels.

    It brings a mean that is weighted to the middle to `AUTO_LEVEL`, within limits.
    """
    across, down = (np.linspace(-0.5, 0.5, n) / METERED for n in frame.shape[::-1])
    weights = np.exp(-0.5 * (across * across + (down * down)[:, None]))
    level = np.average(np.clip(frame, 0, WHITE), weights=weights)
    return float(np.clip(AUTO_LEVEL / max(level, 1e-3), 1 / LARGEST_GAIN, LARGEST_GAIN))


def displaced(frame: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """A frame (H, W) whose content has moved by `shift` (2,) px, x right and y down."""
    if not shift.any():
        return frame
    move = np.array([[1, 0, shift[0]], [0, 1, shift[1]]])
    moved: np.ndarray = cv2.warpAffine(
        frame, move, frame.shape[::-1], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return moved


def noisy(frames: np.ndarray, noise: float, rng: np.random.Generator) -> np.ndarray:
    """Add read-out and shot noise to linear frames in grey levels.

    `noise` is the standard deviation, in grey levels, in the middle of the range.
    """
    taken = np.maximum(frames, 0)
    taken /= 128
    taken += 0.5
    taken /= 1.5  # the noise's variance
    np.sqrt(taken, out=taken)
    taken *= np.float32(noise)
    taken *= rng.standard_normal(frames.shape, dtype=np.float32)
    taken += frames
    return taken


def digitised(frames: np.ndarray, response: Response) -> np.ndarray:
    """Clip linear frames in grey levels, apply a response, and quantise to 8 bits."""
    if response != "linear":
        light = frames / np.float32(WHITE)
        frames = WHITE * encoded(np.clip(light, 0, 1, out=light), response)
    values = np.round(frames)
    return np.clip(values, 0, WHITE, out=values).astype(np.uint8)

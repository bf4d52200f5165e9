"""Simulated portraits, and the effects of printing, displays and compression on pictures.

The known truth for `psface.commands.measure.audit_accuracy`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from psface.captures.images import as_jpeg
from psface.simulate.recording import add_noise, prepare_session, render_frames
from psface.simulate.scene import build_scene
from psface.simulate.simulate_params import SimulateParams
from psface.simulate.state import STUBBLE, stream

SKIN = np.array([1.0, 0.8, 0.68], np.float32)  # RGB tint of a grey face
SUBSAMPLES = 4  # along each side of a pixel
SCREEN_ANGLES = (15.0, 75.0, 0.0)  # degrees, of cyan, magenta and yellow dots
DARK = 0.15  # dark share of a display's pixel, along each side


@dataclass(frozen=True)
class Portrait:
    """A person in front of the rig with all its lights on.

    Attributes
    ----------
    image : (H, W, 3) float32
        RGB in [0, 1], without noise.
    landmarks : (5, 2)
        True landmarks, pixels.
    yaw, pitch : float
        Degrees.
    """

    image: np.ndarray
    landmarks: np.ndarray
    yaw: float
    pitch: float


def portrait(
    params: SimulateParams,
    seed: int,
    number: int,
    yaw: float | None = None,
    pitch: float | None = None,
) -> Portrait:
    """Render person ``number``; yaw and pitch default to those of their first capture."""
    person, state = prepare_session(params, seed, number, 0)
    state = replace(
        state,
        yaw=state.yaw if yaw is None else yaw,
        pitch=state.pitch if pitch is None else pitch,
        shifts=np.zeros_like(state.shifts),
    )
    stubble = stream(seed, STUBBLE, number, 0)
    scene = build_scene(person, state, params.width, params.height, stubble)
    grey = render_frames(scene, state).mean(axis=0) / 255
    image = np.clip(grey, 0, 1)[..., None].astype(np.float32) * SKIN
    return Portrait(image, scene.landmarks, state.yaw, state.pitch)


def taken(image: np.ndarray, noise: float, rng: np.random.Generator) -> np.ndarray:
    """Return the picture that a camera takes, (H, W, 3) uint8; ``noise`` in grey levels of 255."""
    return add_noise(255 * image, noise, rng)


def halftone(image: np.ndarray, period: float, softness: float) -> np.ndarray:
    """Simulate a scanned print of an image (H, W, 3) in [0, 1] with dots ``period`` px apart.

    ``softness`` is the standard deviation of the scanner's blur, px.
    """
    fine = _finer(image)
    y, x = np.indices(fine.shape[:2], dtype=np.float32) / SUBSAMPLES
    printed = np.empty_like(fine)
    for channel, angle in enumerate(np.radians(SCREEN_ANGLES)):
        u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
        dots = np.cos(2 * np.pi * u / period) + np.cos(2 * np.pi * v / period)
        # The share of paper left white is the image's brightness.
        printed[..., channel] = np.interp(dots, *_SPREAD) < fine[..., channel]
    return _coarser(printed, softness)


def display(image: np.ndarray, period: float, softness: float, angle: float) -> np.ndarray:
    """Simulate a photograph of a display that shows an image (H, W, 3) in [0, 1].

    The display's pixels have three stripes each, are ``period`` px apart and turned by ``angle``
    degrees; ``softness`` is as in `halftone`.
    """
    fine = _finer(image)
    y, x = np.indices(fine.shape[:2], dtype=np.float32) / SUBSAMPLES
    turn = np.radians(angle)
    u = (x * np.cos(turn) + y * np.sin(turn)) / period % 1
    v = (y * np.cos(turn) - x * np.sin(turn)) / period % 1
    stripe = np.minimum(u * 3, 2.999)
    lit = (stripe % 1 > DARK) & (v > DARK)
    shown = np.stack([lit & (stripe.astype(int) == channel) for channel in range(3)], axis=2)
    return np.clip(_coarser(fine * shown, softness) * 3 / (1 - DARK) ** 2, 0, 1)


def compressed(image: np.ndarray, quality: int, scale: float) -> np.ndarray:
    """Compress a picture (H, W, 3) uint8 as a JPEG, then resize it by ``scale``."""
    decoded = as_jpeg(image, quality)
    return cv2.resize(decoded, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)


def blurred(image: np.ndarray, sigma: float) -> np.ndarray:
    """Blur an image by a Gaussian of ``sigma`` px."""
    return cv2.GaussianBlur(image, (0, 0), sigma) if sigma > 0 else image


def _finer(image: np.ndarray) -> np.ndarray:
    return cv2.resize(image, None, fx=SUBSAMPLES, fy=SUBSAMPLES, interpolation=cv2.INTER_LINEAR)


def _coarser(fine: np.ndarray, softness: float) -> np.ndarray:
    """Reduce to what a camera sees, (H, W, 3) float32."""
    soft = blurred(fine.astype(np.float32), softness * SUBSAMPLES)
    size = (fine.shape[1] // SUBSAMPLES, fine.shape[0] // SUBSAMPLES)
    return cv2.resize(soft, size, interpolation=cv2.INTER_AREA)


def _spread_of_dots() -> tuple[np.ndarray, np.ndarray]:
    """Values of the dot pattern, and the share of an area below each."""
    wave = np.cos(np.linspace(0, 2 * np.pi, 256, endpoint=False))
    values = np.sort((wave[:, None] + wave).ravel())[::64]
    return values, np.linspace(0, 1, len(values))


_SPREAD = _spread_of_dots()

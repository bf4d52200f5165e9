"""Sheets and screens with pictures of real captures, under the captures' own lights."""

from __future__ import annotations

import numpy as np

from psface.attacks.flat_copies import PAPER, printed, shown

COPIES = ("flat print", "bent print", "screen")
YAW, PITCH = 12.0, 8.0  # degrees: standard deviations of how a sheet is held
BEND = (0.3, 1.1)  # rad: half of the angle that a bent sheet turns by across the picture
BRIGHTEST = (0.5, 1.05)  # of the sensor's range
GRAIN = (0.5, 3.0)  # grey levels: standard deviation of noise in white


def relit(
    kind: str, frames: np.ndarray, lights: np.ndarray, rng: np.random.Generator
) -> tuple[str, np.ndarray]:
    """Frames of a copy: a sheet's albedo, or a screen, is a frame or the mean of all.

    Parameters
    ----------
    kind : str
        Of `COPIES`.
    frames : (n, H, W) float32
        Linear, of a capture.
    lights : (n, 3)
        Distant.

    Returns
    -------
    str
        ``frame`` or ``mean``: what was copied.
    (n, H, W) float32
        In [0, 1], in steps of 8 bits.
    """
    place = int(rng.integers(len(frames) + 1))
    source = "mean" if place == len(frames) else "frame"
    copied = frames.mean(axis=0) if source == "mean" else frames[place]
    albedo = printed(shown(copied), rng.uniform(*PAPER))
    light = np.ones((len(frames), 1, 1))
    if kind != "screen":
        bend = rng.uniform(*BEND) if kind == "bent print" else 0.0
        normal = _sheet_normal(frames.shape[2], bend, rng)
        light = np.maximum(lights @ normal, 0)[:, None, :]
    out = albedo * light
    out = out / np.quantile(out, 0.995) * rng.uniform(*BRIGHTEST)
    noise = rng.uniform(*GRAIN) / 255 * np.sqrt(0.3 + out)
    out = out + noise * rng.standard_normal(out.shape)
    return source, (np.clip(np.round(out * 255), 0, 255) / 255).astype(np.float32)


def _sheet_normal(width: int, bend: float, rng: np.random.Generator) -> np.ndarray:
    """Normals (3, W) of a sheet that bends about the picture's vertical."""
    yaw, pitch = np.radians(rng.standard_normal(2).clip(-2, 2) * [YAW, PITCH])
    turn = yaw + bend * np.linspace(-1, 1, width)
    flat = np.cos(pitch)
    return np.stack([np.sin(turn) * flat, np.full(width, np.sin(pitch)), np.cos(turn) * flat])

"""Draw backgrounds: clutter at many scales, and things that resemble parts of faces."""

from __future__ import annotations

import cv2
import numpy as np


def draw_background(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Draw a background, (height, width, 3) float64 RGB in [0, 1]."""
    out = _clouds(rng, height, width)
    for _ in range(rng.integers(0, 40)):
        _shape(rng, out)
    if rng.random() < 0.5:
        out = _stripes(rng, out)
    for _ in range(rng.integers(0, 6)):
        _spots(rng, out)
    return np.clip(out, 0, 1)


def _colour(rng: np.random.Generator) -> tuple[float, ...]:
    if rng.random() < 0.3:  # of skin, so that colour alone does not give a face away
        return tuple((rng.uniform(0.3, 0.95) * np.array([1, 0.78, 0.65])).tolist())
    return tuple(rng.uniform(0, 1, 3).tolist())


def _clouds(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    out = np.empty((height, width, 3))
    out[:] = _colour(rng)
    for cells in (2, 5, 12, 30, 80):
        strength = rng.uniform(0, 0.3) / np.sqrt(cells)
        grey, hue = rng.normal(0, strength, (cells, cells, 1)), rng.normal(size=(cells, cells, 3))
        grain = grey + strength / 2 * hue
        out += cv2.resize(grain, (width, height), interpolation=cv2.INTER_CUBIC)
    return out


def _shape(rng: np.random.Generator, out: np.ndarray) -> None:
    height, width = out.shape[:2]
    x, y = rng.integers(0, width), rng.integers(0, height)
    size = int(np.exp(rng.uniform(np.log(4), np.log(width / 2))))
    thick = int(rng.choice([-1, -1, 1, 2, 4]))
    kind = rng.integers(3)
    centre, colour = (int(x), int(y)), _colour(rng)
    if kind == 0:
        end = int(x + rng.integers(-size, size + 1)), int(y + rng.integers(-size, size + 1))
        cv2.rectangle(out, centre, end, colour, thick)
    elif kind == 1:
        axes = size // 2 + 1, int(size * rng.uniform(0.5, 1.4)) // 2 + 1
        cv2.ellipse(out, centre, axes, float(rng.uniform(0, 180)), 0, 360, colour, thick)
    else:
        corners = np.array(centre) + rng.integers(-size, size + 1, (5, 2))
        cv2.polylines(out, [corners.astype(np.int32)], bool(rng.integers(2)), colour, abs(thick))


def _stripes(rng: np.random.Generator, out: np.ndarray) -> np.ndarray:
    rows, columns = np.indices(out.shape[:2])
    angle, period = rng.uniform(0, np.pi), np.exp(rng.uniform(np.log(3), np.log(80)))
    wave = np.sin(2 * np.pi / period * (rows * np.sin(angle) + columns * np.cos(angle)))
    return out + rng.uniform(0, 0.2) * wave[..., None]


def _spots(rng: np.random.Generator, out: np.ndarray) -> None:
    """Draw two dark spots over a bar on an oval, turned and out of proportion: nearly a face."""
    height, width = out.shape[:2]
    size = float(np.exp(rng.uniform(np.log(10), np.log(width / 4))))
    centre = np.array([rng.uniform(0, width), rng.uniform(0, height)])
    angle = rng.uniform(60, 300) if rng.random() < 0.6 else rng.uniform(-30, 30)
    turn = np.array([[np.cos(a := np.radians(angle)), -np.sin(a)], [np.sin(a), np.cos(a)]])

    def place(x: float, y: float) -> tuple[int, int]:
        point = centre + size * turn @ [x, y]
        return int(point[0]), int(point[1])

    if rng.random() < 0.6:
        axes = int(size) + 1, int(size * rng.uniform(0.8, 1.5)) + 1
        cv2.ellipse(out, place(0, 0), axes, float(angle), 0, 360, _colour(rng), -1)
    dark, radius = (float(rng.uniform(0, 0.3)),) * 3, max(1, int(size * rng.uniform(0.08, 0.3)))
    parts = [(-rng.uniform(0.2, 0.7), -0.3), (rng.uniform(0.2, 0.7), -0.3)]
    for x, y in parts[: int(rng.integers(1, 3))]:
        cv2.circle(out, place(x, y), radius, dark, -1)
    if rng.random() < 0.5:
        cv2.line(out, place(-0.4, 0.5), place(0.4, 0.5), dark, max(1, radius // 2))

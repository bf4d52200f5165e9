"""The grid on which a head is sculpted and painted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


def smoothstep(low: float, high: float, value: Any) -> Any:
    """0 below `low`, 1 above `high`, smooth between; falls where `low` > `high`.

    `value` is an array or a number, and so is the result.
    """
    t = np.clip((value - low) * np.float32(1 / (high - low)), 0, 1)
    return t * t * (3 - 2 * t)


def blend(array: np.ndarray, value: np.ndarray | float, opacity: np.ndarray) -> None:
    """Paint `value` over `array` in place."""
    array += opacity * (value - array)


@dataclass
class Canvas:
    """Surface of the front and sides of a head on a grid of heights and angles.

    `x`, `z` (R, C) and `y` (R, 1) are in mm, `theta` (1, C) is the angle around the head in
    radians; `albedo`, `specular` (of skin) and `gloss` (of eyes) are (R, C).
    """

    x: np.ndarray
    y: np.ndarray
    z: np.ndarray
    theta: np.ndarray
    albedo: np.ndarray
    specular: np.ndarray
    gloss: np.ndarray

    def window(self, x: tuple[float, float], y: tuple[float, float]) -> Canvas:
        """Return the front within the ranges of x and y, as views of this canvas."""
        first, last = np.searchsorted(self.y[:, 0], y)
        rows = slice(max(int(first) - 1, 0), min(int(last) + 1, len(self.y)))
        front = np.abs(self.theta[0]) < np.pi / 2
        inside = (self.x[rows] >= x[0]) & (self.x[rows] <= x[1]) & front
        columns = np.flatnonzero(inside.any(axis=0))
        across = slice(columns[0], columns[-1] + 1) if len(columns) else slice(0, 0)
        part = (rows, across)
        return Canvas(
            x=self.x[part],
            y=self.y[rows],
            z=self.z[part],
            theta=self.theta[:, across],
            albedo=self.albedo[part],
            specular=self.specular[part],
            gloss=self.gloss[part],
        )

    def blob(self, x: float, y: float, width: float, height: float) -> np.ndarray:
        """Pair of Gaussians (R, C) at (+-x, y) with those standard deviations."""
        across = (np.abs(self.x) - x) * np.float32(1 / width)
        along = (self.y - y) * np.float32(1 / height)
        return np.exp(-0.5 * (across * across + along * along))

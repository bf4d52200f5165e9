"""How matte balls reflect light, which is not quite by Lambert's law.

A point whose normal n is at cosine x to the lamp and z to the camera is seen as

    I = e x g(x) g(z),    g(t) = 1 + a1 (1 - t) + a2 (1 - t)^2 + a3 (1 - t)^3,

for light e. One function serves for both sides since reflection is reciprocal (Helmholtz); Lambert
has g = 1, a ball with a coat of varnish a g that falls towards grazing light (Fresnel), a rough or
dusty one a g that rises (Minnaert 1941 has powers of both cosines alike). Without it, directions
come out by up to two degrees too near to or too far from the camera.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TERMS = 3


@dataclass(frozen=True)
class Points:
    """Points of matte balls.

    Attributes
    ----------
    normals : (P, 3)
    cosines : (P,)
        Of normals and lines of sight.
    positions : (P, 3) or None
        In mm, where lamps are near.
    places : (P,) int or None
        Number of the ball; one if None.
    """

    normals: np.ndarray
    cosines: np.ndarray
    positions: np.ndarray | None = None
    places: np.ndarray | None = None


def distant(lamps: np.ndarray, points: Points) -> tuple[np.ndarray, np.ndarray]:
    """Light e (n, P) and cosines x (n, P) for directions (n, 3) as long as the lamps are strong."""
    light = np.linalg.norm(lamps, axis=1, keepdims=True)
    return np.broadcast_to(
        light, (len(lamps), len(points.normals))
    ), lamps @ points.normals.T / light


def near(lamps: np.ndarray, points: Points) -> tuple[np.ndarray, np.ndarray]:
    """As `distant`, for positions in mm and the logarithms of intensities at each place.

    A lamp (n, 3 + places) may shine differently to each place, as it does off its axis.
    """
    assert points.positions is not None
    to_lamp = lamps[:, None, :3] - points.positions
    distance = np.linalg.norm(to_lamp, axis=2)
    cosines = np.einsum("npk,pk->np", to_lamp, points.normals) / distance
    strengths = np.exp(lamps[:, 3:])
    if points.places is not None:
        strengths = strengths[:, points.places]
    return strengths / distance**2, cosines


def graze(cosines: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """The function g of cosines, of any shape of array."""
    steep = 1 - cosines
    total = np.zeros_like(cosines)
    for coefficient in shape[::-1]:
        total = (total + coefficient) * steep
    return 1 + total


def radiance(
    lamps: np.ndarray, shape: np.ndarray, points: Points
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What is seen of points under each lamp.

    Parameters
    ----------
    lamps : (n, 3) or (n, 3 + places)
        See `distant` and `near`.
    shape : (3,)
        The coefficients of g.

    Returns
    -------
    seen, light, cosines : (n, P)
        ``seen`` is I, ``light`` is e.

    Examples
    --------
    >>> points = Points(np.array([[0.0, 0.0, 1.0], [0.6, 0.0, 0.8]]), np.array([1.0, 0.8]))
    >>> radiance(np.array([[0.0, 0.0, 2.0]]), np.zeros(3), points)[0].tolist()
    [[2.0, 1.6]]
    """
    light, cosines = (distant if lamps.shape[1] == 3 else near)(lamps, points)
    facing = np.clip(cosines, 0, 1)
    seen = light * facing * graze(facing, shape) * graze(points.cosines, shape)
    return seen, light, cosines


def slopes(
    lamps: np.ndarray, shape: np.ndarray, points: Points
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Derivatives of `radiance` by finite differences.

    Returns
    -------
    by_lamp : (n, P, k)
        By the lamp's own numbers.
    by_shape : (n, P, 3)
        By the coefficients of g.
    seen : (n, P)
        The radiance itself.
    """
    seen = radiance(lamps, shape, points)[0]
    lengths = np.linalg.norm(lamps[:, :3], axis=1)
    by_lamp = np.empty((*seen.shape, lamps.shape[1]))
    for k in range(lamps.shape[1]):
        steps = 1e-5 * lengths if k < 3 else np.full(len(lamps), 1e-5)
        moved = lamps.copy()
        moved[:, k] += steps
        by_lamp[..., k] = (radiance(moved, shape, points)[0] - seen) / steps[:, None]
    by_shape = np.empty((*seen.shape, TERMS))
    for k in range(TERMS):
        moved = shape.copy()
        moved[k] += 1e-5
        by_shape[..., k] = (radiance(lamps, moved, points)[0] - seen) / 1e-5
    return by_lamp, by_shape, seen

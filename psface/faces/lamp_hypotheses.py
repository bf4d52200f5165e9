"""What may be wrong with a capture's lights, and the normals that would follow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np

from psface.stereo.normals import SATURATED, SHADOW

FLIPS = {
    "": np.diag([1.0, 1.0, 1.0]),
    "x": np.diag([-1.0, 1.0, 1.0]),
    "y": np.diag([1.0, -1.0, 1.0]),
    "xy": np.diag([-1.0, -1.0, 1.0]),
}
ALL_ORDERS = 5  # lamps: up to here, every order is tried
PAIRS = 16  # lamps: up to here, every pair is swapped
DARK = 0.03  # of the sensor's range, in every frame


@dataclass(frozen=True)
class Lights:
    """One way to read a capture's lights: frame i is lit by the given lamp ``order[i]``, and the
    axes named by ``flip`` have the other sign."""

    order: tuple[int, ...]
    flip: str = ""

    def vectors(self, given: np.ndarray) -> np.ndarray:
        """The lights (n, 3), or those at each pixel (n, 3, S, S), so read.

        Where near lamps change sides, so does the side of the face that they are close to.
        """
        lights = given[list(self.order)]
        if lights.ndim == 2:
            return lights @ FLIPS[self.flip]
        lights = lights * np.diag(FLIPS[self.flip])[:, None, None]
        return np.flip(lights, tuple({"x": 3, "y": 2}[axis] for axis in self.flip))

    def remedy(self) -> str:
        """What is to be changed, in words; empty if nothing is.

        Examples
        --------
        >>> Lights((1, 0, 2, 3)).remedy(), Lights((1, 2, 0), "").remedy()
        ('swap frames 0 and 1', 'put the lights in the order 1 2 0')
        >>> Lights((0, 1, 2), "y").remedy()
        'change the sign of the lights in y'
        """
        moved = [i for i, lamp in enumerate(self.order) if lamp != i]
        parts = []
        if len(moved) == 2:
            parts.append(f"swap frames {moved[0]} and {moved[1]}")
        elif moved:
            parts.append(f"put the lights in the order {' '.join(map(str, self.order))}")
        if self.flip:
            parts.append(f"change the sign of the lights in {' and '.join(self.flip)}")
        return ", and ".join(parts)


def candidates(given: np.ndarray, seen: np.ndarray | None) -> list[Lights]:
    """What to try, the lights as given first: orders, flips, and not both at once.

    ``seen`` are the directions (n, 3) that the frames themselves suggest, which single out an
    order where there are too many to try all.
    """
    n = len(given)
    same = tuple(range(n))
    orders = dict.fromkeys([same, *_orders(n)])
    if n > ALL_ORDERS and seen is not None:
        from scipy.optimize import linear_sum_assignment  # takes long to load

        length = np.linalg.norm(seen, axis=1, keepdims=True)  # 0 of a lamp that stayed dark
        alike = (seen / np.maximum(length, 1e-9)) @ given.T
        orders[tuple(int(lamp) for lamp in linear_sum_assignment(-alike)[1])] = None
    return [Lights(order) for order in orders] + [Lights(same, flip) for flip in FLIPS if flip]


def _orders(n: int) -> Iterator[tuple[int, ...]]:
    if n <= ALL_ORDERS:
        yield from permutations(range(n))
        return
    yield tuple(range(n))[::-1]
    for step in range(1, n):
        yield tuple((i + step) % n for i in range(n))
    for i, j in combinations(range(n), 2) if n <= PAIRS else ():
        order = list(range(n))
        order[i], order[j] = j, i
        yield tuple(order)


@dataclass(frozen=True)
class FacePixels:
    """Pixels of a crop that three lamps or more reach.

    ``intensity`` (n, P) float64, ``used`` (n, P) bool, and their ``places`` (P,) in the crop.
    """

    intensity: np.ndarray
    used: np.ndarray
    places: np.ndarray


def face_pixels(frames: np.ndarray, valid: np.ndarray) -> FacePixels:
    """Select pixels of a small crop (n, S, S) inside ``valid`` (S, S) bool."""
    intensity = frames.reshape(len(frames), -1).astype(np.float64)
    brightest = intensity.max(axis=0)
    used = (intensity < SATURATED) & (intensity >= SHADOW * brightest)
    places = np.flatnonzero(valid.ravel() & (used.sum(axis=0) > 2) & (brightest > DARK))
    return FacePixels(intensity[:, places], used[:, places], places)


def normals_under(pixels: FacePixels, lights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least squares under several sets of lights, (h, n, 3) or at each pixel (h, n, 3, S, S).

    Returns
    -------
    normal : (h, 3, P)
    misfit : (h, P)
        Relative residual; NaN where only three lamps are used.
    """
    scaled, misfit = (_everywhere if lights.ndim == 3 else _at_pixels)(pixels, lights)
    length = np.linalg.norm(scaled, axis=1, keepdims=True)
    return scaled / np.maximum(length, 1e-9), misfit


def _everywhere(pixels: FacePixels, lights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Normals times albedo and misfits under lights (h, n, 3), at little cost: pixels that the same
    lamps reach share their inverses."""
    count, total = len(lights), pixels.places.size
    scaled, misfit = np.zeros((count, 3, total)), np.full((count, total), np.nan)
    patterns, which = np.unique(pixels.used.T, axis=0, return_inverse=True)
    which = which.ravel()
    for number, used in enumerate(patterns):
        here = np.flatnonzero(which == number)
        seen = pixels.intensity[used][:, here]
        chosen = lights[:, used]
        solved = np.linalg.pinv(chosen) @ seen
        scaled[:, :, here] = solved
        if used.sum() > 3:
            error = np.linalg.norm(chosen @ solved - seen, axis=1)
            misfit[:, here] = error / np.linalg.norm(seen, axis=0)
    return scaled, misfit


def _at_pixels(pixels: FacePixels, lights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same under lights (h, n, 3, S, S)."""
    light = np.moveaxis(lights.reshape(*lights.shape[:3], -1)[..., pixels.places], 3, 1)
    used = pixels.used.T[..., None]  # (P, n, 1)
    weighted, seen = light * used, pixels.intensity.T[..., None] * used
    across = np.swapaxes(weighted, -1, -2)
    gram = across @ weighted
    gram += 1e-9 * np.trace(gram, axis1=-2, axis2=-1)[..., None, None] * np.eye(3)
    scaled = np.linalg.solve(gram, across @ seen)
    error = np.linalg.norm(weighted @ scaled - seen, axis=-2)[..., 0]
    misfit = error / np.maximum(np.linalg.norm(seen, axis=-2)[..., 0], 1e-9)
    misfit[:, pixels.used.sum(axis=0) == 3] = np.nan
    return np.moveaxis(scaled[..., 0], -1, 1), misfit


def seen_directions(pixels: FacePixels, normals: np.ndarray, overall: np.ndarray) -> np.ndarray:
    """Directions (n, 3) of the lamps, whatever their order, if the face has these normals (3, P).

    The sum of all frames gives the albedo, since it is lit by the sum of all lamps, ``overall``.
    """
    lit = np.maximum(overall @ normals, 0.2)
    albedo = pixels.intensity.sum(axis=0) / lit
    out = np.empty((len(pixels.intensity), 3))
    for lamp, (seen, used) in enumerate(zip(pixels.intensity, pixels.used, strict=True)):
        design = (normals * albedo)[:, used].T
        out[lamp] = np.linalg.lstsq(design, seen[used], rcond=None)[0]
    return out

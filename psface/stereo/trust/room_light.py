"""Light that no lamp gives, from the places that the lamps do not reach."""

from __future__ import annotations

import numpy as np

from psface.stereo.trust.fit_quality import solved
from psface.stereo.trust.lit_cells import LitCells

SHADOWED_CELLS = 15
DARKEST = 0.002  # quantile of cells by which the darkest places are judged
FACING_AWAY = -0.2  # cosine between normal and light, as the other lamps tell the normal
LEAST_NZ = 0.3  # of these places
SPREAD, SPREAD_FLOOR = 1.3, 0.012  # median over lowest tenth of their light: else they differ


def ambient_light(cells: LitCells) -> float:
    """Ambient light from attached shadows: places that face away from the lamps that are darkest
    there, by the normals that their three brightest lamps tell."""
    intensity = cells.intensity
    n = intensity.shape[1]
    if n < 4:
        return float("nan")
    kept = max(3, n // 2)
    brightest = np.argsort(-intensity, axis=1)[:, :kept]
    used = np.zeros(intensity.shape, bool)
    np.put_along_axis(used, brightest, True, axis=1)
    scaled, _ = solved(LitCells(intensity, used, cells.light, 0.0, 0.0))
    albedo = np.maximum(np.linalg.norm(scaled, axis=1), 1e-9)
    normal = scaled / albedo[:, None]
    cosine = (cells.light @ normal[..., None])[..., 0]
    away = ~used & (cosine < FACING_AWAY) & (normal[:, 2] > LEAST_NZ)[:, None]
    away &= (albedo > 0.4 * np.median(albedo))[:, None]
    if away.sum() < SHADOWED_CELLS:
        return float("nan")
    low, middle = np.quantile((intensity / albedo[:, None])[away], [0.1, 0.5])
    agree = middle < SPREAD * low or middle - low < SPREAD_FLOOR
    return float(low) if agree else float("nan")


def ambient_bound(cells: LitCells, scaled: np.ndarray) -> float:
    """What ambient light is at most: the darkest places that any lamp leaves, over the albedo.

    ``scaled`` (P, 3) are the cells' normals times albedo.
    """
    albedo = np.linalg.norm(scaled, axis=1)
    skin = albedo > 0.3 * np.median(albedo)
    least = dim_light(cells.intensity / np.linalg.norm(cells.light, axis=2))
    return float(np.quantile((least / albedo)[skin], DARKEST))


def dim_light(relative: np.ndarray) -> np.ndarray:
    """The least light that each place gets from a lamp, (P,), of intensities over the strengths of
    the lamps (P, n); of many lamps the lower quartile, since some throw hard shadows everywhere.

    Examples
    --------
    >>> dim_light(np.array([[0.3, 0.1, 0.2, 0.4], [0.5, 0.5, 0.6, 0.5]])).tolist()
    [0.1, 0.5]
    """
    place = (relative.shape[1] - 1) // 4
    return np.partition(relative, place, axis=1)[:, place]

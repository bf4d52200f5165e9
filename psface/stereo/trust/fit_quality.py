"""How well known lights explain a capture's frames, and whether other strengths would do better."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from psface.stereo.trust.lit_cells import LitCells

ROUNDS = 3  # of reweighting
BLOCKS = 8  # of cells, left out in turn for standard errors
ENTRIES = 1_000_000  # of all cells' matrices (n, n): bounds memory and time with many lamps
HIGHEST_LEVERAGE = 0.95  # above, a lamp left out is not determined by the others


@dataclass(frozen=True)
class Fit:
    """Least squares over the usable lights of each cell.

    Attributes
    ----------
    scaled : (P, 3)
        Albedo times normal.
    residual : float
        Median over the cells with a lamp to spare of the length of the residual over that of the
        intensities; NaN if there is none.
    left_out : (n,)
        Error of each lamp's brightness as the other lamps predict it, over its mean brightness;
        NaN where they do not.
    """

    scaled: np.ndarray
    residual: float
    left_out: np.ndarray


def fit_of(cells: LitCells) -> Fit:
    """Fit every cell, which needs three usable lights."""
    used, light = cells.used.astype(np.float64), cells.light
    inverse = np.linalg.inv(_gram(used, light))
    projected = np.einsum("pn,pni->pi", used * cells.intensity, light)
    scaled = np.einsum("pij,pj->pi", inverse, projected)
    misfit = used * (cells.intensity - np.einsum("pni,pi->pn", light, scaled))
    spare = cells.used.sum(axis=1) > 3
    length = np.linalg.norm(used * cells.intensity, axis=1)
    relative = (np.linalg.norm(misfit, axis=1) / np.maximum(length, 1e-9))[spare]
    leverage = used * np.einsum("pni,pij,pnj->pn", light, inverse, light)
    known = cells.used & spare[:, None] & (leverage < HIGHEST_LEVERAGE)
    error = np.abs(misfit) / np.maximum(1 - leverage, 1 - HIGHEST_LEVERAGE) * known
    brightness = (cells.intensity * known).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        left_out = np.where(brightness > 0, error.sum(axis=0) / brightness, np.nan)
    return Fit(scaled, float(np.median(relative)) if spare.any() else float("nan"), left_out)


@dataclass(frozen=True)
class FreeScales:
    """Strengths of the lamps as the frames themselves tell them.

    Attributes
    ----------
    scales : (n,)
        Relative to the given light vectors, of geometric mean 1; NaN if the frames do not decide.
    errors : (n,)
        Standard errors of their logarithms, by the jackknife over blocks of cells.
    residual : float
        Relative residual with these scales, root mean square over the reweighted cells.
    residual_given : float
        The same with the lights as they are given.
    """

    scales: np.ndarray
    errors: np.ndarray
    residual: float
    residual_given: float


def free_scales(cells: LitCells) -> FreeScales:
    """Estimate the lamps' strengths from cells with four usable lights or more.

    The smallest eigenvector of ``M = sum_p diag(I) (W - W L (L^T W L)^-1 L^T W) diag(I)`` holds
    their inverses (Cho et al., "Semi-calibrated photometric stereo", PAMI 42(1), 2020, sec. 4.1),
    here with cells of unit length and reweighted, so that cast shadows and gloss count less.
    """
    n = cells.intensity.shape[1]
    unknown = np.full(n, np.nan)
    spare = cells.used.sum(axis=1) > 3
    if n < 4 or spare.sum() < 4 * n:
        return FreeScales(unknown, unknown, float("nan"), float("nan"))
    each = _unexplained(cells.chosen(_thinned(spare, ENTRIES // n**2)))
    weight = np.ones(len(each))
    for _ in range(ROUNDS):
        inverse = _smallest(np.tensordot(weight, each, 1))
        squared = np.maximum(((each @ inverse) @ inverse), 0)
        weight = 1 / (1 + squared / (2 * np.median(squared) + 1e-10))
    given = max(float(weight @ each.sum(axis=(1, 2))), 0) / weight.sum()
    part = np.arange(len(each)) * BLOCKS // len(each)
    blocks = np.stack([np.tensordot(weight[part == k], each[part == k], 1) for k in range(BLOCKS)])
    total = blocks.sum(axis=0)
    scales = _scales(inverse)
    parts = np.stack([_scales(_smallest(total - block)) for block in blocks])
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = np.log(parts) - np.log(parts).mean(axis=0)
    errors = np.sqrt((BLOCKS - 1) / BLOCKS * (spread**2).sum(axis=0))
    if not (np.isfinite(scales).all() and np.isfinite(errors).all()):
        scales, errors = unknown, unknown
    residual = float(np.sqrt(n * (weight @ squared) / weight.sum()))
    return FreeScales(scales, errors, residual, float(np.sqrt(given)))


def _thinned(chosen: np.ndarray, most: int) -> np.ndarray:
    """Keep about ``most`` of the chosen cells, (P,) bool, evenly spread."""
    places = np.flatnonzero(chosen)
    out = np.zeros_like(chosen)
    out[places[:: max(1, -(-len(places) // max(most, 1)))]] = True
    return out


def _gram(used: np.ndarray, light: np.ndarray) -> np.ndarray:
    gram = np.einsum("pn,pni,pnj->pij", used, light, light)
    size = np.trace(gram, axis1=1, axis2=2)[:, None, None] + 1e-12
    return gram + 1e-9 * size * np.eye(3)


def _unexplained(cells: LitCells) -> np.ndarray:
    """Each cell's term of M, (P, n, n), for a cell of unit length."""
    used = cells.used.astype(np.float64)
    weighted = used[..., None] * cells.light
    explained = weighted @ np.linalg.inv(_gram(used, cells.light)) @ weighted.swapaxes(1, 2)
    out = -explained
    out[:, np.arange(used.shape[1]), np.arange(used.shape[1])] += used
    unit = used * cells.intensity
    unit /= np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), 1e-9)
    return unit[:, :, None] * out * unit[:, None, :]


def _smallest(matrix: np.ndarray) -> np.ndarray:
    vector = np.linalg.eigh(matrix)[1][:, 0]
    return vector * np.sign(vector.sum())


def _scales(inverse: np.ndarray) -> np.ndarray:
    """Strengths from their inverses (n,), of geometric mean 1; NaN unless all are positive."""
    if inverse.min() <= 1e-3 * inverse.max():
        return np.full(len(inverse), np.nan)
    return np.exp(np.log(inverse).mean()) / inverse

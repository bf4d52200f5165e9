"""Strengths of the lamps as frames tell them: those of one capture, or of all captures of a rig."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from psface.stereo.trust.fit_quality import normal_matrices
from psface.stereo.trust.lit_cells import LitCells
from psface.stereo.trust.trust_warning import TrustWarning

ROUNDS = 3  # of reweighting
BLOCKS = 8  # of cells or captures, left out in turn for standard errors
ENTRIES = 1_000_000  # of all cells' matrices (n, n): bounds memory and time with many lamps
STRENGTH = 0.14  # log of a lamp's strength against the others', as its frames tell
STRENGTH_ERRORS = 4.0  # standard errors
CONTRADICTION = 0.075  # relative residual from which on the frames contradict their lights


@dataclass(frozen=True)
class FreeScales:
    """Strengths of the lamps as the frames themselves tell them.

    Attributes
    ----------
    scales : (n,)
        Relative to the given light vectors, of geometric mean 1; NaN if the frames do not decide.
    errors : (n,)
        Standard errors of their logarithms, by the jackknife over blocks of cells.
    unexplained : (n, n)
        The squared relative residual under strengths s is ``x^T unexplained x``, with x = 1 / s
        scaled to unit length; NaN if there are too few cells.
    """

    scales: np.ndarray
    errors: np.ndarray
    unexplained: np.ndarray

    def residual(self, logs: np.ndarray) -> float:
        """Relative residual, root mean square over the reweighted cells, under strengths (n,) that
        are given by their logarithms."""
        inverse = np.exp(-(logs - logs.mean()))
        inverse /= np.linalg.norm(inverse)
        return float(np.sqrt(max(inverse @ self.unexplained @ inverse, 0)))


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
        return FreeScales(unknown, unknown, np.full((n, n), np.nan))
    each = _unexplained(cells.chosen(_thinned(spare, ENTRIES // n**2)))
    weight = np.ones(len(each))
    for _ in range(ROUNDS):
        inverse = _smallest(np.tensordot(weight, each, 1))
        squared = np.maximum(((each @ inverse) @ inverse), 0)
        weight = 1 / (1 + squared / (2 * np.median(squared) + 1e-10))
    unexplained = n * np.tensordot(weight, each, 1) / weight.sum()
    scales, errors = _jackknifed(weight[:, None, None] * each)
    return FreeScales(scales, errors, unexplained)


def joint_scales(
    matrices: Sequence[np.ndarray], lamps: Sequence[np.ndarray], count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Estimate the strengths of all lamps of a rig from captures that use some of them each.

    A capture by four lamps leaves some strengths nearly free, but not the same ones on every face:
    the sum over captures decides them.

    Parameters
    ----------
    matrices : sequence of (n, n)
        `FreeScales.unexplained` of each capture.
    lamps : sequence of (n,) int
        Which of the ``count`` lamps lit its frames.

    Returns
    -------
    scales, errors : (count,)
        As of `FreeScales`, the errors by the jackknife over blocks of captures, which are to be
        sorted by person.
    """
    each = np.zeros((min(BLOCKS, len(matrices)), count, count))
    for number, (matrix, used) in enumerate(zip(matrices, lamps, strict=True)):
        each[number * len(each) // len(matrices)][np.ix_(used, used)] += matrix
    return _jackknifed(each)


def disagreeing(
    free: FreeScales, rig: np.ndarray, tolerated: float = CONTRADICTION
) -> tuple[int, ...]:
    """Lamps of a capture whose strength is not that of the rig, (n,) logarithms relative to the
    given light vectors; none if the rig's strengths leave no more than the tolerated residual."""
    if not (np.isfinite(free.scales).all() and free.residual(rig) > tolerated):
        return ()
    apart = np.log(free.scales) - rig
    wrong = np.abs(apart - np.median(apart)) > np.maximum(STRENGTH, STRENGTH_ERRORS * free.errors)
    return tuple(np.flatnonzero(wrong).tolist())


def strength_warning(scales: Sequence[float], wrong: Sequence[int]) -> TrustWarning:
    """What is said of lamps that are not as strong as expected."""
    named = ", ".join(f"{i} ({scales[i]:.2f})" for i in wrong)
    return TrustWarning(
        "lamp-strength",
        f"lamps not as strong as the rig says, relative to the others: {named}, counted from 0",
        "check these lamps, give their intensity, or set stereo.semi_calibrated",
    )


def _thinned(chosen: np.ndarray, most: int) -> np.ndarray:
    """Keep about ``most`` of the chosen cells, (P,) bool, evenly spread."""
    places = np.flatnonzero(chosen)
    out = np.zeros_like(chosen)
    out[places[:: max(1, -(-len(places) // max(most, 1)))]] = True
    return out


def _unexplained(cells: LitCells) -> np.ndarray:
    """Each cell's term of M, (P, n, n), for a cell of unit length."""
    used = cells.used.astype(np.float64)
    weighted = used[..., None] * cells.light
    inverse = np.linalg.inv(normal_matrices(used, cells.light))
    out = -(weighted @ inverse @ weighted.swapaxes(1, 2))
    out[:, np.arange(used.shape[1]), np.arange(used.shape[1])] += used
    unit = used * cells.intensity
    unit /= np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), 1e-9)
    return unit[:, :, None] * out * unit[:, None, :]


def _jackknifed(each: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scales by the sum of matrices (m, n, n), and the standard errors of their logarithms."""
    unknown = np.full(each.shape[1], np.nan)
    part = np.arange(len(each)) * BLOCKS // len(each)
    blocks = np.stack([each[part == k].sum(axis=0) for k in range(BLOCKS)])
    total = blocks.sum(axis=0)
    scales = _scales(_smallest(total))
    parts = np.stack([_scales(_smallest(total - block)) for block in blocks])
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = np.log(parts) - np.log(parts).mean(axis=0)
    errors = np.sqrt((BLOCKS - 1) / BLOCKS * (spread**2).sum(axis=0))
    if not (np.isfinite(scales).all() and np.isfinite(errors).all()):
        return unknown, unknown
    return scales, errors


def _smallest(matrix: np.ndarray) -> np.ndarray:
    vector = np.linalg.eigh(matrix)[1][:, 0]
    return vector * np.sign(vector.sum())


def _scales(inverse: np.ndarray) -> np.ndarray:
    """Strengths from their inverses (n,), of geometric mean 1; NaN unless all are positive."""
    if inverse.min() <= 1e-3 * inverse.max():
        return np.full(len(inverse), np.nan)
    return np.exp(np.log(inverse).mean()) / inverse

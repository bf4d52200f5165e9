"""How well known lights explain a capture's frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from psface.stereo.trust.lit_cells import LitCells

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
    scaled, inverse = solved(cells)
    misfit = used * (cells.intensity - (light @ scaled[..., None])[..., 0])
    spare = cells.used.sum(axis=1) > 3
    length = np.linalg.norm(used * cells.intensity, axis=1)
    relative = (np.linalg.norm(misfit, axis=1) / np.maximum(length, 1e-9))[spare]
    leverage = used * ((light @ inverse) * light).sum(axis=2)
    known = cells.used & spare[:, None] & (leverage < HIGHEST_LEVERAGE)
    error = np.abs(misfit) / np.maximum(1 - leverage, 1 - HIGHEST_LEVERAGE) * known
    brightness = (cells.intensity * known).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        left_out = np.where(brightness > 0, error.sum(axis=0) / brightness, np.nan)
    return Fit(scaled, float(np.median(relative)) if spare.any() else float("nan"), left_out)


def solved(cells: LitCells) -> tuple[np.ndarray, np.ndarray]:
    """Albedo times normal (P, 3) of each cell, and its inverse of L^T W L (P, 3, 3)."""
    used = cells.used.astype(np.float64)
    inverse = np.linalg.inv(normal_matrices(used, cells.light))
    projected = ((used * cells.intensity)[:, None] @ cells.light)[:, 0]
    return (inverse @ projected[..., None])[..., 0], inverse


def normal_matrices(used: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Each cell's L^T W L, (P, 3, 3), kept invertible."""
    gram = (used[..., None] * light).swapaxes(1, 2) @ light
    size = np.trace(gram, axis1=1, axis2=2)[:, None, None] + 1e-12
    return gram + 1e-9 * size * np.eye(3)

"""How far off calibrated directions are likely to be."""

from __future__ import annotations

import numpy as np

from psface.rig.calibration.matte_fit import MatteFit

OUTLINE_PX = 0.3  # error of a ball's middle and radius
MODEL_DEG = 0.2  # what else is not as assumed: the ball's roundness, light from walls


def sideways(vectors: np.ndarray, covariances: np.ndarray) -> np.ndarray:
    """Errors (n,) in degrees of the directions of vectors (n, 3) with covariances (n, 3, 3)."""
    squares = (vectors**2).sum(axis=1)
    along = np.einsum("na,nab,nb->n", vectors, covariances, vectors) / squares
    across = np.einsum("naa->n", covariances) - along
    return np.degrees(np.sqrt(np.maximum(across, 0) / squares))


def matte_errors(fit: MatteFit, radius: float) -> np.ndarray:
    """Estimated errors (n,) in degrees of the directions of a fit to a ball of radius pixels.

    The outline's error shifts all normals: a pixel turns them by about 1 / radius.
    """
    outline = np.degrees(OUTLINE_PX / radius)
    return np.hypot(sideways(fit.lamps[:, :3], fit.covariances[:, :3, :3]), outline)


def score(errors: np.ndarray, disagreement: np.ndarray | None = None) -> float:
    """Estimated error of a calibration in degrees.

    The root mean square of the lamps' errors (n,), or, if two kinds of balls disagree by more, what
    each of them contributes to that.

    Parameters
    ----------
    disagreement : (n,), optional
        Angles between the directions by both.

    Examples
    --------
    >>> round(score(np.array([0.3, 0.4]), np.array([1.0, 3.0, 1.4])), 2)
    0.99
    """
    estimated = float(np.sqrt(np.mean(errors**2) + MODEL_DEG**2))
    if disagreement is None:
        return estimated
    return max(estimated, float(np.median(disagreement) / np.sqrt(2)))

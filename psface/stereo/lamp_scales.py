"""Semi-calibrated photometric stereo: the lamps' directions are known, their strengths are not."""

from __future__ import annotations

import numpy as np

MOST_PIXELS = 20_000  # evenly chosen; more do not change the result
MAX_SCALE = 20.0  # of the strongest lamp over the weakest


def lamp_scales(
    frames: np.ndarray, light: np.ndarray, used: np.ndarray, mask: np.ndarray
) -> np.ndarray:
    """Find how strong each lamp was, relative to its light vector.

    A frame is ``s_i l_i . g`` with one unknown s_i for all pixels. With ``r_i = 1 / s_i``, the
    frames ``r_i I_i`` are products of known lights, whatever g is, if the part of them that no g
    explains is zero: r is the smallest eigenvector of the sum over the pixels of ``diag(I) (W - W L
    (L^T W L)^-1 L^T W) diag(I)`` (Cho, Matsushita, Tai & Kweon, "Semi-calibrated photometric
    stereo", PAMI 42(1), 2020, sec. 4.1, with the weights W of the usable lights).

    Parameters
    ----------
    frames : (n, H, W) float32
        Of four lights or more: with three, any strengths fit.
    light : (n, 3) or (n, 3, H, W)
    used : (n, H, W) bool
        Neither shadowed nor saturated.
    mask : (H, W) bool

    Returns
    -------
    (n,) float64
        Of mean 1; all ones if the frames do not decide.

    Examples
    --------
    >>> lights = np.array([[1, 0, 2], [-1, 0, 2], [0, 1, 2], [0, -1, 2]]) / 5**0.5
    >>> surface = np.random.default_rng(0).normal((0, 0, 2), 0.2, (5, 5, 3))
    >>> frames = np.moveaxis(surface @ lights.T, -1, 0) * np.array([1.2, 1, 1, 0.8])[:, None, None]
    >>> lamp_scales(frames, lights, frames > 0, np.ones((5, 5), bool)).round(3).tolist()
    [1.2, 1.0, 1.0, 0.8]
    """
    n = len(frames)
    chosen = np.flatnonzero(mask.ravel() & (used.reshape(n, -1).sum(axis=0) > 3))
    chosen = chosen[:: max(1, len(chosen) // MOST_PIXELS)]
    if n < 4 or len(chosen) < n:
        return np.ones(n)
    intensity = frames.reshape(n, -1)[:, chosen].T.astype(np.float64)  # (P, n)
    weight = used.reshape(n, -1)[:, chosen].T.astype(np.float64)
    if light.ndim == 2:
        lights = np.broadcast_to(light, (len(chosen), n, 3))
    else:
        lights = np.moveaxis(light.reshape(n, 3, -1)[:, :, chosen], -1, 0).astype(np.float64)
    weighted = weight[..., None] * lights
    gram = np.swapaxes(lights, 1, 2) @ weighted
    gram += 1e-9 * np.trace(gram, axis1=1, axis2=2)[:, None, None] * np.eye(3)
    explained = np.linalg.solve(gram, np.swapaxes(weighted * intensity[..., None], 1, 2))
    unexplained = -np.einsum("pnk,pkm->nm", weighted * intensity[..., None], explained)
    unexplained[np.diag_indices(n)] += (weight * intensity**2).sum(axis=0)
    inverse = np.linalg.eigh(unexplained)[1][:, 0]
    inverse *= np.sign(inverse.sum())
    if inverse.min() <= 1 / MAX_SCALE * inverse.max():
        return np.ones(n)
    scales = 1 / inverse
    return scales / scales.mean()

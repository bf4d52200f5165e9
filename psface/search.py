"""Exact nearest-neighbour search among any number of vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

QUERIES, ROWS = 256, 65_536  # compared at once: 64 MiB of cosines


def nearest(queries: np.ndarray, gallery: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Find the nearest gallery vectors of each query.

    All cosines are computed, a part of the gallery at a time, so that memory beyond the gallery
    itself stays small.

    Parameters
    ----------
    queries : (Q, D) float32
        Unit vectors.
    gallery : (G, D) float32
        Unit vectors.

    Returns
    -------
    cosines : (Q, min(count, G)) float32
        Descending.
    indices : (Q, min(count, G)) int64
        Rows of the gallery.
    """
    import torch  # here, as it takes seconds to load, and most reports search nothing

    count = min(count, len(gallery))
    results = [_nearest(part, gallery, count) for part in torch.from_numpy(queries).split(QUERIES)]
    if not results:
        return np.empty((0, count), np.float32), np.empty((0, count), np.int64)
    cosines, indices = zip(*results, strict=True)
    return torch.cat(cosines).numpy(), torch.cat(indices).numpy()


def _nearest(
    queries: torch.Tensor, gallery: np.ndarray, count: int
) -> tuple[torch.Tensor, torch.Tensor]:
    import torch

    best = torch.empty(len(queries), 0)
    where = torch.empty(len(queries), 0, dtype=torch.int64)
    for start in range(0, len(gallery), ROWS):
        cosines = queries @ torch.from_numpy(gallery[start : start + ROWS]).T
        best = torch.cat([best, cosines], dim=1)
        rows = torch.arange(start, start + cosines.shape[1]).expand_as(cosines)
        where = torch.cat([where, rows], dim=1)
        best, order = best.topk(min(count, best.shape[1]), dim=1)
        where = where.gather(1, order)
    return best, where

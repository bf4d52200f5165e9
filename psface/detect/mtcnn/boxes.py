"""Boxes (n, 4), x1, y1, x2, y2 in pixels, and the cascade's operations on them."""

from __future__ import annotations

import numpy as np

AT_ONCE = 1024  # rows of the overlap table held at a time


def square(boxes: np.ndarray) -> np.ndarray:
    """Return the squares with the same centres and the longer sides."""
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True) / 2
    return np.concatenate([centre - half, centre + half], axis=1)


def shift(boxes: np.ndarray, regression: np.ndarray) -> np.ndarray:
    """Move each side by a share of the box's size; the last pixel belongs to the box."""
    size = boxes[:, 2:] - boxes[:, :2] + 1
    return boxes + regression * np.tile(size, 2)


def suppress(
    boxes: np.ndarray, scores: np.ndarray, threshold: float, by_smaller: bool = False
) -> np.ndarray:
    """Non-maximum suppression as in the ``mtcnn`` package.

    Not greedy: a box goes if any box of higher score overlaps it, even a suppressed one.

    Parameters
    ----------
    boxes : (n, 4)
    scores : (n,)
    threshold : float
        On the intersection over the union, or, if ``by_smaller``, over the smaller box.

    Returns
    -------
    (k,) int64
        Indices of the kept boxes, highest score first.
    """
    order = np.argsort(-scores, kind="stable")
    low, high = boxes[order, :2], boxes[order, 2:]
    area = (high - low).prod(axis=1)
    kept = np.ones(len(order), dtype=bool)
    for start in range(0, len(order), AT_ONCE):
        rows, above = slice(start, start + AT_ONCE), slice(0, start + AT_ONCE)
        sides = np.minimum(high[rows, None], high[above]) - np.maximum(low[rows, None], low[above])
        shared = np.maximum(sides, 0).prod(axis=2)
        if by_smaller:
            denominator = np.minimum(area[rows, None], area[above])
        else:
            denominator = area[rows, None] + area[above] - shared
        # Row i is box start + i; only boxes before it can suppress it.
        overlaps = np.tril(shared > threshold * denominator, start - 1)
        kept[rows] = ~overlaps.any(axis=1)
    return order[kept]

"""Slopes of a surface from its normals.

Depth z(x, y), with y up and z towards the camera, has slopes ``p = dz/dx = -n_x / n_z`` and
``q = dz/dy = -n_y / n_z``. Rows run downwards, so along the rows the slope is ``-q``.
"""

from __future__ import annotations

import numpy as np

MIN_NZ = 0.15  # beyond about 81 degrees, a slope is more noise than shape


def slopes(normal: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slopes along the columns and down the rows, (H, W) float32, zero outside the mask."""
    nz = np.maximum(normal[2], MIN_NZ)
    slope_x = np.where(mask, -normal[0] / nz, 0).astype(np.float32)
    slope_row = np.where(mask, normal[1] / nz, 0).astype(np.float32)
    return slope_x, slope_row


def centred(depth: np.ndarray, mask: np.ndarray) -> np.ndarray:
    offset = np.median(depth[mask]) if mask.any() else 0
    return np.where(mask, depth - offset, 0).astype(np.float32)

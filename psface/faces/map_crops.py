"""Crop all maps of a capture by one transform."""

from __future__ import annotations

import numpy as np

from psface.faces.alignment import crop_image
from psface.stereo.map_files import Maps


def crop_maps(maps: Maps, matrix: np.ndarray, kept: np.ndarray) -> Maps:
    """Crop all maps of a capture, zero outside ``kept`` (size, size) bool.

    Normal *vectors* rotate with the image. Depth becomes pixels of the crop and loses its
    level and tilt, the best-fitting plane: integration determines them worst, since small errors
    of all normals add up in them.
    """
    size = len(kept)
    weight = crop_image(maps.mask, matrix, size)
    mask = (weight > 0.5) & kept
    share = np.where(mask, weight, 1)

    def resample(plane: np.ndarray) -> np.ndarray:
        return np.where(mask, crop_image(plane * maps.mask, matrix, size) / share, 0)

    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    cos, sin = matrix[0, 0] / scale, matrix[1, 0] / scale
    x, y, z = (resample(plane) for plane in maps.normal)
    # The matrix rotates image axes, with y down; the vectors have y up, hence the signs.
    normal = np.stack([cos * x + sin * y, -sin * x + cos * y, z])
    length = np.linalg.norm(normal, axis=0)
    normal = np.where(mask & (length > 1e-6), normal / np.maximum(length, 1e-6), 0)

    depth = _without_plane(resample(maps.depth_px) * scale, mask)
    return Maps(
        normal.astype(np.float32),
        resample(maps.albedo).astype(np.float32),
        depth.astype(np.float32),
        mask,
    )


def _without_plane(depth: np.ndarray, mask: np.ndarray) -> np.ndarray:
    rows, columns = np.nonzero(mask)
    basis = np.stack([np.ones(len(rows)), rows, columns], axis=1)
    plane, *_ = np.linalg.lstsq(basis, depth[mask], rcond=None)
    out = np.zeros_like(depth)
    out[mask] = depth[mask] - basis @ plane
    return out

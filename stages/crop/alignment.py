"""Aligned square crops: one similarity transform for all maps of a session."""

from __future__ import annotations

import cv2
import numpy as np

from stages.maps import Maps

# Where the five landmarks go in a crop of side 1 (the 112 px template of ArcFace, Deng et al.,
# CVPR 2019, as published with InsightFace).
TEMPLATE = (
    np.array(
        [
            [38.2946, 51.6963],
            [73.5318, 51.5014],
            [56.0252, 71.7366],
            [41.5493, 92.3655],
            [70.7299, 92.2041],
        ]
    )
    / 112
)

# The oval about the template that shows the face and little else: centre and half axes, as shares
# of the side. Hair, clothes and background change between sessions and would pass for identity.
OVAL_CENTRE = (0.495, 0.54)
OVAL_AXES = (0.417, 0.479)


def face_oval(size: int) -> np.ndarray:
    """(size, size) bool: the part of a crop that is kept."""
    rows, columns = np.indices((size, size)) / size
    across = (columns - OVAL_CENTRE[0]) / OVAL_AXES[0]
    along = (rows - OVAL_CENTRE[1]) / OVAL_AXES[1]
    return across**2 + along**2 < 1


def similarity(landmarks: np.ndarray, size: int) -> np.ndarray:
    """The similarity transform that takes ``landmarks`` closest to the template.

    Least squares over rotation, scale and translation, without reflection (Umeyama, PAMI 13(4),
    1991; in the plane it is a linear problem in complex numbers).

    Parameters
    ----------
    landmarks : (5, 2)
        Pixels, x right and y down.
    size : int
        Side of the crop in pixels.

    Returns
    -------
    (2, 3) float64
        Takes (x, y, 1) of the image to (x, y) of the crop.
    """
    source = landmarks[:, 0] + 1j * landmarks[:, 1]
    target = size * (TEMPLATE[:, 0] + 1j * TEMPLATE[:, 1])
    centred = source - source.mean()
    factor = (centred.conj() @ target) / (centred.conj() @ centred)
    offset = target.mean() - factor * source.mean()
    return np.array(
        [[factor.real, -factor.imag, offset.real], [factor.imag, factor.real, offset.imag]]
    )


def crop_image(image: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """Resample (H, W) or (H, W, C) into the crop, zero outside; smoothed first when it shrinks."""
    scale = np.hypot(matrix[0, 0], matrix[1, 0])
    smooth: np.ndarray = image.astype(np.float32)
    if scale < 1:
        smooth = cv2.GaussianBlur(smooth, (0, 0), 0.5 * np.sqrt(1 / scale**2 - 1) + 1e-3)
    return cv2.warpAffine(smooth, matrix, (size, size), flags=cv2.INTER_LINEAR)


def crop_maps(maps: Maps, matrix: np.ndarray, size: int) -> Maps:
    """All maps of a session in the crop, zero outside the face's oval.

    Normal *vectors* turn with the image. Depth, measured in pixels, scales with it, and loses its
    level and tilt, the plane that fits it best: they are what integration knows least, since small
    errors of all normals add up in them.
    """
    weight = crop_image(maps.mask, matrix, size)
    mask = (weight > 0.5) & face_oval(size)
    share = np.where(mask, weight, 1)

    def resample(plane: np.ndarray) -> np.ndarray:
        return np.where(mask, crop_image(plane * maps.mask, matrix, size) / share, 0)

    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    cos, sin = matrix[0, 0] / scale, matrix[1, 0] / scale
    x, y, z = (resample(plane) for plane in maps.normal)
    # The matrix turns image axes, whose y runs down; the vectors' y runs up, hence the signs.
    normal = np.stack([cos * x + sin * y, -sin * x + cos * y, z])
    length = np.linalg.norm(normal, axis=0)
    normal = np.where(mask & (length > 1e-6), normal / np.maximum(length, 1e-6), 0)

    depth = _without_plane(resample(maps.depth) * scale, mask)
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

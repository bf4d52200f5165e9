"""Aligned square crops: the transform from a face to the template, and resampling."""

from __future__ import annotations

import cv2
import numpy as np

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

# The oval on the template that shows the face and little else: centre and half axes, as shares of
# the side. Hair, clothes and background change between captures and would pass for identity.
OVAL_CENTRE = (0.495, 0.54)
OVAL_AXES = (0.417, 0.479)
# This point of the template stays in place when a crop is zoomed: at 1.6 the crop then reaches from
# the middle of the forehead to the chin, and from cheek to cheek.
ZOOM_POINT = (0.487, 0.868)
UNMOVED, EXACT = np.eye(2, 3), 1e-6  # px: less is an error of rounding


def similarity(landmarks: np.ndarray, size: int, zoom: float = 1.0) -> np.ndarray:
    """Return the similarity transform that best maps ``landmarks`` to the template.

    Least squares over rotation, scale and translation, without reflection (Umeyama, PAMI 13(4),
    1991; in the plane, a linear problem in complex numbers).

    Parameters
    ----------
    landmarks : (5, 2)
        Pixels, x right and y down.
    size : int
        Side of the crop in pixels.
    zoom : float
        Enlargement of the template about `ZOOM_POINT`.

    Returns
    -------
    (2, 3) float64
        Maps (x, y, 1) of the image to (x, y) of the crop.
    """
    x, y = np.asarray(landmarks, np.float64).T  # a table's and a detector's give the same crop
    source = x + 1j * y
    template = zoom * TEMPLATE + (1 - zoom) * np.array(ZOOM_POINT)
    target = size * (template[:, 0] + 1j * template[:, 1])
    centred = source - source.mean()
    factor = (centred.conj() @ target) / (centred.conj() @ centred)
    offset = target.mean() - factor * source.mean()
    return np.array(
        [[factor.real, -factor.imag, offset.real], [factor.imag, factor.real, offset.imag]]
    )


def face_oval(size: int, zoom: float = 1.0) -> np.ndarray:
    """Return the part of a crop that is kept, (size, size) bool; ``zoom`` as in `similarity`."""
    rows, columns = np.indices((size, size)) / size
    columns = columns / zoom + (1 - 1 / zoom) * ZOOM_POINT[0]
    rows = rows / zoom + (1 - 1 / zoom) * ZOOM_POINT[1]
    across = (columns - OVAL_CENTRE[0]) / OVAL_AXES[0]
    along = (rows - OVAL_CENTRE[1]) / OVAL_AXES[1]
    return across**2 + along**2 < 1


def crop_image(image: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """Resample (H, W) or (H, W, C) into the crop, zero outside; smoothed first if it shrinks."""
    image = image.astype(np.float32)
    if image.shape[:2] == (size, size) and np.abs(matrix - UNMOVED).max() < EXACT:
        return image
    smooth = smoothed(image, float(np.hypot(matrix[0, 0], matrix[1, 0])))
    return cv2.warpAffine(smooth, matrix, (size, size), flags=cv2.INTER_LINEAR)


def smoothed(image: np.ndarray, scale: float) -> np.ndarray:
    """Smooth an image so that sampling it at ``scale`` of its size does not alias.

    A pixel is modelled as a Gaussian of half a pixel; the difference to a larger pixel's is added.
    """
    if scale >= 1:
        return image
    return cv2.GaussianBlur(image, (0, 0), 0.5 * np.sqrt(1 / scale**2 - 1) + 1e-3)

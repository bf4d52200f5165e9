"""Compare the details of two pictures with similar hashes, to decide whether they are the same.

Pictures of aligned faces, or of faces in one rig, are alike in the low frequencies that make up a
hash. What tells them apart is finer, and can be compared only after registration.
"""

from __future__ import annotations

import cv2
import numpy as np

SIDE = 64  # px
FINE, COARSE = 1.0, 4.0  # px: details are what a Gaussian of FINE keeps and one of COARSE removes
STEPS = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 30, 1e-4)
BORDER = np.ones((5, 5), np.uint8)
LEAST_SHARED = 0.5  # of the area


def thumbnail(image: np.ndarray) -> np.ndarray:
    """Reduce a grey picture (H, W) for `agreement`: (SIDE, SIDE) float32, up to 255."""
    grey = image.astype(np.float32)
    return cv2.resize(255 * grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def agreement(first: np.ndarray, second: np.ndarray) -> float:
    """Return the correlation, -1 to 1, of the details of two thumbnails where they overlap.

    The second is registered to the first by the affine transform of highest correlation
    (Evangelidis and Psarakis, PAMI 30(10), 2008), or left in place where none is found.
    """
    try:
        start = np.eye(2, 3, dtype=np.float32)
        _, warp = cv2.findTransformECC(first, second, start, cv2.MOTION_AFFINE, STEPS)
    except cv2.error:  # it diverged
        warp = np.eye(2, 3, dtype=np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(second, warp, (SIDE, SIDE), flags=flags)
    inside = cv2.warpAffine(np.ones_like(second), warp, (SIDE, SIDE), flags=flags) > 0.99
    shared = cv2.erode(inside.astype(np.uint8), BORDER, borderValue=0) > 0
    if shared.mean() < LEAST_SHARED:
        return 0.0
    a, b = _details(first)[shared], _details(moved)[shared]
    a, b = a - a.mean(), b - b.mean()
    return float((a @ b) / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-9))


def _details(image: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(image, (0, 0), FINE) - cv2.GaussianBlur(image, (0, 0), COARSE)

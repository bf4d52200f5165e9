"""Hash a picture to 64 bits, few of which change when it is re-encoded, resized or darkened.

C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010, section 3.2.1
(the DCT hash of the library pHash).
"""

from __future__ import annotations

import cv2
import numpy as np

SIDE, KEPT = 32, 8  # px; coefficients along each axis
LEAST_CONTRAST = 0.01  # standard deviation in [0, 1]: below it, the bits are noise


def picture_hash(image: np.ndarray) -> int | None:
    """Hash a grey picture (H, W) in [0, 1]; None if it is nearly uniform.

    A bit says whether one of the 8 x 8 lowest frequencies, excluding those constant along an axis,
    exceeds their median. The picture is reduced by averaging, where Zauner blurs and samples.
    """
    small = cv2.resize(image.astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    if small.std() < LEAST_CONTRAST:
        return None
    kept = cv2.dct(small)[1 : KEPT + 1, 1 : KEPT + 1].ravel()
    return int.from_bytes(np.packbits(kept > np.median(kept)).tobytes(), "big")

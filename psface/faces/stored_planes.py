"""How the pixels of a crop are stored: as the eight bits they came from, or as half floats."""

from __future__ import annotations

import cv2
import numpy as np

from psface.captures.images import to_uint8
from psface.faces.crop_params import CropParams

BRIGHTNESS = 0.45  # of a picture's range
HALVES = (np.arange(256, dtype=np.float32) / 255).astype(np.float16)  # of eight bits
FLOATS = HALVES.astype(np.float32)


def stored_pixels(
    image: np.ndarray, kept: np.ndarray, params: CropParams, eight_bit: bool
) -> np.ndarray:
    """Return the cut image (C, size, size) of a picture or frame as it is stored, float16.

    Parameters
    ----------
    kept : (size, size) bool
        The rest is black.
    eight_bit : bool
        Whether the picture has eight bits a channel. Then the crop has no more: each value is that
        of a half float nearest to a multiple of 1 / 255, unless it is scaled to one brightness.

    Examples
    --------
    >>> params = CropParams(
    ...     size=32, detector="aligned", detector_weights="", min_face_size=60, padding=0.0,
    ...     oval=False, colour=False, even_exposure=False,
    ... )
    >>> image, kept = np.full((1, 32, 32), 0.3), np.ones((32, 32), bool)
    >>> float(stored_pixels(image, kept, params, eight_bit=True)[0, 0, 0] * 255)
    77.0
    """
    image = image * kept
    if params.even_exposure:
        # Light and exposure differ between cameras.
        image = image * (BRIGHTNESS / max(float(image[:, kept].mean()), 1e-3))
    elif eight_bit:
        return in_halves(to_uint8(image))
    return image.astype(np.float16)


def in_halves(stored: np.ndarray) -> np.ndarray:
    """Return stored values as half floats; 255 of eight bits is 1.

    Examples
    --------
    >>> in_halves(np.array([0, 255], np.uint8)).tolist()
    [0.0, 1.0]
    """
    return np.take(HALVES, stored) if stored.dtype == np.uint8 else stored


def in_floats(stored: np.ndarray) -> np.ndarray:
    """Return stored values as float32; eight bits take a third of the time of half floats."""
    if stored.dtype != np.uint8:
        return stored.astype(np.float32)
    if not stored.size:
        return np.empty(stored.shape, np.float32)
    flat = np.ascontiguousarray(stored).reshape(-1, stored.shape[-1])
    return cv2.LUT(flat, FLOATS[None]).reshape(stored.shape)


def in_eight_bits(halves: np.ndarray) -> np.ndarray | None:
    """The inverse of `in_halves`: uint8, or None if some value has more than eight bits."""
    with np.errstate(invalid="ignore"):
        eight = to_uint8(halves.astype(np.float32))
    same = np.array_equal(HALVES[eight].view(np.uint16), halves.view(np.uint16))
    return eight if same else None

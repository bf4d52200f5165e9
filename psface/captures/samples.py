"""What the samples of a picture mean: how many there are, and the largest value one can have."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from psface.errors import UserError

LIMITS = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}
SUSPICIOUS = 14  # bits: 16-bit values above their range do not look like right-aligned samples
TINY = 1e-5  # of the largest value: an error of rounding or of compression


def check_size(width: int, height: int, most: int | None, path: Path) -> None:
    """Refuse a picture whose header states more than ``most`` pixels.

    Raises
    ------
    UserError
        If it does, before anything is decoded.
    """
    if most is not None and width * height > most:
        size = f"{width} x {height}" if width < 2**31 else "hundreds of millions of"
        raise UserError(
            f"{path}: {size} pixels, more than {most}; make it smaller, or raise max_pixels "
            "(ingest.max_pixels in params.yaml; --max-pixels of detect)"
        )


def white_level(image: np.ndarray, path: Path, bits: int | None, stated: int | None) -> int:
    """Return the largest value that a sample of an integer picture can have.

    Parameters
    ----------
    bits, stated : int or None
        Bit depth of right-aligned samples by the user, and by the file.

    Raises
    ------
    UserError
        If it is unclear, or contradicted by the values.
    """
    if image.dtype != np.uint16:
        return 255
    top = int(image.max(initial=0))
    if stated is not None and stated < 16 and top < 2**stated and not _left_aligned(image):
        return int(2**stated - 1)
    if bits is not None:
        if top >= 2**bits:
            raise UserError(
                f"{path}: a value of {top}, over the {2**bits - 1} of {bits} bits; correct bits"
            )
        return int(2**bits - 1)
    if 0 < top < 2**SUSPICIOUS and not _left_aligned(image):
        likely = next(n for n in (8, 10, 12, 14) if top < 2**n)
        raise UserError(
            f"{path}: 16-bit values up to {top}, as from a {likely}-bit camera; set bits to "
            f"{likely}, or to 16 if the picture is just dark (ingest.bits in params.yaml; "
            "--bits of detect)"
        )
    return 65535


def _left_aligned(image: np.ndarray) -> bool:
    """Whether values were scaled up from fewer bits: the low bits are zero or repeat high ones."""
    if not (image & 15).any():
        return True
    return any((image == (high | image >> n)).all() for n, high in ((8, image & 0xFF00),
        (10, image & 0xFFC0), (12, image & 0xFFF0), (14, image & 0xFFFC)))  # fmt: skip


def scaled(image: np.ndarray, white: int) -> np.ndarray:
    """Scale to uint16, unless uint8 with white 255 or uint16 with white 65535."""
    if image.dtype in LIMITS and white == LIMITS[image.dtype]:
        return np.ascontiguousarray(image)
    return (image.astype(np.float64) * (65535 / white)).round().astype(np.uint16)


def light(image: np.ndarray, path: Path, white: float) -> np.ndarray:
    """Check that floating-point samples can be amounts of light, and return them as float32.

    Parameters
    ----------
    image : (H, W) or (H, W, 3)
        Of any floating-point type.
    white : float
        Value of a saturated pixel.

    Raises
    ------
    UserError
        If a sample is not a finite number, is negative, or is over ``white``.
    """
    with np.errstate(over="ignore"):
        image = np.ascontiguousarray(image, dtype=np.float32)
    low, high = float(image.min(initial=0)), float(image.max(initial=0))  # NaN if there is one
    if not (np.isfinite(low) and np.isfinite(high)):
        y, x = (int(index) for index in np.argwhere(~np.isfinite(image))[0][:2])
        found = "not a number" if np.isnan(image[y, x]).any() else "infinite"
        raise UserError(
            f"{path}: {found} at column {x}, row {y} (from 0); replace such values before saving"
        )
    if low < -TINY * high:
        raise UserError(
            f"{path}: values down to {low:.3g}, but light is not negative; was a dark frame "
            "subtracted? clip it at 0 before saving"
        )
    if high > white * (1 + TINY):
        raise UserError(
            f"{path}: values up to {high:.6g}, over the {white:g} of a saturated pixel; set "
            "camera.white in the rig to the sensor's largest value, or scale the picture to [0, 1]"
        )
    return np.clip(image, 0, np.float32(white)) if low < 0 or high > white else image

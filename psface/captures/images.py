"""Read pictures as grey or RGB arrays, linear, float32 in [0, 1]."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from psface.captures.decoding import decode
from psface.captures.limits import MAX_PIXELS
from psface.captures.raw_images import RAW_SUFFIXES
from psface.captures.recordio import read_record
from psface.captures.samples import LIMITS
from psface.errors import UserError
from psface.files import check_regular
from psface.paths import exists
from psface.user_tables import whole

PICTURE_SUFFIXES = (
    ".avif", ".bmp", ".exr", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png",
    ".pnm", ".ppm", ".tif", ".tiff", ".webp", *RAW_SUFFIXES,
)  # fmt: skip
OTHER_PICTURES = (  # not supported; reported rather than silently skipped
    ".hdr",
    ".heic",
    ".heif",
    ".j2k",
    ".jp2",
    ".jxl",
    ".pcx",
    ".psd",
    ".raw",
    ".tga",
    ".xcf",
)


def read_frame(
    path: Path,
    bits: int | None = None,
    max_pixels: int | None = MAX_PIXELS,
    white: float = 1.0,
) -> np.ndarray:
    """Read one frame in grey, (H, W) float32 in [0, 1], where 1 is the limit of its bit depth.

    For ``bits``, ``max_pixels`` and ``white``, see `decode`.

    Raises
    ------
    UserError
        If the file is missing or cannot be decoded.
    """
    return grey(decode(read_bytes(path), path, bits, max_pixels, white), white)


def grey(image: np.ndarray, white: float = 1.0) -> np.ndarray:
    """Convert an image of `decode` to (H, W) float32 in [0, 1].

    Colour channels are averaged: a rig's shading is the same in each, and equal weights give the
    least noise.

    Parameters
    ----------
    image : (H, W) or (H, W, 3)
        uint8, uint16, or float32 in [0, white].
    white : float
        Value of a saturated pixel in images of floating-point numbers.
    """
    plane = image.astype(np.float32) if image.ndim == 2 else _mean(image)
    plane *= _scale(image, white)
    return plane


def _mean(image: np.ndarray) -> np.ndarray:
    """Average over channels, as `numpy.mean` does it, but in a tenth of the time."""
    total = image[..., 0].astype(np.float32)
    for channel in range(1, image.shape[-1]):
        total += image[..., channel]
    total /= image.shape[-1]
    return total


def brightest_channel(image: np.ndarray) -> np.ndarray:
    """Largest value (H, W) of the channels of an image (H, W, 3), as decoded."""
    return np.maximum(np.maximum(image[..., 0], image[..., 1]), image[..., 2])


def rgb(image: np.ndarray, white: float = 1.0) -> np.ndarray:
    """Convert an image of `decode` to (H, W, 3) float32 in [0, 1]; parameters as of `grey`."""
    colours = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
    return colours.astype(np.float32) * _scale(image, white)


def _scale(image: np.ndarray, white: float) -> np.float32:
    return np.float32(1 / LIMITS.get(image.dtype, white))


def read_bytes(path: Path) -> bytes:
    """Read the bytes of a frame; a missing or unreadable file is a `UserError` that names it.

    ``<file>::<byte>`` is the picture of a record in a RecordIO file (`psface.captures.recordio`).
    """
    file, separator, byte = path.name.rpartition("::")
    if separator and (offset := whole(byte)) is not None and not exists(path):
        return read_record(path.with_name(file), offset)[1]
    check_regular(path)
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; restore it or leave it out") from error


def as_jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    """Compress a picture (H, W) or (H, W, 3) uint8 as JPEG and decode it again."""
    data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    decoded = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    assert decoded is not None  # encoded just above
    return decoded


def to_uint8(image: np.ndarray) -> np.ndarray:
    """Convert an image in [0, 1] to uint8, clipped."""
    return np.clip(image * 255 + 0.5, 0, 255).astype(np.uint8)

"""Reading pictures into the forms used inside: grey or RGB, linear, float32 in [0, 1]."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from stages.errors import UserError
from stages.recordio import read_record

PICTURE_SUFFIXES = (
    ".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp",
)  # fmt: skip
FRAME_SUFFIXES = (".bmp", ".png", ".pgm", ".ppm", ".tif", ".tiff")
LIMITS = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}
# A broken file is reported by us, with its session; OpenCV's own lines would repeat it unnamed.
cv2.utils.logging.setLogLevel(0)


def decode(data: bytes, path: Path) -> np.ndarray:
    """The picture that is encoded in some bytes, upright as a viewer shows it.

    Returns
    -------
    (H, W) or (H, W, 3)
        Grey, or RGB without an alpha channel; uint8 or uint16.

    Raises
    ------
    UserError
        If the bytes are no whole image of 8 or 16 bits.
    """
    buffer = np.frombuffer(data, dtype=np.uint8)
    try:
        flags = cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH
        image = cv2.imdecode(buffer, flags) if buffer.size else None
    except cv2.error:  # more pixels than OpenCV takes
        image = None
    if image is None:
        raise UserError(f"{path}: truncated or not an image; copy it again")
    if image.dtype not in LIMITS:
        raise UserError(f"{path}: {image.dtype} pixels; save it with 8 or 16 bits")
    return image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def read_frame(path: Path) -> np.ndarray:
    """Read one frame in grey, (H, W) float32 in [0, 1], where 1 is the limit of its bit depth.

    Raises
    ------
    UserError
        If the file is missing or cannot be decoded.
    """
    return grey(decode(read_bytes(path), path))


def grey(image: np.ndarray) -> np.ndarray:
    """An image of `decode` as (H, W) float32 in [0, 1].

    Colour channels are averaged: a rig's shading is the same in each, and equal weights have the
    least noise.
    """
    plane = image if image.ndim == 2 else image.mean(axis=-1, dtype=np.float32)
    return plane.astype(np.float32) * np.float32(1 / LIMITS[image.dtype])


def rgb(image: np.ndarray) -> np.ndarray:
    """An image of `decode` as (H, W, 3) float32 in [0, 1]."""
    colours = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
    return colours.astype(np.float32) * np.float32(1 / LIMITS[image.dtype])


def read_bytes(path: Path) -> bytes:
    """The bytes of a frame; a missing or unreadable file is a `UserError` that names it.

    ``<file>::<byte>`` is the picture of a record in a RecordIO file (`stages.recordio`).
    """
    file, inside, byte = path.name.rpartition("::")
    if inside and byte.isdigit() and not path.exists():
        return read_record(path.with_name(file), int(byte))[1]
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; restore it or leave it out") from error


def as_jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    """What JPEG leaves of a picture (H, W) or (H, W, 3) uint8."""
    data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    read = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    assert read is not None  # our own
    return read


def to_uint8(image: np.ndarray) -> np.ndarray:
    """A picture of an image in [0, 1]: uint8, clipped."""
    return np.clip(image * 255 + 0.5, 0, 255).astype(np.uint8)

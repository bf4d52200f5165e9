"""Reading frames into the one form used inside: grey, linear, float32 in [0, 1]."""

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
# A broken file is reported by us, with its session; OpenCV's own lines would repeat it unnamed.
cv2.utils.logging.setLogLevel(0)


def decode_frame(data: bytes, path: Path) -> np.ndarray:
    """Decode an 8 or 16 bit, grey or colour image.

    Colour channels are averaged: a rig's shading is the same in each, and equal weights have the
    least noise.

    Returns
    -------
    (H, W) float32 in [0, 1]
        1 is the limit of the file's bit depth.

    Raises
    ------
    UserError
        If the bytes are no whole image of 8 or 16 bits.
    """
    buffer = np.frombuffer(data, dtype=np.uint8)
    try:
        image = cv2.imdecode(buffer, cv2.IMREAD_UNCHANGED) if buffer.size else None
    except cv2.error:
        image = None
    if image is None:
        raise UserError(f"{path}: truncated or not an image; copy it again from the capture")
    limits = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}
    if image.dtype not in limits:
        raise UserError(f"{path}: {image.dtype} pixels; save it with 8 or 16 bits")
    grey = image if image.ndim == 2 else image[..., :3].mean(axis=-1, dtype=np.float32)
    return grey.astype(np.float32) * np.float32(1 / limits[image.dtype])


def read_frame(path: Path) -> np.ndarray:
    """Read one frame as (H, W) float32 in [0, 1]; see `decode_frame`.

    Raises
    ------
    UserError
        If the file is missing or cannot be decoded.
    """
    return decode_frame(read_bytes(path), path)


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


def to_uint8(image: np.ndarray) -> np.ndarray:
    """A picture of an image in [0, 1]: uint8, clipped."""
    return np.clip(image * 255 + 0.5, 0, 255).astype(np.uint8)

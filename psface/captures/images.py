"""Read pictures as grey or RGB arrays, linear, float32 in [0, 1]."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from psface.captures.decoding import LIMITS, decode
from psface.captures.limits import MAX_PIXELS
from psface.captures.recordio import read_record
from psface.errors import UserError
from psface.files import check_regular
from psface.paths import exists
from psface.user_tables import whole

PICTURE_SUFFIXES = (
    ".avif", ".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm",
    ".ppm", ".tif", ".tiff", ".webp",
)  # fmt: skip
OTHER_PICTURES = (  # not supported; reported rather than silently skipped
    ".arw", ".cr2", ".cr3", ".dng", ".exr", ".hdr", ".heic", ".heif", ".j2k", ".jp2", ".jxl",
    ".nef", ".orf", ".pcx", ".psd", ".raf", ".raw", ".rw2", ".tga", ".xcf",
)  # fmt: skip


def read_frame(
    path: Path, bits: int | None = None, max_pixels: int | None = MAX_PIXELS
) -> np.ndarray:
    """Read one frame in grey, (H, W) float32 in [0, 1], where 1 is the limit of its bit depth.

    For ``bits`` and ``max_pixels``, see `decode`.

    Raises
    ------
    UserError
        If the file is missing or cannot be decoded.
    """
    return grey(decode(read_bytes(path), path, bits, max_pixels))


def grey(image: np.ndarray) -> np.ndarray:
    """Convert an image of `decode` to (H, W) float32 in [0, 1].

    Colour channels are averaged: a rig's shading is the same in each, and equal weights give the
    least noise.
    """
    plane = image if image.ndim == 2 else image.mean(axis=-1, dtype=np.float32)
    return plane.astype(np.float32) * np.float32(1 / LIMITS[image.dtype])


def rgb(image: np.ndarray) -> np.ndarray:
    """Convert an image of `decode` to (H, W, 3) float32 in [0, 1]."""
    colours = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
    return colours.astype(np.float32) * np.float32(1 / LIMITS[image.dtype])


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

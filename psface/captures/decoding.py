"""Decode image files to arrays whose largest possible value is known.

OpenCV reads most formats. Formats whose tags and headers define what a sample means have readers of
their own: OpenCV reads a TIFF tagged white-is-zero inverted, and knows no largest values but 255
and 65535.
"""

from __future__ import annotations

import io
import struct
import warnings
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from psface.captures.float_images import EXR, read_exr
from psface.captures.limits import MAX_PIXELS
from psface.captures.pnm_images import is_pnm, read_pnm
from psface.captures.raw_images import is_raw, read_raw
from psface.captures.samples import LIMITS, check_size, scaled, white_level
from psface.captures.tiff_images import TIFF, read_tiff
from psface.errors import UserError

# We report a broken file with its capture; OpenCV's own messages would repeat it without a name.
cv2.utils.logging.setLogLevel(0)
PNG = b"\x89PNG\r\n\x1a\n"
BMP_HEADER = struct.pack("<I", 40)  # the length of the usual one
# Unsupported formats by (offset, magic bytes).
UNREAD = {
    (4, b"ftyphei"): "HEIC", (4, b"ftyphev"): "HEIC", (4, b"ftypmif1"): "HEIF",
    (0, b"\xff\x0a"): "JPEG XL", (4, b"JXL "): "JPEG XL", (0, b"%PDF"): "PDF", (0, b"8BPS"): "PSD",
    (0, b"<svg"): "SVG", (0, b"<?xml"): "SVG", (0, b"<!DOCTYPE"): "a web page",
    (0, b"<html"): "a web page", (0, b"version https://git-lfs"): "a Git LFS pointer",
}  # fmt: skip


def decode(
    data: bytes,
    path: Path,
    bits: int | None = None,
    max_pixels: int | None = MAX_PIXELS,
    white: float = 1.0,
) -> np.ndarray:
    """Decode a picture, upright as a viewer shows it.

    Parameters
    ----------
    bits : int, optional
        Bit depth of the right-aligned samples in a 16-bit file that does not record it. Without
        it, a file whose values look like those of a camera with fewer bits is refused.
    max_pixels : int, optional
        A picture with more, by its header, is refused: a small file can hold a very large one.
        None for files already checked.
    white : float
        Value of a saturated pixel in a file of floating-point numbers; larger ones are refused.

    Returns
    -------
    (H, W) or (H, W, 3)
        Grey, or RGB without an alpha channel. uint8 or uint16, where 0 is black and the type's
        maximum is the largest possible value; float32 in [0, white], linear in the light and as in
        the file, of a float TIFF or OpenEXR. Camera RAW is uint16, linear, in the sensor's colours
        (`psface.captures.raw_images`).

    Raises
    ------
    UserError
        If the bytes are not one complete image of 8 or 16 bits or of floating-point numbers, or
        are ambiguous.
    """
    for (at, magic), kind in UNREAD.items():
        if data[at : at + len(magic)] == magic:
            raise UserError(f"{path}: {kind}, which cannot be read; save it as PNG, TIFF or JPEG")
    try:
        if is_raw(data, path):
            return read_raw(data, path, max_pixels)
        if data[:4] in TIFF:
            return read_tiff(data, path, bits, max_pixels, white)
        if is_pnm(data):
            return read_pnm(data, path, bits, max_pixels)
        if data[:4] == EXR:
            return read_exr(data, path, max_pixels, white)
        if max_pixels is not None:
            check_size(*_header_size(data, path), max_pixels, path)
        return _opencv(data, path, bits)
    except UserError:
        raise
    except Exception as error:  # the readers can raise anything on a broken file
        reason = " ".join(str(error).split())[:120]
        raise UserError(f"{path}: truncated or not an image ({reason}); copy it again") from error


def _header_size(data: bytes, path: Path) -> tuple[int, int]:
    if data[:8] == PNG and len(data) >= 24:  # Pillow refuses bad checksums, OpenCV does not
        width, height = struct.unpack_from(">II", data, 16)
        return width, height
    if data[:2] == b"BM" and data[14:18] == BMP_HEADER and len(data) >= 26:
        # Pillow reads the palette, too, which takes as long as the picture.
        width, height = struct.unpack_from("<ii", data, 18)
        return width, abs(height)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about Pillow's own limit
        try:
            with Image.open(io.BytesIO(data)) as image:
                return image.size
        except Image.DecompressionBombError:
            return 2**31, 2**31
        except Exception:  # a broken header can raise anything
            raise UserError(f"{path}: truncated or not an image; copy it again") from None


def _opencv(data: bytes, path: Path, bits: int | None) -> np.ndarray:
    if (frames := _frames(data)) > 1:
        raise UserError(f"{path}: {frames} pictures in one file; save only the one to use")
    flags = cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH
    if data[4:12] in (b"ftypavif", b"ftypavis"):
        flags = cv2.IMREAD_ANYCOLOR  # OpenCV does not scale values of more than 8 bits
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data else None
    except cv2.error:  # more pixels than OpenCV allows
        image = None
    if image is None:
        raise UserError(f"{path}: truncated or not an image; copy it again")
    if image.dtype not in LIMITS:
        raise UserError(
            f"{path}: {image.dtype} pixels; save it with 8 or 16 bits, or as float TIFF"
        )
    image = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return scaled(image, white_level(image, path, bits, _png_bits(data)))


def _frames(data: bytes) -> int:
    """Count the frames of a GIF, WebP, PNG or AVIF file."""
    animated = (data[:4] == b"GIF8", b"ANIM" in data[:64], b"acTL" in data[:256])
    if not any(animated) and data[4:12] != b"ftypavis":
        return 1
    with Image.open(io.BytesIO(data)) as image:
        return int(getattr(image, "n_frames", 1))


def _png_bits(data: bytes) -> int | None:
    """Return the significant bits in a PNG's sBIT chunk, if the same in all channels."""
    if data[:8] != PNG:
        return None
    at = 8
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"sBIT":
            stated = set(data[at + 8 : at + 8 + length])
            return stated.pop() if len(stated) == 1 else None
        if kind in (b"PLTE", b"IDAT"):  # sBIT comes before them
            return None
        at += 12 + length
    return None

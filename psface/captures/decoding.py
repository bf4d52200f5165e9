"""Decode image files to arrays whose largest possible value is known.

OpenCV reads most formats. TIFF and PNM, whose tags and headers define what a sample means, are read
by tifffile and netpbmfile: OpenCV reads a TIFF tagged white-is-zero inverted, and knows no largest
values but 255 and 65535.
"""

from __future__ import annotations

import io
import logging
import struct
import warnings
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import cast

import cv2
import netpbmfile
import numpy as np
import tifffile
from PIL import Image

from psface.captures.limits import MAX_PIXELS
from psface.errors import UserError

# We report a broken file with its capture; OpenCV's own messages would repeat it without a name.
cv2.utils.logging.setLogLevel(0)
logging.getLogger("tifffile").setLevel(logging.CRITICAL + 1)
PNG = b"\x89PNG\r\n\x1a\n"
MOST_PAGES = 16  # per TIFF: a picture and its thumbnails
SUSPICIOUS = 14  # bits: 16-bit values above their range do not look like right-aligned samples
LIMITS = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}
# Unsupported formats by (offset, magic bytes).
UNREAD = {
    (4, b"ftyphei"): "HEIC", (4, b"ftyphev"): "HEIC", (4, b"ftypmif1"): "HEIF",
    (4, b"ftypcrx"): "camera RAW", (0, b"FUJIFILMCCD-RAW"): "camera RAW",
    (0, b"IIRO"): "camera RAW", (0, b"IIU\0"): "camera RAW", (8, b"CR\x02\0"): "camera RAW",
    (0, b"\xff\x0a"): "JPEG XL", (4, b"JXL "): "JPEG XL", (0, b"%PDF"): "PDF", (0, b"8BPS"): "PSD",
    (0, b"<svg"): "SVG", (0, b"<?xml"): "SVG", (0, b"<!DOCTYPE"): "a web page",
    (0, b"<html"): "a web page", (0, b"version https://git-lfs"): "a Git LFS pointer",
}  # fmt: skip
READ = (tifffile.PHOTOMETRIC.MINISWHITE, tifffile.PHOTOMETRIC.MINISBLACK, tifffile.PHOTOMETRIC.RGB)
TURNS: dict[int, Callable[[np.ndarray], np.ndarray]] = {  # by EXIF orientation
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a.swapaxes(0, 1)[:, ::-1],
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: a.swapaxes(0, 1)[::-1],
}


def decode(
    data: bytes, path: Path, bits: int | None = None, max_pixels: int | None = MAX_PIXELS
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

    Returns
    -------
    (H, W) or (H, W, 3)
        Grey, or RGB without an alpha channel; uint8 or uint16, where 0 is black and the type's
        maximum is the largest possible value.

    Raises
    ------
    UserError
        If the bytes are not one complete image of 8 or 16 bits, or are ambiguous.
    """
    for (at, magic), kind in UNREAD.items():
        if data[at : at + len(magic)] == magic:
            raise UserError(f"{path}: {kind}, which cannot be read; save it as PNG, TIFF or JPEG")
    try:
        if data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
            return _tiff(data, path, bits, max_pixels)
        if data[:1] == b"P" and data[1:2] in b"1234567" and data[2:3].isspace():
            return _pnm(data, path, bits, max_pixels)
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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about Pillow's own limit
        try:
            with Image.open(io.BytesIO(data)) as image:
                return image.size
        except Image.DecompressionBombError:
            return 2**31, 2**31
        except Exception:  # a broken header can raise anything
            raise UserError(f"{path}: truncated or not an image; copy it again") from None


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
        raise UserError(f"{path}: {image.dtype} pixels; save it with 8 or 16 bits")
    image = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return _scaled(image, _white(image, path, bits, _png_bits(data)))


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


def _pnm(data: bytes, path: Path, bits: int | None, max_pixels: int | None) -> np.ndarray:
    with netpbmfile.NetpbmFile(io.BytesIO(data)) as file:
        kind, white, count = file.magicnumber, int(file.maxval), int(file.frames)
        if count != 1:
            raise UserError(f"{path}: more than one picture; save only the one to use")
        check_size(int(file.width), int(file.height), max_pixels, path)
        image = np.asarray(file.asarray())
        image = image.astype(image.dtype.newbyteorder("="))
    if image.dtype.kind not in "bu" or not 1 <= white <= 65535:
        raise UserError(f"{path}: {image.dtype} pixels; save it with 8 or 16 bits")
    if image.ndim == 3 and image.shape[-1] in (1, 2, 4):  # with alpha, or one plane
        image = image[..., 0] if image.shape[-1] < 4 else image[..., :3]
    if kind in ("P1", "P4"):  # in bitmaps, 1 is black
        image, white = 1 - image.astype(np.uint8), 1
    if int(image.max(initial=0)) > white:
        raise UserError(f"{path}: a value over its stated maximum of {white}; save it again")
    stated = white not in (255, 65535)
    return _scaled(image, white if stated else _white(image, path, bits, None))


def _tiff(data: bytes, path: Path, bits: int | None, max_pixels: int | None) -> np.ndarray:
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        file.pages.useframes = False
        # A few, since in a damaged file they may form a cycle. All are TiffPage: useframes is off.
        every = [cast(tifffile.TiffPage, page) for page in islice(file.pages, MOST_PAGES)]
        pages = [page for page in every if not page.is_reduced]
        if not pages:
            raise UserError(f"{path}: truncated or not an image; copy it again")
        if len(pages) != 1:
            raise UserError(f"{path}: {len(pages)} pages; save only the one to use")
        page = pages[0]
        if page.dtype is None or page.dtype.kind not in "bu" or page.bitspersample > 16:
            raise UserError(f"{path}: {page.dtype} pixels; save it with 8 or 16 bits")
        kind = page.photometric
        if page.axes not in ("YX", "YXS", "SYX"):
            raise UserError(f"{path}: axes {page.axes}; save it as one picture")
        check_size(page.imagewidth, page.imagelength, max_pixels, path)
        _check_whole(page, data, path)
        image = page.asarray()
        image = np.moveaxis(image, 0, -1) if page.axes == "SYX" else image
        white = 2**page.bitspersample - 1
        if kind == tifffile.PHOTOMETRIC.PALETTE and page.colormap is not None:
            image, white = np.moveaxis(page.colormap[:, image], 0, -1), 65535
        elif kind == tifffile.PHOTOMETRIC.YCBCR and page.compression in (6, 7, 34892):
            pass  # decoded to RGB
        elif kind not in READ:
            name = getattr(kind, "name", kind)
            raise UserError(f"{path}: colour space {name}; save it in grey or RGB")
        else:
            image = _without_alpha(image, page, path, white)
            stated = page.tags.get("MaxSampleValue")
            known = [2**n - 1 for n in range(9, 16)]
            if stated is not None and (top := np.max(stated.value)) in known:
                white = int(top) if image.max() <= top else white
        if white == 65535 and kind != tifffile.PHOTOMETRIC.PALETTE:
            white = _white(image, path, bits, None)
        image = _scaled(image, white)
        if kind == tifffile.PHOTOMETRIC.MINISWHITE:
            image = np.iinfo(image.dtype).max - image
        tag = page.tags.get("Orientation")
        turn = TURNS.get(int(tag.value)) if tag is not None else None
        return image if turn is None else np.ascontiguousarray(turn(image))


def _check_whole(page: tifffile.TiffPage, data: bytes, path: Path) -> None:
    # tifffile fills missing data with zeros.
    ends = (a + n for a, n in zip(page.dataoffsets, page.databytecounts, strict=True))
    if not page.dataoffsets or 0 in page.databytecounts or max(ends) > len(data):
        raise UserError(f"{path}: truncated or not an image; copy it again")


def _without_alpha(
    image: np.ndarray, page: tifffile.TiffPage, path: Path, white: int
) -> np.ndarray:
    if image.ndim == 2:
        return image
    colours = 3 if page.photometric == tifffile.PHOTOMETRIC.RGB else 1
    extra = image[..., colours:]
    for number, kind in enumerate(page.extrasamples[: extra.shape[-1]]):
        if kind == 1 and (extra[..., number] != white).any():
            raise UserError(f"{path}: colours premultiplied by alpha; save it without alpha")
    if image.shape[-1] < colours:
        raise UserError(f"{path}: {image.shape[-1]} colour channels; save it in grey or RGB")
    return image[..., :3] if colours == 3 else image[..., 0]


def _white(image: np.ndarray, path: Path, bits: int | None, stated: int | None) -> int:
    """Return the largest value that a sample of such a file can have."""
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


def _scaled(image: np.ndarray, white: int) -> np.ndarray:
    """Scale to uint16, unless uint8 with white 255 or uint16 with white 65535."""
    if image.dtype in LIMITS and white == LIMITS[image.dtype]:
        return np.ascontiguousarray(image)
    return (image.astype(np.float64) * (65535 / white)).round().astype(np.uint16)

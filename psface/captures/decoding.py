"""Image files as arrays whose largest possible value is known.

OpenCV reads most kinds. TIFF and PNM, whose tags and headers say what a sample means, are read by
tifffile and netpbmfile: OpenCV takes a TIFF's white for black where its tag says so, and knows no
largest value but 255 and 65535.
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

# A broken file is reported by us, with its session; OpenCV's own lines would repeat it unnamed.
cv2.utils.logging.setLogLevel(0)
logging.getLogger("tifffile").setLevel(logging.CRITICAL + 1)
PNG = b"\x89PNG\r\n\x1a\n"
MOST_PAGES = 16  # of a TIFF: a picture and its thumbnails
SUSPICIOUS = 14  # bits: no 16-bit sample over their range looks like a camera's, right-aligned
LIMITS = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}
# What a file begins with, at which byte, for kinds that are not read.
UNREAD = {
    (4, b"ftyphei"): "HEIC", (4, b"ftyphev"): "HEIC", (4, b"ftypmif1"): "HEIF",
    (4, b"ftypcrx"): "camera RAW", (0, b"FUJIFILMCCD-RAW"): "camera RAW",
    (0, b"IIRO"): "camera RAW", (0, b"IIU\0"): "camera RAW", (8, b"CR\x02\0"): "camera RAW",
    (0, b"\xff\x0a"): "JPEG XL", (4, b"JXL "): "JPEG XL", (0, b"%PDF"): "PDF", (0, b"8BPS"): "PSD",
    (0, b"<svg"): "SVG", (0, b"<?xml"): "SVG", (0, b"<!DOCTYPE"): "a web page",
    (0, b"<html"): "a web page", (0, b"version https://git-lfs"): "a Git LFS pointer",
}  # fmt: skip
READ = (tifffile.PHOTOMETRIC.MINISWHITE, tifffile.PHOTOMETRIC.MINISBLACK, tifffile.PHOTOMETRIC.RGB)
TURNS: dict[int, Callable[[np.ndarray], np.ndarray]] = {  # by EXIF's orientation
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
    """The picture that is encoded in some bytes, upright as a viewer shows it.

    Parameters
    ----------
    bits : int, optional
        How many bits the samples of a 16-bit file use, from the lowest, where the file does not
        say. Without it, a file whose values look like those of a camera of fewer bits is refused.
    max_pixels : int, optional
        Of more, by its header, a picture is refused: a small file can hold a very large one. None
        for files that were checked before.

    Returns
    -------
    (H, W) or (H, W, 3)
        Grey, or RGB without an alpha channel; uint8 or uint16, of which 0 is black and the type's
        largest value the largest that could be.

    Raises
    ------
    UserError
        If the bytes are not one whole image of 8 or 16 bits, or can be read in two ways.
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
    except Exception as error:  # the readers raise whatever a broken file runs them into
        reason = " ".join(str(error).split())[:120]
        raise UserError(f"{path}: truncated or not an image ({reason}); copy it again") from error


def _header_size(data: bytes, path: Path) -> tuple[int, int]:
    if data[:8] == PNG and len(data) >= 24:  # Pillow checks sums that OpenCV does not mind
        width, height = struct.unpack_from(">II", data, 16)
        return width, height
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's own limit, which is not ours
        try:
            with Image.open(io.BytesIO(data)) as image:
                return image.size
        except Image.DecompressionBombError:
            return 2**31, 2**31
        except Exception:  # whatever a broken header runs it into
            raise UserError(f"{path}: truncated or not an image; copy it again") from None


def check_size(width: int, height: int, most: int | None, path: Path) -> None:
    """Refuse a picture whose header states more than so many pixels.

    Raises
    ------
    UserError
        Before anything is decoded.
    """
    if most is not None and width * height > most:
        size = f"{width} x {height}" if width < 2**31 else "hundreds of millions of"
        raise UserError(
            f"{path}: {size} pixels, more than {most}; make it smaller, or raise max_pixels "
            "(ingest.max_pixels in params.yaml; --max-pixels of detect)"
        )


def _opencv(data: bytes, path: Path, bits: int | None) -> np.ndarray:
    if (frames := _frames(data)) > 1:
        raise UserError(f"{path}: {frames} pictures in one file; save the one that is meant")
    flags = cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH
    if data[4:12] in (b"ftypavif", b"ftypavis"):
        flags = cv2.IMREAD_ANYCOLOR  # with more than 8 bits, its values are not scaled
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data else None
    except cv2.error:  # more pixels than OpenCV takes
        image = None
    if image is None:
        raise UserError(f"{path}: truncated or not an image; copy it again")
    if image.dtype not in LIMITS:
        raise UserError(f"{path}: {image.dtype} pixels; save it with 8 or 16 bits")
    image = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return _scaled(image, _white(image, path, bits, _png_bits(data)))


def _frames(data: bytes) -> int:
    """How many pictures a GIF, WebP, PNG or AVIF file plays."""
    moving = (data[:4] == b"GIF8", b"ANIM" in data[:64], b"acTL" in data[:256])
    if not any(moving) and data[4:12] != b"ftypavis":
        return 1
    with Image.open(io.BytesIO(data)) as image:
        return int(getattr(image, "n_frames", 1))


def _png_bits(data: bytes) -> int | None:
    """The significant bits that a PNG states in its sBIT chunk, if they are one number."""
    if data[:8] != PNG:
        return None
    at = 8
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"sBIT":
            stated = set(data[at + 8 : at + 8 + length])
            return stated.pop() if len(stated) == 1 else None
        if kind in (b"PLTE", b"IDAT"):  # it comes before them
            return None
        at += 12 + length
    return None


def _pnm(data: bytes, path: Path, bits: int | None, max_pixels: int | None) -> np.ndarray:
    with netpbmfile.NetpbmFile(io.BytesIO(data)) as file:
        kind, white, count = file.magicnumber, int(file.maxval), int(file.frames)
        if count != 1:
            raise UserError(f"{path}: more than one picture; save the one that is meant by itself")
        check_size(int(file.width), int(file.height), max_pixels, path)
        image = np.asarray(file.asarray())
        image = image.astype(image.dtype.newbyteorder("="))
    if image.dtype.kind not in "bu" or not 1 <= white <= 65535:
        raise UserError(f"{path}: {image.dtype} pixels; save it with 8 or 16 bits")
    if image.ndim == 3 and image.shape[-1] in (1, 2, 4):  # with alpha, or one plane
        image = image[..., 0] if image.shape[-1] < 4 else image[..., :3]
    if kind in ("P1", "P4"):  # of bits, 1 is black
        image, white = 1 - image.astype(np.uint8), 1
    if int(image.max(initial=0)) > white:
        raise UserError(f"{path}: a value over the maximum of {white} that it states; save it anew")
    stated = white not in (255, 65535)
    return _scaled(image, white if stated else _white(image, path, bits, None))


def _tiff(data: bytes, path: Path, bits: int | None, max_pixels: int | None) -> np.ndarray:
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        file.pages.useframes = False
        # A few, since in a damaged file they may follow each other in a circle; useframes is off.
        every = [cast(tifffile.TiffPage, page) for page in islice(file.pages, MOST_PAGES)]
        pages = [page for page in every if not page.is_reduced]
        if not pages:
            raise UserError(f"{path}: truncated or not an image; copy it again")
        if len(pages) != 1:
            raise UserError(f"{path}: {len(pages)} pages; save the one that is meant by itself")
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
            raise UserError(f"{path}: colours as {name}; save it in grey or RGB")
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
    # tifffile fills what is missing with zeros.
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
            raise UserError(f"{path}: colours multiplied by its alpha; save it without alpha")
    if image.shape[-1] < colours:
        raise UserError(f"{path}: {image.shape[-1]} colour channels; save it in grey or RGB")
    return image[..., :3] if colours == 3 else image[..., 0]


def _white(image: np.ndarray, path: Path, bits: int | None, stated: int | None) -> int:
    """The largest value that a sample of such a file can have."""
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
            f"{path}: 16-bit values of {top} at most, as of a camera of {likely} bits; set bits "
            f"to {likely}, or to 16 if the picture is merely dark (ingest.bits in params.yaml; "
            "--bits of detect)"
        )
    return 65535


def _left_aligned(image: np.ndarray) -> bool:
    """Whether 16-bit values are fewer bits that were scaled up: their low bits are zero or repeat
    the high ones."""
    if not (image & 15).any():
        return True
    return any((image == (high | image >> n)).all() for n, high in ((8, image & 0xFF00),
        (10, image & 0xFFC0), (12, image & 0xFFF0), (14, image & 0xFFFC)))  # fmt: skip


def _scaled(image: np.ndarray, white: int) -> np.ndarray:
    """uint8 whose white is 255 or uint16 whose white is 65535, as it is; else uint16."""
    if image.dtype in LIMITS and white == LIMITS[image.dtype]:
        return np.ascontiguousarray(image)
    return (image.astype(np.float64) * (65535 / white)).round().astype(np.uint16)

"""Decode TIFF files according to their tags, of 8 or 16 bits or of floating-point numbers."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import cast

import numpy as np
import tifffile

from psface.captures.samples import check_size, light, scaled, white_level
from psface.errors import UserError

# We report a broken file with its capture; tifffile's messages would repeat it without a name.
logging.getLogger("tifffile").setLevel(logging.CRITICAL + 1)
TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
MOST_PAGES = 16  # per file: a picture and its thumbnails
MOST_CHANNELS = 8  # of a pixel: a small compressed file can state thousands
PHOTOMETRIC = tifffile.PHOTOMETRIC
READ = (PHOTOMETRIC.MINISWHITE, PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.RGB)
READ_FLOAT = (PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.RGB)
TURNS: dict[int, Callable[[np.ndarray], np.ndarray]] = {  # by EXIF orientation
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a.swapaxes(0, 1)[:, ::-1],
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: a.swapaxes(0, 1)[::-1],
}


def read_tiff(
    data: bytes, path: Path, bits: int | None, max_pixels: int | None, white: float
) -> np.ndarray:
    """Decode to (H, W) or (H, W, 3), uint8, uint16 or float32; see `decoding.decode`."""
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = _only_page(file, path)
        floats = page.dtype is not None and page.dtype.kind == "f"
        whole = page.dtype is not None and page.dtype.kind in "bu" and page.bitspersample <= 16
        if not floats and not whole:
            raise UserError(f"{path}: {page.dtype} pixels; save it with 8 or 16 bits, or as float")
        if page.axes not in ("YX", "YXS", "SYX"):
            raise UserError(f"{path}: axes {page.axes}; save it as one picture")
        if page.samplesperpixel > MOST_CHANNELS:
            raise UserError(f"{path}: {page.samplesperpixel} channels; save it in grey or RGB")
        check_size(page.imagewidth, page.imagelength, max_pixels, path)
        _check_whole(page, data, path)
        image = page.asarray()
        image = np.moveaxis(image, 0, -1) if page.axes == "SYX" else image
        decoded = (
            _floats(image, page, path, white) if floats else _integers(image, page, path, bits)
        )
        tag = page.tags.get("Orientation")
        turn = TURNS.get(int(tag.value)) if tag is not None else None
        return decoded if turn is None else np.ascontiguousarray(turn(decoded))


def _only_page(file: tifffile.TiffFile, path: Path) -> tifffile.TiffPage:
    file.pages.useframes = False
    # A few, since in a damaged file they may form a cycle. All are TiffPage: useframes is off.
    every = [cast(tifffile.TiffPage, page) for page in islice(file.pages, MOST_PAGES)]
    pages = [page for page in every if not page.is_reduced]
    if not pages:
        raise UserError(f"{path}: truncated or not an image; copy it again")
    if len(pages) != 1:
        raise UserError(f"{path}: {len(pages)} pages; save only the one to use")
    return pages[0]


def _floats(image: np.ndarray, page: tifffile.TiffPage, path: Path, white: float) -> np.ndarray:
    if page.photometric not in READ_FLOAT:
        name = getattr(page.photometric, "name", page.photometric)
        raise UserError(f"{path}: float in colour space {name}; save it in grey or RGB")
    return light(_without_alpha(image, page, path, 1), path, white)


def _integers(
    image: np.ndarray, page: tifffile.TiffPage, path: Path, bits: int | None
) -> np.ndarray:
    kind, white = page.photometric, 2**page.bitspersample - 1
    if kind == PHOTOMETRIC.PALETTE and page.colormap is not None:
        image, white = np.moveaxis(page.colormap[:, image], 0, -1), 65535
    elif kind == PHOTOMETRIC.YCBCR and page.compression in (6, 7, 34892):
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
    if white == 65535 and kind != PHOTOMETRIC.PALETTE:
        white = white_level(image, path, bits, None)
    image = scaled(image, white)
    if kind == PHOTOMETRIC.MINISWHITE:
        image = np.iinfo(image.dtype).max - image
    return image


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
    colours = 3 if page.photometric == PHOTOMETRIC.RGB else 1
    extra = image[..., colours:]
    for number, kind in enumerate(page.extrasamples[: extra.shape[-1]]):
        if kind == 1 and (extra[..., number] != white).any():
            raise UserError(f"{path}: colours premultiplied by alpha; save it without alpha")
    if image.shape[-1] < colours:
        raise UserError(f"{path}: {image.shape[-1]} colour channels; save it in grey or RGB")
    return image[..., :3] if colours == 3 else image[..., 0]

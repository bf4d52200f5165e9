"""Decode PBM, PGM, PPM and PAM files, whose header states the largest value."""

from __future__ import annotations

import io
from pathlib import Path

import netpbmfile
import numpy as np

from psface.captures.samples import check_size, scaled, white_level
from psface.errors import UserError


def is_pnm(data: bytes) -> bool:
    return data[:1] == b"P" and data[1:2] in b"1234567" and data[2:3].isspace()


def read_pnm(data: bytes, path: Path, bits: int | None, max_pixels: int | None) -> np.ndarray:
    """Decode to (H, W) or (H, W, 3), uint8 or uint16; see `psface.captures.decoding.decode`."""
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
    return scaled(image, white if stated else white_level(image, path, bits, None))

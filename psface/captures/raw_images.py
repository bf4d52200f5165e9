"""Decode camera RAW files (DNG, CR2, CR3, NEF, ARW, ...) to linear light, by LibRaw.

LibRaw comes with rawpy, which only those need who have RAW files: ``pip install 'psface[raw]'``.
"""

from __future__ import annotations

import io
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from psface.captures.exif_tags import SUB_DIRECTORIES, Directory, below, directory
from psface.captures.samples import check_size
from psface.errors import UserError

RAW_SUFFIXES = (
    ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".iiq", ".kdc", ".mef",
    ".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".rw2", ".rwl", ".sr2", ".srf", ".srw",
    ".x3f",
)  # fmt: skip
MAGIC = (  # offset and bytes
    (8, b"CR\x02\0"), (4, b"ftypcrx "), (0, b"FUJIFILMCCD-RAW"), (0, b"IIRO"), (0, b"IIRS"),
    (0, b"MMOR"), (0, b"IIU\0"), (6, b"HEAPCCDR"), (0, b"\0MRM"), (0, b"FOVb"),
)  # fmt: skip
PHOTOMETRIC, SENSOR = 262, {32803, 34892}  # a colour filter array; linear and demosaiced
DNG_VERSION, SAMPLE_FORMAT, FLOAT = 50706, 339, 3
OFFSETS, COUNTS = (273, 324), (279, 325)  # of strips and of tiles
DAMAGED = "a RAW file that is truncated or damaged; copy it again"
BLOCK = 32  # samples along a side: smaller than what a compressed file loses at once
DARK = 0.01  # of the white level
LEAST_RANGE = 0.5  # of the white level: a linear range below it is not one


def is_raw(data: bytes, path: Path) -> bool:
    """Whether a file is a camera RAW, by its content.

    Many kinds are TIFF inside: such a file is one if it holds a sensor's samples, or has a
    camera's suffix.
    """
    if any(data[at : at + len(magic)] == magic for at, magic in MAGIC):
        return True
    if data[:4] not in (b"II*\0", b"MM\0*"):
        return False
    return path.suffix.lower() in RAW_SUFFIXES or bool(_sensor(data))


def _sensor(data: bytes) -> list[Directory]:
    """The directories of a TIFF that hold a sensor's samples, as in DNG and NEF."""
    first = directory(data)
    if first is None:
        return []
    inside = below(first, SUB_DIRECTORIES)
    if not inside and DNG_VERSION not in first.entries:  # a TIFF of a scientific camera
        return []
    return [each for each in [first, *inside] if {*each.whole(PHOTOMETRIC)[:1]} & SENSOR]


def read_raw(data: bytes, path: Path, max_pixels: int | None) -> np.ndarray:
    """Decode to linear light, as the sensor measured it.

    The camera's black level is subtracted, and its white level is 65535. Missing colours are
    interpolated linearly from neighbours (LibRaw's bilinear demosaicing), so that each value is
    proportional to light. There is no white balance, colour matrix, tone curve or brightening.
    Turned as the camera noted.

    Returns
    -------
    (H, W) or (H, W, 3) uint16
        Grey of a sensor without filters; or red, green and blue of the sensor, not of a standard
        colour space.

    Raises
    ------
    UserError
        If rawpy is not installed, or LibRaw cannot read the file.
    """
    rawpy = _rawpy(path)
    _check_dng(data, path)
    try:
        with rawpy.imread(io.BytesIO(data)) as raw:
            check_size(raw.sizes.raw_width, raw.sizes.raw_height, max_pixels, path)
            _check_complete(raw, path)
            image = _developed(raw, rawpy)
    except rawpy.LibRawFileUnsupportedError:
        version = ".".join(map(str, rawpy.libraw_version))
        raise UserError(
            f"{path}: camera RAW that LibRaw {version} cannot read; convert it to DNG, or to a "
            "linear TIFF of 16 bits"
        ) from None
    except (rawpy.LibRawError, OSError) as error:
        raise UserError(f"{path}: {DAMAGED}") from error
    if image.shape[-1] not in (1, 3):
        raise UserError(f"{path}: a sensor of {image.shape[-1]} colours; convert it to a TIFF")
    return image if image.shape[-1] == 3 else np.ascontiguousarray(image[..., 0])


def _rawpy(path: Path) -> ModuleType:
    try:
        import rawpy
    except ImportError:
        raise UserError(
            f"{path}: camera RAW; install its reader by `pip install 'psface[raw]'`, or save it as "
            "a linear TIFF of 16 bits"
        ) from None
    return rawpy


def _check_dng(data: bytes, path: Path) -> None:
    first = directory(data)
    if first is None or DNG_VERSION not in first.entries:
        return
    for each in _sensor(data):
        if FLOAT in each.whole(SAMPLE_FORMAT):  # LibRaw scales it by its brightest pixel
            raise UserError(f"{path}: a DNG of floating-point numbers; convert it to integers")
        for offsets, counts in zip(OFFSETS, COUNTS, strict=True):
            places = zip(each.whole(offsets), each.whole(counts), strict=False)
            if any(at + count > len(data) for at, count in places):  # would read as black
                raise UserError(f"{path}: {DAMAGED}")


def _check_complete(raw: Any, path: Path) -> None:
    """Refuse a picture of which parts are missing: LibRaw leaves them at zero, often in silence."""
    samples = raw.raw_image_visible
    if samples is None:
        return
    samples = samples.reshape(*samples.shape[:2], -1).max(axis=2)
    height, width = (side // BLOCK * BLOCK for side in samples.shape)
    blocks = samples[:height, :width].reshape(height // BLOCK, BLOCK, -1, BLOCK)
    # A sensor's noise is about its black level. Without one, dark parts may be zero.
    missing = not samples.any(axis=1).all()
    if min(raw.black_level_per_channel) > 0:
        missing = missing or not blocks.any(axis=(1, 3)).all()
    else:
        missing = missing and not 0 < samples.max() < DARK * raw.white_level
    if missing:
        raise UserError(f"{path}: {DAMAGED}")


def _developed(raw: Any, rawpy: ModuleType) -> np.ndarray:
    """The picture (H, W, channels), without anything that is not linear or looks at the scene."""
    return raw.postprocess(
        demosaic_algorithm=rawpy.DemosaicAlgorithm.LINEAR,
        output_color=rawpy.ColorSpace.raw,
        output_bps=16,
        gamma=(1, 1),
        user_wb=[1.0, 1.0, 1.0, 1.0],
        no_auto_bright=True,
        adjust_maximum_thr=0.0,  # otherwise the brightest pixel may become white
        user_sat=_end_of_range(raw),
    )


def _end_of_range(raw: Any) -> int | None:
    """The sample, over black, up to which the camera says that it is linear, if below white."""
    stated = raw.camera_white_level_per_channel
    least = min(stated) if stated else 0
    black = min(raw.black_level_per_channel)
    usable = max(LEAST_RANGE * raw.white_level, black) < least < raw.white_level
    return int(least - black) if usable else None

"""Read and write normal, albedo and depth maps, as an OpenEXR file per capture."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
import OpenEXR

from psface.captures.capture import Capture
from psface.captures.float_images import EXR, DamagedError, exr_header
from psface.errors import UserError
from psface.files import array_digest, check_regular, replacing

CHANNELS: tuple[str, ...] = ("normal.x", "normal.y", "normal.z", "albedo", "depth", "mask")
COLOURS = ("albedo.red", "albedo.green", "albedo.blue")  # if `stereo.colour_albedo`
HEADER = 2**13  # bytes that hold most headers


@dataclass(frozen=True)
class Maps:
    """The maps of one capture, with x right, y up and z towards the camera.

    Attributes
    ----------
    normal : (3, H, W) float32
        Unit vectors inside the mask, zero outside.
    albedo : (H, W) float32
        Lambertian reflectance on the scale in which a frame is ``albedo * max(0, n.l)``.
    depth : (H, W) float32
        Height towards the camera, up to an offset; zero outside the mask. In pixels, or in mm if
        ``mm_per_px`` is known.
    mask : (H, W) bool
        Where the other maps are valid.
    shifts : (n, 2) float64 or None
        Displacement (dx, dy) of each frame's content from frame 0, in pixels.
    mm_per_px : float or None
        Size of a pixel at the face.
    colour : (3, H, W) float32 or None
        Albedo in red, green and blue.
    notes : dict of str to str
        Stored in the EXR header, such as the fingerprint of the inputs.
    """

    normal: np.ndarray
    albedo: np.ndarray
    depth: np.ndarray
    mask: np.ndarray
    shifts: np.ndarray | None = None
    notes: dict[str, str] = field(default_factory=dict)
    mm_per_px: float | None = None
    colour: np.ndarray | None = None

    @property
    def depth_px(self) -> np.ndarray:
        """Depth in pixels, (H, W)."""
        return self.depth if self.mm_per_px is None else self.depth / np.float32(self.mm_per_px)


def as_stored(maps: Maps) -> Maps:
    """Return the maps as read back from a file: half precision, shifts rounded to 1/1000 px."""
    normal, albedo, depth = (_whole(_half(p)) for p in (maps.normal, maps.albedo, maps.depth))
    shifts = None if maps.shifts is None else maps.shifts.round(3)
    colour = None if maps.colour is None else _whole(_half(maps.colour))
    scale = None if maps.mm_per_px is None else float(f"{maps.mm_per_px:.6g}")
    return Maps(normal, albedo, depth, maps.mask, shifts, maps.notes, scale, colour)


def write_maps(path: Path, maps: Maps) -> None:
    """Write ``maps`` as a half-float OpenEXR with channels `CHANNELS`, and their hash."""
    planes = [_half(plane) for plane in (*maps.normal, maps.albedo, maps.depth, maps.mask)]
    names = CHANNELS
    if maps.colour is not None:
        names += COLOURS
        planes += [_half(plane) for plane in maps.colour]
    channels = {name: OpenEXR.Channel(plane) for name, plane in zip(names, planes, strict=True)}
    # Of the lossless codecs, ZIP makes the smallest files, and is as quick as any to write.
    header = {
        "compression": OpenEXR.ZIP_COMPRESSION,
        "type": OpenEXR.scanlineimage,
        **maps.notes,
        **({} if maps.shifts is None else {"shifts": json.dumps(maps.shifts.round(3).tolist())}),
        **({} if maps.mm_per_px is None else {"mm_per_px": f"{maps.mm_per_px:.6g}"}),
        "content": array_digest(planes),
    }
    with replacing(path) as partial, OpenEXR.File(header, channels) as exr:
        exr.write(str(partial))


def read_maps(path: Path) -> Maps:
    """Read a file written by `write_maps`.

    Raises
    ------
    UserError
        If the file is missing, damaged, or lacks one of `CHANNELS`.
    """
    check_regular(path)
    return decode_maps(str(path), str(path))


def decode_maps(source: str | BinaryIO, name: str) -> Maps:
    """Decode a map file: the one of this path, or one that is in memory.

    Parameters
    ----------
    name : str
        What errors call it.

    Raises
    ------
    UserError
        As `read_maps`.
    """
    try:
        # Without separate_channels the reader joins normal.x/y/z into one array by their prefix.
        with OpenEXR.File(source, separate_channels=True) as exr:
            planes = exr.channels()
            missing = [channel for channel in CHANNELS if channel not in planes]
            if missing:
                raise UserError(f"{name}: no channel {', '.join(missing)}; run `dvc repro stereo`")
            names = CHANNELS + (COLOURS if COLOURS[0] in planes else ())
            stored = [np.asarray(planes[channel].pixels) for channel in names]
            notes = {k: v for k, v in exr.header().items() if isinstance(v, str)}
        if len({plane.shape for plane in stored}) != 1:
            raise ValueError("channels differ in size")
        if notes.pop("content", None) != array_digest(stored):
            raise ValueError("content does not match its hash")
        shifts = _pairs(json.loads(notes.pop("shifts"))) if "shifts" in notes else None
        scale = float(notes.pop("mm_per_px")) if "mm_per_px" in notes else None
        if scale is not None and not 0 < scale < float("inf"):
            raise ValueError("mm_per_px is not a size")
    except UserError:
        raise
    except Exception as error:  # a damaged file can make the reader raise anything
        raise UserError(
            f"{name}: not a readable map file ({error}); remove it and run `dvc repro`"
        ) from error
    normal_x, normal_y, normal_z, albedo, depth, mask, *colours = map(_whole, stored)
    normal = np.stack([normal_x, normal_y, normal_z])
    colour = np.stack(colours) if colours else None
    return Maps(normal, albedo, depth, mask > 0.5, shifts, notes, scale, colour)


def _half(plane: np.ndarray) -> np.ndarray:
    """Round to half precision, as numpy's ``astype`` does in many times as long."""
    whole = np.ascontiguousarray(plane, dtype=np.float32)
    return cv2.convertFp16(whole.reshape(-1, 1)).view(np.float16).reshape(whole.shape)


def _whole(half: np.ndarray) -> np.ndarray:
    bits = np.ascontiguousarray(half, dtype=np.float16).view(np.int16)
    return cv2.convertFp16(bits.reshape(-1, 1)).reshape(half.shape)


def _pairs(content: object) -> np.ndarray:
    shifts = np.array(content, dtype=np.float64)
    if shifts.ndim != 2 or shifts.shape[1] != 2 or not np.isfinite(shifts).all():
        raise ValueError("shifts are not pairs of numbers")
    return shifts


def read_notes(path: Path) -> dict[str, str]:
    """Read only the header notes of a map file; empty if it is missing or unreadable."""
    try:
        check_regular(path)
        with path.open("rb") as file:
            return decode_notes(file)
    except (OSError, UserError):
        return {}


def decode_notes(file: BinaryIO) -> dict[str, str]:
    """Read the header notes of a map file that begins here; empty if it is unreadable."""
    data = file.read(HEADER)
    while data.startswith(EXR):
        try:
            attributes = exr_header(data).attributes
            return {k: v.decode() for k, (kind, v) in attributes.items() if kind == "string"}
        except UnicodeDecodeError:
            return {}
        except (DamagedError, struct.error):  # or longer than what was read
            more = file.read(len(data))
            if not more:
                return {}
            data += more
    return {}


def truth_path(capture: Capture) -> Path:
    """The path of a capture's true maps, if it has any."""
    return Path(capture.frames[0]).parent / "truth.exr"

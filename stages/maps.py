"""Reading and writing of normal, albedo and depth maps, one OpenEXR file per session."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import OpenEXR

from stages.errors import UserError
from stages.files import array_digest, check_regular, replacing
from stages.images import to_uint8
from stages.params import Map

CHANNELS = ("normal.x", "normal.y", "normal.z", "albedo", "depth", "mask")
SHOWN = (0.005, 0.995)  # quantiles of a map that become black and white


@dataclass(frozen=True)
class Maps:
    """What photometric stereo knows of one session, in the frame x right, y up, z to the camera.

    Attributes
    ----------
    normal : (3, H, W) float32
        Unit vectors inside the mask, zero outside.
    albedo : (H, W) float32
        Lambertian reflectance on the scale in which a frame is ``albedo * max(0, n.l)``.
    depth : (H, W) float32
        Height towards the camera in pixels, up to an offset; zero outside the mask.
    mask : (H, W) bool
        Where the other maps mean something.
    notes : dict of str to str
        Kept in the EXR header: the stage's fingerprint, the registration shifts.
    """

    normal: np.ndarray
    albedo: np.ndarray
    depth: np.ndarray
    mask: np.ndarray
    notes: dict[str, str] = field(default_factory=dict)


def write_maps(path: Path, maps: Maps) -> None:
    """Write ``maps`` as a half-float OpenEXR with channels `CHANNELS`, and a hash of them."""
    planes = [
        np.ascontiguousarray(plane, dtype=np.float16)
        for plane in (*maps.normal, maps.albedo, maps.depth, maps.mask)
    ]
    channels = {name: OpenEXR.Channel(plane) for name, plane in zip(CHANNELS, planes, strict=True)}
    # ZIPS compresses single scan lines: the quickest of the lossless codecs to write.
    header = {
        "compression": OpenEXR.ZIPS_COMPRESSION,
        "type": OpenEXR.scanlineimage,
        "zipCompressionLevel": 1,
        **maps.notes,
        "content": array_digest(planes),
    }
    with replacing(path) as partial, OpenEXR.File(header, channels) as exr:
        exr.write(str(partial))


def read_maps(path: Path) -> Maps:
    """Read a file of `write_maps`.

    Raises
    ------
    UserError
        If the file is missing, damaged, or lacks one of `CHANNELS`.
    """
    check_regular(path)
    try:
        # Without separate_channels the reader joins normal.x/y/z into one array by their prefix.
        with OpenEXR.File(str(path), separate_channels=True) as exr:
            planes = exr.channels()
            missing = [name for name in CHANNELS if name not in planes]
            if missing:
                raise UserError(f"{path}: no channel {', '.join(missing)}; run `dvc repro stereo`")
            stored = [np.asarray(planes[name].pixels) for name in CHANNELS]
            notes = {k: v for k, v in exr.header().items() if isinstance(v, str)}
        if len({plane.shape for plane in stored}) != 1:
            raise ValueError("channels of several sizes")
        if notes.pop("content", None) != array_digest(stored):
            raise ValueError("not the values that were written")
    except UserError:
        raise
    except Exception as error:  # the reader raises whatever a broken file runs it into
        raise UserError(f"{path}: not a readable map file ({error}); remove it, repro") from error
    normal_x, normal_y, normal_z, albedo, depth, mask = (
        plane.astype(np.float32) for plane in stored
    )
    return Maps(np.stack([normal_x, normal_y, normal_z]), albedo, depth, mask > 0.5, notes)


def read_notes(path: Path) -> dict[str, str]:
    """The header notes of a map file alone; empty if there is no readable file."""
    if not path.is_file():
        return {}
    try:
        with OpenEXR.File(str(path), header_only=True) as exr:
            return {k: v for k, v in exr.header().items() if isinstance(v, str)}
    except Exception:  # the reader raises whatever a broken file runs it into
        return {}


def normals_as_colours(normal: np.ndarray) -> np.ndarray:
    """The customary picture of a normal map: (3, H, W) in [-1, 1] to (H, W, 3) uint8 RGB."""
    colours = np.clip((np.moveaxis(normal, 0, -1) + 1) * 127.5, 0, 255).astype(np.uint8)
    colours[np.abs(normal).sum(0) == 0] = 0
    return colours


def pictures_of(name: Map, planes: np.ndarray) -> np.ndarray:
    """Crops (N, C, S, S) of one map as pictures (N, S, S, 3) uint8 RGB.

    Normals as colours; else the first channel in grey, or RGB where there are three, on one scale
    for all.
    """
    values = planes.astype(np.float32)
    if name == "normalmap":
        return np.stack([normals_as_colours(normal) for normal in values])
    shown = values if name == "raw" and values.shape[1] == 3 else values[:, :1]
    low, high = np.quantile(shown, SHOWN)
    scaled = to_uint8((shown - low) / max(high - low, 1e-6))
    return np.moveaxis(np.broadcast_to(scaled, (len(shown), 3, *shown.shape[2:])), 1, -1)

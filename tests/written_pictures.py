"""Picture files with given samples and tags, as bytes."""

import io
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import tifffile
from PIL import Image

BAYER = b"\0\1\1\2"  # red, green / green, blue


def tiff(image: np.ndarray, **options) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, image, **options)
    return file.getvalue()


def exr(channels: Mapping[str, np.ndarray], **header: Any) -> bytes:
    """One part, of scan lines unless ``type`` says otherwise."""
    channels = {name: np.ascontiguousarray(plane) for name, plane in channels.items()}
    header = {"type": OpenEXR.scanlineimage, "compression": OpenEXR.ZIP_COMPRESSION} | header
    file = io.BytesIO()
    with OpenEXR.File(header, channels) as out:
        out.write(file)
    return file.getvalue()


def window(left: int, top: int, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    corner = np.array([left, top], np.int32)
    return corner, corner + np.array([width - 1, height - 1], np.int32)


def mosaic(colours: np.ndarray) -> np.ndarray:
    """The samples (H, W) that a sensor with a `BAYER` filter takes of (H, W, 3)."""
    out = colours[..., 1].copy()
    out[::2, ::2], out[1::2, 1::2] = colours[::2, ::2, 0], colours[1::2, 1::2, 2]
    return out


def dng(
    samples: np.ndarray,
    black: int = 512,
    white: int = 4095,
    orientation: int = 1,
    tags: tuple[tuple, ...] = (),
    **options,
) -> bytes:
    """A DNG of samples (H, W) of a `BAYER` filter, or (H, W, 3), demosaiced.

    Its white balance and its colours are far from neutral.
    """
    own = [
        (50706, "B", 4, bytes([1, 4, 0, 0]), True),  # version
        (50707, "B", 4, bytes([1, 1, 0, 0]), True),
        (50708, "s", 0, "A camera", True),
        (274, "H", 1, orientation, True),
        (50714, "H", 1, black, True),
        (50717, "I", 1, white, True),
        (50721, "2i", 9, (2, 1, -1, 2, 0, 1, -1, 4, 1, 1, 1, 8, 0, 1, 1, 3, 3, 4), True),
        (50778, "H", 1, 21, True),  # light of the colours
        (50728, "2I", 3, (1, 2, 1, 1, 7, 10), True),  # as-shot neutral
    ]
    if samples.ndim == 2:
        own += [(33421, "H", 2, (2, 2), True), (33422, "B", 4, BAYER, True)]
    kind = 32803 if samples.ndim == 2 else 34892
    extra = [*own, *tags]
    return tiff(
        samples, photometric=kind, extratags=extra, metadata=None, software=False, **options
    )


def exif(tags: Mapping[int, Any], order: str = "<") -> bytes:
    """A TIFF structure whose EXIF directory has the given tags.

    Numbers are written as 16 bits, pairs as fractions, bytes as text.
    """
    entries, room = b"", 26 + 2 + 12 * len(tags) + 4
    values = b""
    for tag, value in sorted(tags.items()):
        if isinstance(value, tuple):
            place = struct.pack(order + "I", room + len(values))
            values += struct.pack(order + "II", *value)
            entries += struct.pack(order + "HHI", tag, 5, 1) + place
        elif isinstance(value, bytes):
            entries += struct.pack(order + "HHI", tag, 2, len(value)) + value.ljust(4, b"\0")[:4]
        else:
            entries += struct.pack(order + "HHIHH", tag, 3, 1, value, 0)
    mark = {"<": b"II", ">": b"MM"}[order]
    head = mark + struct.pack(order + "HIHHHIII", 42, 8, 1, 34665, 4, 1, 26, 0)
    return head + struct.pack(order + "H", len(tags)) + entries + bytes(4) + values


def exposed(time: Any = (1, 60), f_number: Any = (28, 10), iso: Any = 200, **more: Any) -> bytes:
    """EXIF of an exposure; None leaves a tag out. ``mode`` and ``program`` are further tags."""
    named = {33434: time, 33437: f_number, 34855: iso, 41986: more.get("mode"),
             34850: more.get("program")}  # fmt: skip
    return exif({tag: value for tag, value in named.items() if value is not None})


def saved(image: np.ndarray, kind: str, **options) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, kind, **options)
    return file.getvalue()


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path

"""Decode OpenEXR pictures, whose values are linear in the light."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from psface.captures.samples import check_size, light
from psface.errors import UserError

EXR = b"\x76\x2f\x31\x01"
TILED, DEEP, PARTS = 0x200, 0x800, 0x1000  # flags of the version
# Scan lines compressed together, by compression.
LINES = {0: 1, 1: 1, 2: 1, 3: 16, 4: 32, 5: 16, 6: 32, 7: 32, 8: 32, 9: 256}
LONGEST = 4096  # bytes of a name, and the number of attributes: more only in a damaged file
HALF, FLOAT = 1, 2
SETS = (("B", "G", "R"), ("Y",))  # of channels, without alpha


class DamagedError(ValueError):
    """The header is not one of an EXR file."""


@dataclass(frozen=True)
class Header:
    """Of a file's first part, without what only a decoder needs.

    Attributes
    ----------
    flags : int
        From the file's version.
    attributes : dict of str to (str, bytes)
        Type and value by name.
    several : bool
        Whether more parts follow.
    end : int
        Where the pixels begin: first, the places of the chunks that hold them.
    """

    flags: int
    attributes: dict[str, tuple[str, bytes]]
    several: bool
    end: int

    def number(self, name: str) -> float | None:
        """The value of a float attribute, if it has one of this name."""
        kind, value = self.attributes.get(name, ("", b""))
        return float(struct.unpack("<f", value)[0]) if kind == "float" and len(value) == 4 else None

    def window(self, name: str) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of a window, in pixels, all inside."""
        kind, value = self.attributes.get(name, ("", b""))
        if kind != "box2i" or len(value) != 16:
            raise DamagedError(f"no {name}")
        return struct.unpack("<4i", value)

    def channels(self) -> dict[str, tuple[int, int, int]]:
        """Type and subsampling along x and y of each channel by name."""
        _, value = self.attributes.get("channels", ("", b""))
        found: dict[str, tuple[int, int, int]] = {}
        at = 0
        while at < len(value) and value[at]:
            name, at = _text(value, at)
            kind, _, x, y = struct.unpack_from("<4i", value, at)
            found[name] = (kind, x, y)
            at += 16
        return found


def exr_header(data: bytes) -> Header:
    """Read the header of an EXR file; nothing is decoded.

    Source: OpenEXR File Layout (openexr.com).

    Raises
    ------
    DamagedError or struct.error
        If it is not complete.
    """
    (flags,) = struct.unpack_from("<I", data, 4)
    attributes: dict[str, tuple[str, bytes]] = {}
    at = 8
    while data[at : at + 1] != b"\0":
        name, at = _text(data, at)
        kind, at = _text(data, at)
        (size,) = struct.unpack_from("<i", data, at)
        at += 4 + size
        if size < 0 or at > len(data) or len(attributes) > LONGEST:
            raise DamagedError(f"attribute {name[:40]!r}")
        attributes[name] = (kind, data[at - size : at])
    parts = bool(flags & PARTS)
    return Header(flags, attributes, parts and data[at + 1 : at + 2] != b"\0", at + 1 + parts)


def _text(data: bytes, at: int) -> tuple[str, int]:
    end = data.find(b"\0", at, at + LONGEST)
    if end < 0:
        raise DamagedError("a name without end")
    return data[at:end].decode("latin-1"), end + 1


def read_exr(data: bytes, path: Path, max_pixels: int | None, white: float) -> np.ndarray:
    """Decode to (H, W) or (H, W, 3) float32; see `psface.captures.decoding.decode`.

    Channels are R, G and B, or Y, as half or float.
    """
    header = exr_header(data)
    if header.flags & DEEP:
        raise UserError(f"{path}: deep data, several values for a pixel; save it flattened")
    if header.several:
        raise UserError(f"{path}: several parts in one file; save only the one to use")
    left, top, right, bottom = window = header.window("dataWindow")
    if window != header.window("displayWindow"):
        raise UserError(
            f"{path}: its data window is not its display window; save it without crop or overscan"
        )
    width, height = right - left + 1, bottom - top + 1
    if width < 1 or height < 1:
        raise DamagedError("no pixels")
    check_size(width, height, max_pixels, path)
    names = _colours(header.channels(), path)
    _check_chunks(header, data, width, height, path)
    planes = _planes(data)
    if "A" in planes and (planes["A"] != 1).any():
        raise UserError(f"{path}: colours premultiplied by alpha; save it without alpha")
    if any(planes[name].shape != (height, width) for name in names):
        raise DamagedError("channels differ in size")
    image = np.stack([planes[n] for n in names], axis=-1) if len(names) > 1 else planes[names[0]]
    return light(image, path, white)


def _check_chunks(header: Header, data: bytes, width: int, height: int, path: Path) -> None:
    # The decoder would find out as well, but prints what it finds.
    if header.flags & TILED or header.attributes.get("type", ("", b""))[1] == b"tiledimage":
        x, y, levels = struct.unpack("<IIB", header.attributes["tiles"][1])
        if levels & 15:
            raise UserError(f"{path}: several resolutions in one file; save it as scan lines")
        number, leader = -(-width // max(x, 1)) * -(-height // max(y, 1)), 16
    else:
        lines = LINES.get(header.attributes["compression"][1][0])
        if lines is None:
            return
        number, leader = -(-height // lines), 4
    leader += 4 if header.flags & PARTS else 0
    if header.end + 8 * number > len(data):
        raise DamagedError("ends early")
    places = np.frombuffer(data, "<u8", number, header.end)
    last = int(places.max())
    (size,) = struct.unpack_from("<i", data, last + leader)
    if places.min() < header.end + 8 * number or last + leader + 4 + size > len(data):
        raise DamagedError("ends early")


def _colours(channels: dict[str, tuple[int, int, int]], path: Path) -> tuple[str, ...]:
    """The channels to read, in the order of the result."""
    names = tuple(sorted(name for name in channels if name != "A"))
    if names not in SETS:
        shown = ", ".join(sorted(channels)[:8]) or "none"
        raise UserError(f"{path}: channels {shown}; save it with R, G and B, or with Y alone")
    if any(kind not in (HALF, FLOAT) for kind, _, _ in channels.values()):
        raise UserError(f"{path}: channels of whole numbers; save it as half or float")
    if any((x, y) != (1, 1) for _, x, y in channels.values()):
        raise UserError(f"{path}: channels of fewer pixels than the picture; save it in full size")
    return names[::-1]


def _planes(data: bytes) -> dict[str, np.ndarray]:
    import OpenEXR  # slow to load, and few captures need it

    with OpenEXR.File(io.BytesIO(data), separate_channels=True, num_threads=0) as exr:
        return {name: np.asarray(channel.pixels) for name, channel in exr.channels().items()}

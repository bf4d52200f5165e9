"""Find and read the EXIF tags of a picture file: directories of TIFF, wherever a format keeps them.

Only headers are read, and a damaged one says nothing: it never raises an error.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image

EXIF = b"Exif\0\0"
PNG = b"\x89PNG\r\n\x1a\n"
EXIF_DIRECTORY, SUB_DIRECTORIES = 34665, 330  # tags that hold places of further directories
MOST_TAGS, MOST_VALUES = 1000, 4096  # of a directory and of a tag
LONGEST = 2**20  # bytes of a compressed profile
# TIFF and BigTIFF; Panasonic's and Olympus's RAW.
MAGIC = (b"*\0", b"\0*", b"+\0", b"\0+", b"U\0", b"RO", b"OR", b"RS", b"SR")
FORMATS = {1: "B", 3: "H", 4: "I", 5: "II", 6: "b", 7: "B", 8: "h", 9: "i", 10: "ii",
           11: "f", 12: "d", 13: "I", 16: "Q", 17: "q", 18: "Q"}  # fmt: skip

Values = tuple[float | None, ...]


@dataclass(frozen=True)
class Directory:
    """The tags of one image file directory (IFD).

    Attributes
    ----------
    data : bytes
        The TIFF structure that it is part of.
    order : str
        Of the bytes: ``<`` or ``>``.
    entries : dict of int to (int, int, int)
        Type, count, and place of the values of each tag.
    """

    data: bytes
    order: str
    entries: dict[int, tuple[int, int, int]]

    def values(self, tag: int) -> Values:
        """Numbers of a tag; empty if it is missing, damaged, or a text.

        A fraction with a denominator of zero is None.
        """
        kind, count, at = self.entries.get(tag, (0, 0, 0))
        code = FORMATS.get(kind)
        if code is None or not 0 < count <= MOST_VALUES:
            return ()
        try:
            found = struct.unpack_from(f"{self.order}{code * count}", self.data, at)
        except struct.error:
            return ()
        if len(code) == 1:
            return found
        pairs = zip(found[::2], found[1::2], strict=True)
        return tuple(over / under if under else None for over, under in pairs)

    def whole(self, tag: int) -> tuple[int, ...]:
        """The values of a tag that are numbers, without their fractions."""
        return tuple(int(v) for v in self.values(tag) if v is not None and abs(v) < 2**63)


def directory(data: bytes, at: int | None = None) -> Directory | None:
    """Read the directory at a place in a TIFF structure, by default its first.

    Returns
    -------
    Directory or None
        None if there is none.
    """
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None or data[2:4] not in MAGIC:
        return None
    large = data[2:4] in (b"+\0", b"\0+")
    place, count_form, entry_form, width = ("Q", "Q", "HHQ", 20) if large else ("I", "H", "HHI", 12)
    room = struct.calcsize(f"{order}{place}")  # for values within the entry
    entries: dict[int, tuple[int, int, int]] = {}
    try:
        if at is None:
            (at,) = struct.unpack_from(order + place, data, 8 if large else 4)
        (number,) = struct.unpack_from(order + count_form, data, at)
        at += struct.calcsize(order + count_form)
        for _ in range(min(number, MOST_TAGS)):
            tag, kind, count = struct.unpack_from(order + entry_form, data, at)
            value = at + width - room
            if struct.calcsize(f"{order}{FORMATS.get(kind, 'B')}") * count > room:
                (value,) = struct.unpack_from(order + place, data, value)
            entries.setdefault(tag, (kind, count, value))
            at += width
    except struct.error:  # cut: what came before stands
        pass
    return Directory(data, order, entries) if entries else None


def below(parent: Directory, tag: int) -> list[Directory]:
    """The directories, at most 16, whose places a tag of another holds."""
    found = (directory(parent.data, at) for at in parent.whole(tag)[:16] if at > 0)
    return [each for each in found if each is not None]


def exif_directories(data: bytes) -> list[Directory]:
    """Find the directories that may hold EXIF tags, the more specific one first.

    Parameters
    ----------
    data : bytes
        A JPEG, PNG, WebP, AVIF, TIFF or camera RAW file; others have none.
    """
    structure = _structure(data)
    first = directory(structure) if structure else None
    return [] if first is None else [*below(first, EXIF_DIRECTORY), first]


def _structure(data: bytes) -> bytes | None:
    """The TIFF structure in a file, which may be the file itself."""
    if data[:2] in (b"II", b"MM"):
        return data
    if data[:2] == b"\xff\xd8":
        return _in_jpeg(data)
    if data[:8] == PNG:
        return _in_png(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _in_webp(data)
    if data[:15] == b"FUJIFILMCCD-RAW" and len(data) >= 92:  # holds a JPEG
        at, length = struct.unpack_from(">II", data, 84)
        return _in_jpeg(data[at : at + length])
    if data[:4] == b"\0MRM":  # Minolta's blocks
        at = data.find(b"\0TTW", 0, 2**10)
        return data[at + 8 :] if at >= 0 else None
    if data[4:12] == b"ftypcrx ":  # a box of Canon's with the EXIF directory alone
        at = data.find(b"CMT2", 0, 2**16)
        return data[at + 4 : at + 2**16] if at >= 0 else None
    return _in_avif(data) if data[4:12] in (b"ftypavif", b"ftypavis") else None


def _in_jpeg(data: bytes) -> bytes | None:
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        if (kind := data[at + 1]) == 0xFF:  # padding
            at += 1
            continue
        if kind in (0xD9, 0xDA):  # the end, or pixels
            return None
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if kind == 0xE1 and data[at + 4 : at + 10] == EXIF:
            return data[at + 10 : at + 2 + length]
        at += 2 + length
    return None


def _in_png(data: bytes) -> bytes | None:
    profile: bytes | None = None
    for kind, start, end in _png_chunks(data):
        if kind == b"eXIf":
            return data[start:end].removeprefix(EXIF)
        if kind in (b"zTXt", b"tEXt") and data[start : start + 17] == b"Raw profile type ":
            profile = profile or _raw_profile(kind, data[start:end])
    return profile


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    at = 8
    while at + 8 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        yield data[at + 4 : at + 8], at + 8, at + 8 + length
        at += 12 + length


def _raw_profile(kind: bytes, chunk: bytes) -> bytes | None:
    """EXIF as ImageMagick wrote it into PNG before there was a chunk for it: in hexadecimal."""
    _, _, text = chunk.partition(b"\0")
    try:
        if kind == b"zTXt":
            text = zlib.decompressobj().decompress(text[1:], LONGEST)
        name, _, digits = text.strip().split(b"\n", 2)
        found = bytes.fromhex(digits.decode("ascii"))
    except (zlib.error, ValueError):
        return None
    return found.removeprefix(EXIF) if name.strip() in (b"exif", b"APP1") else None


def _in_webp(data: bytes) -> bytes | None:
    at = 12
    while at + 8 <= len(data):
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        if data[at : at + 4] == b"EXIF":
            return data[at + 8 : at + 8 + length].removeprefix(EXIF)
        at += 8 + length + length % 2
    return None


def _in_avif(data: bytes) -> bytes | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(data)) as image:
                found = image.info.get("exif")
        except Exception:  # a broken file can raise anything; its decoder will say so
            return None
    return found.removeprefix(EXIF) if isinstance(found, bytes) else None

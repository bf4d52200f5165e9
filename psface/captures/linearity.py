"""Whether the values of a file can be as its camera's response says."""

from __future__ import annotations

from pathlib import Path

from psface.captures.exif_tags import directory
from psface.captures.float_images import EXR
from psface.captures.raw_images import is_raw
from psface.captures.tiff_images import TIFF
from psface.errors import UserError
from psface.rig.response import Response

# Formats made for viewing, by (offset, magic bytes). A lossless WebP is like PNG.
PROCESSED = {
    (0, b"\xff\xd8\xff"): "a JPEG", (0, b"GIF8"): "a GIF", (4, b"ftypavi"): "an AVIF",
}  # fmt: skip
CHUNK = 8  # bytes of the name and length of a WebP's chunk
COMPRESSION = 259  # TIFF's tag
LOSSY = {6, 7, 34892, 34927, 50001}  # its values for JPEG and WebP


def check_linear(data: bytes, path: Path, response: Response, remedy: str) -> None:
    """Refuse a file whose values cannot have grown with light as a response says.

    Parameters
    ----------
    data : bytes
        The file.
    remedy : str
        How the user names the camera's response.

    Raises
    ------
    UserError
        If it was made for viewing and the response is linear, or is linear by its format and the
        response is not.

    Examples
    --------
    >>> check_linear(Path("face.png").read_bytes(), Path("face.png"), "linear", "")
    """
    raw = is_raw(data, path)
    if response == "linear" and not raw and (kind := processed(data)):
        raise UserError(
            f"{path}: {kind}, whose values are not linear in the light; save frames as PNG, TIFF, "
            "PGM, BMP, EXR or camera RAW, with the sensor's linear values, or name the camera's "
            f"response (such as `srgb`) {remedy}"
        )
    if response != "linear" and (raw or data[:4] == EXR):
        kind = "a camera RAW" if raw else "an EXR"
        raise UserError(
            f"{path}: {kind}, which is linear in the light; set the camera's response to linear "
            f"{remedy}, or give the files that the response is of"
        )


def processed(data: bytes) -> str:
    """What a file is, with an article, if its format is for viewing; empty if it may be linear."""
    for (at, magic), kind in PROCESSED.items():
        if data[at : at + len(magic)] == magic:
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "a lossy WebP" if _has_lossy_chunk(data) else ""
    if data[:4] in TIFF and _compression(data) in LOSSY:
        return "a TIFF with lossy compression"
    return ""


def _has_lossy_chunk(data: bytes) -> bool:
    """Whether the picture of a WebP is in a chunk ``VP8 ``, not ``VP8L`` (RFC 9649)."""
    at = 12
    while at + CHUNK <= len(data):
        name, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if name in (b"VP8 ", b"VP8L"):
            return name == b"VP8 "
        at += CHUNK + length + length % 2
    return False


def _compression(data: bytes) -> int:
    first = directory(data)
    values = first.whole(COMPRESSION) if first else ()
    return values[0] if values else 0

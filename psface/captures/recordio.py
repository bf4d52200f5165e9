"""Read pictures from RecordIO files, as MXNet and InsightFace write them, without mxnet.

A record is `MAGIC`; a word whose upper 3 bits say whether it is whole or which part of one, and
whose lower 29 are its length; the data; and zeros up to a multiple of 4. Data that contains `MAGIC`
is split there. A picture's record begins with flag (uint32), label (float32) and two ids (uint64);
a flag above zero is the number of labels (float32) that follow; then comes the encoded image.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from psface.errors import UserError
from psface.files import check_regular

MAGIC = 0xCED7230A
WHOLE, FIRST, MIDDLE, LAST = range(4)
_WORDS = struct.Struct("<II")
_HEADER = struct.Struct("<IfQQ")


def read_record(path: Path, offset: int) -> tuple[tuple[float, ...], bytes]:
    """Read the labels and encoded image of the record at a byte of a file.

    Raises
    ------
    UserError
        If there is no complete record.
    """
    check_regular(path)
    try:
        with path.open("rb") as file:
            file.seek(offset)
            data = b"".join(_parts(file, path, offset))
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; restore it or leave it out") from error
    if len(data) < _HEADER.size:
        raise UserError(f"{path}, byte {offset}: a record too short to be a picture's")
    flag, label, _, _ = _HEADER.unpack_from(data)
    begin = _HEADER.size + 4 * flag
    if begin > len(data):
        raise UserError(f"{path}, byte {offset}: a record without its {flag} labels")
    labels = struct.unpack_from(f"<{flag}f", data, _HEADER.size) if flag else (label,)
    return labels, data[begin:]


def _parts(file: BinaryIO, path: Path, offset: int) -> Iterator[bytes]:
    expected = (WHOLE, FIRST)
    while True:
        words = file.read(_WORDS.size)
        magic, length = _WORDS.unpack(words) if len(words) == _WORDS.size else (0, 0)
        part, length = length >> 29, length & (2**29 - 1)
        if magic != MAGIC or part not in expected:
            raise UserError(
                f"{path}, byte {offset}: no record begins here; is it another file's index?"
            )
        data = file.read(length)
        if len(data) < length:
            raise UserError(f"{path}, byte {offset}: truncated; copy the file again")
        yield data
        if part in (WHOLE, LAST):
            return
        file.seek(-length % 4, 1)
        yield struct.pack("<I", MAGIC)
        expected = (MIDDLE, LAST)

"""MATLAB files of numbers alone (MathWorks, "MAT-File Format", level 5: versions 5 to 7.2).

A reader of our own for plain matrices: SciPy's also builds objects and functions, and a damaged
file can end its process. What is not a matrix of real numbers is refused by its name, and nothing
in a file is ever run.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from psface.errors import UserError
from psface.files import check_regular

LARGEST = 1_000_000  # bytes of a file, and of a variable; a calibration has some hundred
HEADER = 128
MATRIX, COMPRESSED = 14, 15  # types of elements
TYPES = {
    1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8",
}  # fmt: skip
COMPLEX, LOGICAL = 0x800, 0x200  # flags
# Classes of variables. The others, 6 to 15, are of numbers.
REFUSED = {
    1: "a cell array", 2: "a struct", 3: "an object", 16: "a function handle", 17: "an object",
}  # fmt: skip
TEXT, SPARSE = 4, 5
NUMERIC = range(6, 16)
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_AGAIN = "save its matrices alone, in MATLAB: save('new.mat', 'S', 'Phi', ..., '-v7')"


class _DamagedError(Exception):
    """The bytes are not of the format."""


@dataclass(frozen=True)
class _Element:
    """A type and its bytes."""

    kind: int
    data: bytes


def read_mat(path: Path) -> tuple[dict[str, np.ndarray], list[str], str]:
    """Read the matrices of a MATLAB 5 file.

    Returns
    -------
    matrices : dict of str to (n, m) float64
    others : list of str
        Names of texts and the like, which are left out.
    date : str
        When it was written, YYYY-MM-DD; empty if unknown.

    Raises
    ------
    UserError
        If it is of another version, damaged, or holds anything but numbers and text.
    """
    data = _bytes(path)
    order = _order(data, path)
    matrices: dict[str, np.ndarray] = {}
    others: list[str] = []
    try:
        for element in _elements(data[HEADER:], order):
            name, matrix = _variable(element, order, path)
            if name in matrices or name in others:
                raise UserError(f"{path}: two variables {name}; save it again with one")
            if matrix is None:
                others.append(name)
            else:
                matrices[name] = matrix
    except (_DamagedError, struct.error, zlib.error, UnicodeDecodeError, ValueError) as error:
        raise UserError(f"{path}: cut or damaged; restore it, or {_AGAIN}") from error
    if not matrices and not others:
        raise UserError(f"{path}: empty or cut; restore it")
    return matrices, others, _date(data[:116])


def _bytes(path: Path) -> bytes:
    check_regular(path)
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; restore it or give another file") from error
    if len(data) > LARGEST:
        raise UserError(f"{path}: over {LARGEST // 1_000_000} MB, not a calibration; {_AGAIN}")
    return data


def _order(data: bytes, path: Path) -> str:
    """The order of the bytes in numbers, for `struct`."""
    hdf = b"\x89HDF\r\n\x1a\n"
    if data.startswith((b"MATLAB 7.3", hdf)) or data[512:520] == hdf:
        raise UserError(f"{path}: a MATLAB file of version 7.3 (HDF5); load it and {_AGAIN}")
    orders = {b"IM": "<", b"MI": ">"}
    if not data.startswith(b"MATLAB 5.0") or data[126:HEADER] not in orders:
        raise UserError(f"{path}: not a MATLAB file of version 5 to 7; {_AGAIN}")
    return orders[data[126:HEADER]]


def _elements(data: bytes, order: str) -> Iterator[_Element]:
    """Split bytes into elements."""
    place = 0
    while place < len(data):
        kind, length = struct.unpack_from(f"{order}II", data, place)
        begin = place + 8
        if kind >> 16:  # a short one: type and length in half of the space, data in the rest
            kind, length, begin = kind & 0xFFFF, kind >> 16, place + 4
            if length > 4:
                raise _DamagedError
        if begin + length > len(data):
            raise _DamagedError
        yield _Element(kind, data[begin : begin + length])
        end = begin + length
        # Elements end on multiples of 8 bytes, but for compressed ones.
        place = end if kind == COMPRESSED else place + 8 * -(-(end - place) // 8)


def _variable(element: _Element, order: str, path: Path) -> tuple[str, np.ndarray | None]:
    """Name and content of a variable; None for a text and the like."""
    if element.kind == COMPRESSED:
        element = _unpacked(element.data, order, path)
    if element.kind != MATRIX:
        raise _DamagedError
    parts = _elements(element.data, order)
    flags = struct.unpack_from(f"{order}I", _next(parts).data)[0]
    kind = flags & 0xFF
    # An object has no shape in this place.
    shape = () if kind == 17 else _shape(_next(parts), order)
    name = _next(parts).data.decode("ascii")
    shown = name[:60] if name.isprintable() and name else "a variable"
    if kind in REFUSED:
        raise UserError(f"{path}: {shown} is {REFUSED[kind]}, which is not read; {_AGAIN}")
    if kind in (TEXT, SPARSE) or flags & LOGICAL:
        return name, None
    if kind not in NUMERIC or not name:
        raise UserError(f"{path}: {shown} is of an unknown kind, which is not read; {_AGAIN}")
    if len(shape) != 2:
        raise UserError(f"{path}: {name} has shape {shape}, which is not a matrix's; {_AGAIN}")
    if flags & COMPLEX:
        raise UserError(f"{path}: {name} is not a matrix of real numbers; {_AGAIN}")
    values = _numbers(_next(parts), order)
    if min(shape) < 0 or values.size != shape[0] * shape[1]:
        raise _DamagedError
    return name, values.reshape(shape, order="F").astype(np.float64)


def _shape(element: _Element, order: str) -> tuple[int, ...]:
    if TYPES.get(element.kind) not in ("i4", "u4"):
        raise _DamagedError
    return tuple(_numbers(element, order).tolist())


def _next(parts: Iterator[_Element]) -> _Element:
    part = next(parts, None)
    if part is None:
        raise _DamagedError
    return part


def _unpacked(data: bytes, order: str, path: Path) -> _Element:
    stream = zlib.decompressobj()
    content = stream.decompress(data, LARGEST)
    if stream.unconsumed_tail:
        raise UserError(f"{path}: a variable of over 1 MB, not that of a calibration; {_AGAIN}")
    if not stream.eof:
        raise _DamagedError
    return _next(_elements(content, order))


def _numbers(element: _Element, order: str) -> np.ndarray:
    """The numbers (n,) of an element, which may be of a smaller type than its variable."""
    if element.kind not in TYPES:
        raise _DamagedError
    return np.frombuffer(element.data, np.dtype(f"{order}{TYPES[element.kind]}"))


def _date(header: bytes) -> str:
    match = re.search(rb"Created on: \w{3} (\w{3}) +(\d{1,2}) [\d:]+ (\d{4})", header)
    if match is None:
        return ""
    month, day, year = (part.decode() for part in match.groups())
    try:
        return date(int(year), MONTHS.index(month) + 1, int(day)).isoformat()
    except ValueError:  # the header is free text
        return ""

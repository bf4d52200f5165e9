"""InsightFace's verification sets (``lfw.bin``, ``agedb_30.bin``, ...), read without trust.

A set is a pickle of two lists: encoded pictures, two for each pair, and whether the two of a pair
show one person. A pickle can run any code when it is read, so nothing is admitted here that could:
only lists, bytes, booleans and numbers.
"""

from __future__ import annotations

import pickle
import pickletools
from pathlib import Path
from typing import Any, NoReturn

from psface.errors import UserError

PUTS = {"PUT", "BINPUT", "LONG_BINPUT"}
OPCODES = PUTS | {
    "PROTO", "FRAME", "STOP", "MARK", "POP", "POP_MARK", "MEMOIZE", "GET", "BINGET", "LONG_BINGET",
    "EMPTY_LIST", "LIST", "APPEND", "APPENDS",
    "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3",
    "STRING", "BINSTRING", "SHORT_BINSTRING", "SHORT_BINBYTES", "BINBYTES", "BINBYTES8",
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT",
    "NEWTRUE", "NEWFALSE",
}  # fmt: skip


class _Unpickler(pickle.Unpickler):
    """Knows no class and no function, so that the file can build nothing but plain values."""

    def find_class(self, module: str, name: str) -> NoReturn:
        raise pickle.UnpicklingError(f"it names {module}.{name}")

    def persistent_load(self, pid: Any) -> NoReturn:
        raise pickle.UnpicklingError("it refers to something outside")


def read_bin(path: Path) -> tuple[list[bytes], list[bool]]:
    """Encoded pictures, two for each pair, and whether the two show one person.

    Raises
    ------
    UserError
        If the file is missing, is no such set, or holds anything but plain values.
    """
    try:
        _check_opcodes(path)
        with path.open("rb") as file:
            # Most were written by Python 2, whose strings of bytes come as such.
            content = _Unpickler(file, encoding="bytes").load()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; give an InsightFace .bin file") from error
    except Exception as error:  # a pickle that is no set can fail in any way, such as MemoryError
        reason = str(error) or type(error).__name__
        raise UserError(
            f"{path}: refused, since only lists of bytes, booleans and numbers are read from a "
            f"pickle ({reason}); is it an InsightFace verification set?"
        ) from None
    return _checked(content, path)


def _check_opcodes(path: Path) -> None:
    """Refuse what a set does not need, and numbers of memo places that would fill the memory."""
    size = path.stat().st_size
    with path.open("rb") as file:
        for opcode, argument, _ in pickletools.genops(file):
            if opcode.name not in OPCODES:
                raise pickle.UnpicklingError(f"it has a {opcode.name} in it")
            if opcode.name in PUTS and int(argument or 0) > size:
                raise pickle.UnpicklingError(f"it wants a memo of {argument} places")


def _checked(content: Any, path: Path) -> tuple[list[bytes], list[bool]]:
    def refuse(reason: str) -> NoReturn:
        raise UserError(f"{path}: no InsightFace verification set: {reason}")

    if type(content) not in (list, tuple) or len(content) != 2:
        refuse("wanted two lists, of pictures and of booleans")
    pictures, same = content
    if type(pictures) is not list or any(type(picture) is not bytes for picture in pictures):
        refuse("the first is not a list of encoded pictures")
    if type(same) is not list or any(type(value) not in (bool, int) for value in same):
        refuse("the second is not a list of booleans")
    if len(pictures) != 2 * len(same) or not same:
        refuse(f"{len(pictures)} pictures for {len(same)} pairs")
    return pictures, [bool(value) for value in same]

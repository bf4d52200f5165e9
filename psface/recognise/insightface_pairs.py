"""Read InsightFace's verification sets (``lfw.bin``, ``agedb_30.bin``, ...) without running code.

A set is a pickle of two lists: encoded pictures, two per pair, and whether each pair shows one
person. Loading a pickle can run arbitrary code, so only lists, bytes, booleans and numbers are
accepted.
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
    """Refuses classes and functions, so that the file can build only plain values."""

    def find_class(self, module: str, name: str) -> NoReturn:
        raise pickle.UnpicklingError(f"it refers to {module}.{name}")

    def persistent_load(self, pid: Any) -> NoReturn:
        raise pickle.UnpicklingError("it refers to an external object")


def read_bin(path: Path) -> tuple[list[bytes], list[bool]]:
    """Read the encoded pictures, two per pair, and whether each pair shows one person.

    Raises
    ------
    UserError
        If the file is missing, is not such a set, or holds anything but plain values.
    """
    try:
        _check_opcodes(path)
        with path.open("rb") as file:
            # Most were written by Python 2, whose strings stay bytes this way.
            content = _Unpickler(file, encoding="bytes").load()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; give an InsightFace .bin file") from error
    except Exception as error:  # a bad pickle can raise anything, even MemoryError
        reason = str(error) or type(error).__name__
        raise UserError(
            f"{path}: refused, since only lists of bytes, booleans and numbers are allowed in the "
            f"pickle ({reason}); is it an InsightFace verification set?"
        ) from None
    return _checked(content, path)


def _check_opcodes(path: Path) -> None:
    """Refuse opcodes that a set does not need, and memo indices that would exhaust memory."""
    size = path.stat().st_size
    with path.open("rb") as file:
        for opcode, argument, _ in pickletools.genops(file):
            if opcode.name not in OPCODES:
                raise pickle.UnpicklingError(f"it contains opcode {opcode.name}")
            if opcode.name in PUTS and int(argument or 0) > size:
                raise pickle.UnpicklingError(f"it asks for a memo of {argument} entries")


def _checked(content: Any, path: Path) -> tuple[list[bytes], list[bool]]:
    def refuse(reason: str) -> NoReturn:
        raise UserError(f"{path}: not an InsightFace verification set: {reason}")

    if type(content) not in (list, tuple) or len(content) != 2:
        refuse("expected two lists, of pictures and of booleans")
    pictures, same = content
    if type(pictures) is not list or any(type(picture) is not bytes for picture in pictures):
        refuse("the first is not a list of encoded pictures")
    if type(same) is not list or any(type(value) not in (bool, int) for value in same):
        refuse("the second is not a list of booleans")
    if len(pictures) != 2 * len(same) or not same:
        refuse(f"{len(pictures)} pictures for {len(same)} pairs")
    return pictures, [bool(value) for value in same]

"""InsightFace's verification sets (``lfw.bin``, ``agedb_30.bin``, ...), read without trust.

A set is a pickle of two lists: encoded pictures, two for each pair, and whether the two of a pair
show one person. A pickle can run any code when it is read, so nothing is admitted here that could:
only lists, bytes, booleans and numbers.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any, NoReturn

from stages.errors import UserError


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

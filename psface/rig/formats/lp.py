"""RTI's ``.lp`` files: the number of lamps, then ``picture x y z`` in each line.

x right, y up, z towards the camera, as here. Pictures' names may have blanks, quotes and folders;
rows of three numbers alone are read too (``lights.txt`` of the University of Washington), and
lines that begin with # are comments.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PureWindowsPath

import numpy as np

from psface.errors import UserError
from psface.files import replacing
from psface.paths import one_form
from psface.rig.formats.found import (
    Found,
    Options,
    decimals,
    file_of,
    number,
    numbered_lines,
    split_lengths,
)
from psface.rig.rig import Rig
from psface.user_tables import whole

BARE = "lights.txt"
_EXTRA = re.compile(r"\.[A-Za-z]{3,4}(?:[\s,;]+[+-]?[\d.]+)+$", re.ASCII)
_COMMAS = re.compile(r"(?:(?:^|[\s;])[+-]?\d*,\d+){3}$", re.ASCII)


def read_lp(source: Path, options: Options) -> Found:
    """Read an ``.lp`` file, or the one in a folder; see `psface.rig.formats.rig_formats`.

    Raises
    ------
    UserError
        If the count is not that of the lamps, or a line is not of that form.
    """
    path = _file(source)
    rows = numbered_lines(path)
    count = whole(rows[0][1]) if rows else None
    if count is None:
        shown = rows[0][1][:60] if rows else ""
        raise UserError(
            f"{path}: its first line `{shown}` is not the number of lamps; put it there"
        )
    parsed = [
        _row(path, place, line) for place, line in rows[1:] if not _comment(path, place, line)
    ]
    if len(parsed) != count or not count:
        raise UserError(
            f"{path}: {count} lamps by its first line, {len(parsed)} in the lines below; restore "
            "the missing ones or correct the number"
        )
    names, notes = _names([name for name, _ in parsed])
    known = [name or str(i) for i, name in enumerate(names, 1)]
    texts = [text for _, numbers in parsed for text in numbers]
    vectors = np.reshape([float(text) for text in texts], (-1, 3))
    found, strengths = split_lengths(vectors, decimals(texts), known, path, options.lengths)
    lamps = [
        {"name": name, "direction": direction} | ({} if size is None else {"intensity": size})
        for name, direction, size in zip(
            names, found.tolist(), [None] * count if strengths is None else strengths.tolist(),
            strict=True,
        )
    ]  # fmt: skip
    return Found(lamps, (path,), notes=notes)


def _file(source: Path) -> Path:
    if not source.is_dir():
        return source
    found = sorted(path for path in source.iterdir() if path.suffix.lower() == ".lp")
    bare = file_of(source, BARE)
    found += [bare] if bare else []
    if len(found) != 1:
        fault = f"{found[0].name} and {found[1].name}" if found else "no .lp file in it"
        raise UserError(f"{source}: {fault}; give the file itself")
    return found[0]


def _row(path: Path, place: int, line: str) -> tuple[str, list[str]]:
    """The name and the three numbers of a line."""
    if _COMMAS.search(line):
        raise UserError(f"{path}, line {place}: decimal commas; write decimal points")
    words = re.split(r"[\s,;]+", line)
    numbers = words[-3:]
    if len(numbers) < 3 or any(number(word) is None for word in numbers):
        raise UserError(f"{path}, line {place}: `{line[:80]}` does not end in three numbers x y z")
    tail = r"[\s,;]+".join(re.escape(word) for word in numbers)
    name = re.sub(rf"(?:^|[\s,;]+){tail}$", "", line).strip()
    if len(name) > 1 and name[0] == name[-1] and name[0] in "\"'":
        name = name[1:-1].strip()
    if _EXTRA.search(name):
        raise UserError(f"{path}, line {place}: numbers besides a picture's name and x y z")
    # Whole numbers may name lamps; `x y z` and a strength begins with decimals.
    if (
        name
        and whole(name) is None
        and all(number(word) is not None for word in re.split(r"[\s,;]+", name))
    ):
        raise UserError(
            f"{path}, line {place}: {len(words)} numbers; expected a picture's name and x y z"
        )
    return one_form(name), numbers


def _comment(path: Path, place: int, line: str) -> bool:
    if not line.startswith("#"):
        return False
    words = line.split()
    if len(words) > 3 and all(number(word) is not None for word in words[-3:]):
        raise UserError(
            f"{path}, line {place}: a comment or a lamp? remove the line, or the # from its name"
        )
    return True


def _names(written: list[str]) -> tuple[list[str], tuple[str, ...]]:
    """The pictures' names, without folders where they differ without them."""
    bare = [PureWindowsPath(name).name for name in written]
    if bare == written or len(set(bare)) < len(bare):
        return written, ()
    return bare, ("folders of the pictures left out of the lamps' names",)


def write_lp(path: Path, rig: Rig, names: Sequence[str]) -> None:
    """Write the directions of a rig's lamps as an ``.lp`` file.

    Parameters
    ----------
    names : sequence of str
        A picture for each lamp.

    Raises
    ------
    UserError
        If a name cannot be written in a line.
    """
    for name in names:
        if not name or name != name.strip() or name.startswith("#") or not name.isprintable():
            raise UserError(
                f"{path}: a picture cannot be called {name!r} in it; give other --names"
            )
    rows = [
        f"{name} {x:.9f} {y:.9f} {z:.9f}"
        for name, (x, y, z) in zip(names, rig.directions().tolist(), strict=True)
    ]
    with replacing(path) as partial:
        partial.write_text("\n".join([str(len(rows)), *rows, ""]), encoding="utf-8", newline="\n")

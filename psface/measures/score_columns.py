"""The columns of score files: ours, bob's and plain ones."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from pyarrow import csv

from psface.errors import UserError
from psface.user_tables import SEPARATORS

PART = 8 << 20  # bytes read at once

# bob.bio.base's columns: the template or, in older versions, the reference identifies what was
# compared; without either, the subject and the probe's key do.
BOB_NAMES = {
    "probe": ("probe_template_id", "probe_reference_id", "probe_key", "key"),
    "reference": ("bio_ref_template_id", "bio_ref_reference_id", "bio_ref_subject_id"),
}
PEOPLE = ("probe_person", "reference_person")
# Claimed identity, model if there are several, real identity, label, score.
FOUR = {"reference_person": 0, "reference": 0, "probe_person": 1, "probe": 2, "score": 3}
FIVE = {"reference_person": 0, "reference": 1, "probe_person": 2, "probe": 3, "score": 4}


@dataclass(frozen=True)
class Columns:
    """Where a file holds what.

    Attributes
    ----------
    places : dict of str to int
        Column of ``probe``, ``reference``, ``score`` and ``same`` or the two people.
    count : int
    separator : str
    header : bool
    apart : bool
        Whether probes and references have names of their own, as bob's do.
    """

    places: dict[str, int]
    count: int
    separator: str
    header: bool
    apart: bool


def columns_of(path: Path) -> Columns:
    """Find the columns of a score file from its first line.

    Raises
    ------
    UserError
        If they are not those of a score file.
    """
    try:
        with path.open("rb") as file:
            first = file.readline().decode("utf-8-sig").strip()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; restore it or give another file") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}, line 1: not UTF-8; save it as UTF-8 text") from error
    if not first:
        raise UserError(f"{path}: its first line is empty; expected {EXPECTED}")
    separators = [s for s in SEPARATORS if s in first]
    words = first.split()
    if len(words) in (4, 5) and not separators and is_number(words[-1]):
        return Columns(FOUR if len(words) == 4 else FIVE, len(words), " ", False, True)
    for separator in separators:
        cells = [cell.strip().strip('"').casefold() for cell in first.split(separator)]
        if (found := _named(path, cells)) is not None:
            places, apart = found
            return Columns(places, len(cells), separator, True, apart)
    raise UserError(f"{path}: its first line is `{first[:80]}`; expected {EXPECTED}")


EXPECTED = (
    "columns probe, reference, score and same or probe_person, reference_person; bob's CSV; or its "
    "4 or 5 columns without a header"
)


def is_number(word: str) -> bool:
    """Whether a cell can be read as a number, NaN and infinity included."""
    try:
        float(word)
    except ValueError:
        return False
    return True


def _named(path: Path, cells: list[str]) -> tuple[dict[str, int], bool] | None:
    """The places of named columns, and whether they are bob's; None if some are missing."""
    if twice := sorted({c for c in cells if c and cells.count(c) > 1}):
        raise UserError(f"{path}: duplicate column {twice[0]!r} in its first line; rename one")
    if "score" not in cells:
        return None
    if {"probe_subject_id", "bio_ref_subject_id"} <= set(cells):
        wanted = {"probe_person": "probe_subject_id", "reference_person": "bio_ref_subject_id"}
        for name, choices in BOB_NAMES.items():
            chosen = [c for c in choices if c in cells]
            if not chosen:
                return None
            wanted[name] = chosen[0]
        return {n: cells.index(c) for n, c in {**wanted, "score": "score"}.items()}, True
    if not {"probe", "reference"} <= set(cells):
        return None
    people = set(PEOPLE) <= set(cells)
    if people == ("same" in cells):
        if people:
            raise UserError(f"{path}: it has `same` and people; remove one, they may differ")
        return None
    names = ("probe", "reference", "score", *(PEOPLE if people else ("same",)))
    return {name: cells.index(name) for name in names}, False


def batches(path: Path, columns: Columns) -> Iterator[dict[str, pa.Array]]:
    """Yield the rows in parts: columns of text, named as in ``columns.places``.

    Raises
    ------
    UserError
        If a line has another number of cells.
    """
    names = [f"c{i}" for i in range(columns.count)]
    source = _Blanks(path) if columns.separator == " " else str(path)
    header = int(columns.header)
    try:
        reader = csv.open_csv(
            source,
            csv.ReadOptions(use_threads=False, block_size=PART, column_names=names),
            csv.ParseOptions(delimiter=columns.separator, ignore_empty_lines=True),
            csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                include_columns=sorted({names[place] for place in columns.places.values()}),
                strings_can_be_null=False,
            ),
        )
        for batch in reader:
            rows = batch.slice(header)
            header = 0
            yield {name: rows.column(names[at]) for name, at in columns.places.items()}
    except pa.ArrowInvalid as error:
        reason = " ".join(str(error).split())[:160]
        raise UserError(f"{path}: not such a table ({reason}); correct it") from error


class _Blanks(io.RawIOBase):
    """A text file with one blank between words, for a reader of CSV."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("rb")
        self.rest = b""

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self.file.close()
        super().close()

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        if not self.rest and (lines := self.file.readlines(len(buffer) // 2)):
            self.rest = b"".join(b" ".join(line.split()) + b"\n" for line in lines)
        part, self.rest = self.rest[: len(buffer)], self.rest[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)

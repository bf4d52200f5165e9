"""The packed crops of the last run, to be used again."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from psface.faces.modalities import Map
from psface.faces.packing import FOUND, JOURNAL, TABLE, Form, Packable, content
from psface.faces.stored_planes import in_halves
from psface.files import leftovers

MARK = np.dtype("S64")  # of a fingerprint: half the memory of Python's own strings


class Previous:
    """The crops of the last run, and of killed runs since, by fingerprint.

    Examples
    --------
    >>> before = Previous(Path("data/faces"), Form(112, {"raw": 1}, ()))
    >>> "a fingerprint" in before
    False
    """

    def __init__(self, out: Path, form: Form) -> None:
        self.runs: list[_Run] = []
        for journal in leftovers(out / JOURNAL):
            self._add_killed(journal, form)
        self._add_last(out, form)

    def _add_last(self, out: Path, form: Form) -> None:
        try:
            table = pq.ParquetFile(out / TABLE)
            arrays = {name: np.load(out / f"{name}.npy", mmap_mode="r") for name in form.channels}
            groups = range(table.num_row_groups)
            columns = (table.read_row_group(i, ["fingerprint"])["fingerprint"] for i in groups)
            marks = [np.array(column.to_pylist(), MARK) for column in columns]
            fingerprints, ends = np.concatenate(marks), np.cumsum([len(part) for part in marks])
            for name, array in arrays.items():
                if array.shape != (len(fingerprints), *form.shape(name)):
                    return
                if array.dtype not in form.types(name):
                    return
            if "content" not in table.schema_arrow.names:
                return
        except Exception:  # a damaged file can make the readers raise anything
            return

        @lru_cache(maxsize=2)
        def group(number: int) -> list[dict[str, Any]]:
            return table.read_row_group(number, [*FOUND, "content"]).to_pylist()

        def found(row: int) -> dict[str, Any]:
            number = int(np.searchsorted(ends, row, side="right"))
            return group(number)[row - (int(ends[number - 1]) if number else 0)]

        self._add(arrays, found, fingerprints)

    def _add_killed(self, journal: Path, form: Form) -> None:
        """Add what a killed run had written: complete rows of its arrays, whose headers have no
        length yet, and a journal line for each."""
        marks: list[bytes] = []
        starts = [0]
        arrays: dict[Map, np.ndarray] = {}
        try:
            with contextlib.suppress(OSError, ValueError), journal.open("rb") as lines:
                for line in lines:  # the last may be cut off
                    marks.append(_journalled(line)["fingerprint"].encode())
                    starts.append(lines.tell())
            count = len(marks)
            for name in form.channels:
                path = journal.with_name(journal.name.replace(JOURNAL, f"{name}.npy"))
                with path.open("rb") as file:
                    np.lib.format.read_magic(file)
                    shape, _, dtype = np.lib.format.read_array_header_1_0(file)
                    start = file.tell()
                size = dtype.itemsize * int(np.prod(form.shape(name)))
                count = min(count, (path.stat().st_size - start) // size)
                if shape[1:] != form.shape(name) or dtype not in form.types(name) or not count:
                    return
                arrays[name] = np.memmap(path, dtype, "r", start, (count, *shape[1:]))
        except Exception:  # a damaged file can make the readers raise anything
            return

        def found(row: int) -> dict[str, Any]:
            with journal.open("rb") as lines:
                lines.seek(starts[row])
                columns = _journalled(lines.readline())
            del columns["fingerprint"]
            return columns

        self._add(arrays, found, np.array(marks[:count], MARK))

    def _add(
        self,
        arrays: dict[Map, np.ndarray],
        found: Callable[[int], dict[str, Any]],
        fingerprints: np.ndarray,
    ) -> None:
        order = np.argsort(fingerprints, kind="stable")
        self.runs.append(_Run(arrays, found, fingerprints[order], order))

    def __contains__(self, fingerprint: str) -> bool:
        return any(run.row_of(fingerprint) is not None for run in self.runs)

    def get(self, fingerprint: str) -> Packable | None:
        """Return the crop of a fingerprint, of the last run that has it; None if none does or its
        arrays do not match its table."""
        rows = ((run, run.row_of(fingerprint)) for run in reversed(self.runs))
        run, row = next(((run, row) for run, row in rows if row is not None), (None, -1))
        return None if run is None else run.crop(row)


@dataclass(frozen=True)
class _Run:
    arrays: dict[Map, np.ndarray]
    found: Callable[[int], dict[str, Any]]
    marks: np.ndarray  # sorted
    rows: np.ndarray  # of the marks

    def row_of(self, fingerprint: str) -> int | None:
        mark = np.array(fingerprint.encode(), MARK)
        place = int(np.searchsorted(self.marks, mark, side="right")) - 1
        return int(self.rows[place]) if place >= 0 and self.marks[place] == mark else None

    def crop(self, row: int) -> Packable | None:
        try:
            columns = dict(self.found(row))
        except Exception:  # a damaged file can make its reader raise anything
            return None
        planes = {name: in_halves(np.asarray(array[row])) for name, array in self.arrays.items()}
        noted = columns.pop("content")
        return Packable(planes, columns, noted) if noted == content(planes) else None


def _journalled(line: bytes) -> dict[str, Any]:
    columns = json.loads(line)
    if {*FOUND, "content", "fingerprint"} != set(columns):
        raise TypeError("a line of another version")
    return dict(columns)

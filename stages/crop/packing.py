"""The packed crops as files: one array per map, and their table; the last run's, and the new."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stages.params import MAPS, Map
from stages.session import ROWS_AT_ONCE

FOUND = ("found_on", "score", "landmarks")


@dataclass(frozen=True)
class Crop:
    """One session's crop: planes by map, (C, size, size) float16, and how it was found: the
    columns of `FOUND`."""

    planes: dict[Map, np.ndarray]
    found: dict[str, Any]


@dataclass(frozen=True)
class Form:
    """What all crops of a run have in common.

    Attributes
    ----------
    size : int
        Side in pixels.
    channels : dict of str to int
        Of each map; pictures have ``raw`` alone.
    attributes : tuple of str
        That any session has.
    """

    size: int
    channels: dict[Map, int]
    attributes: tuple[str, ...]

    @property
    def schema(self) -> pa.Schema:
        """Columns of the table."""
        texts = ("identity", "session", "fingerprint", "content", "found_on")
        own = {name: pa.string() for name in texts}
        places = {"score": pa.float64(), "landmarks": pa.list_(pa.float64())}
        return pa.schema({**dict.fromkeys(self.attributes, pa.string()), **own, **places})

    def shape(self, name: Map) -> tuple[int, int, int]:
        return self.channels[name], self.size, self.size


class Previous:
    """The last run's crops by fingerprint; empty if there is none that is whole.

    Attributes
    ----------
    index : dict of str to int
        The row of each fingerprint.
    """

    def __init__(self, out: Path, form: Form) -> None:
        self.index: dict[str, int] = {}
        try:
            self.table = pq.ParquetFile(out / "faces.parquet")
            arrays = {name: np.load(out / f"{name}.npy", mmap_mode="r") for name in form.channels}
            marks = self.table.read(["fingerprint"])["fingerprint"].to_pylist()
            if "content" not in self.table.schema_arrow.names:
                return
        except (OSError, EOFError, ValueError, KeyError):
            return
        self.arrays = arrays
        groups = [self.table.metadata.row_group(i) for i in range(self.table.num_row_groups)]
        self.ends = np.cumsum([group.num_rows for group in groups])
        self.rows = lru_cache(maxsize=2)(self._rows)
        wanted = {name: (len(marks), *form.shape(name)) for name in arrays}
        if {name: array.shape for name, array in arrays.items()} == wanted:
            self.index = {mark: row for row, mark in enumerate(marks)}

    def get(self, fingerprint: str) -> Crop | None:
        """The crop of a fingerprint; None if the arrays do not hold what the table says."""
        row = self.index[fingerprint]
        group = int(np.searchsorted(self.ends, row, side="right"))
        found = dict(self.rows(group)[row - (self.ends[group - 1] if group else 0)])
        planes = {name: array[row] for name, array in self.arrays.items()}
        return Crop(planes, found) if found.pop("content") == content(planes) else None

    def _rows(self, group: int) -> list[dict[str, Any]]:
        return self.table.read_row_group(group, [*FOUND, "content"]).to_pylist()


def content(planes: dict[Map, np.ndarray]) -> str:
    """Hash of a crop's planes, by which the table knows those that are its own."""
    digest = hashlib.sha256()
    for name in sorted(planes):
        digest.update(planes[name].tobytes())
    return digest.hexdigest()[:32]


class Packed:
    """Writes the arrays and their table beside the old ones and replaces them at the end.

    Attributes
    ----------
    count : int
        Crops so far.
    """

    def __init__(self, out: Path, form: Form) -> None:
        out.mkdir(parents=True, exist_ok=True)
        self.out, self.form, self.count = out, form, 0
        self.files: dict[Map, BinaryIO] = {
            name: (out / f".partial-{name}.npy").open("wb") for name in form.channels
        }
        for name, file in self.files.items():
            _write_header(file, (0, *form.shape(name)))
        self.rows: list[dict[str, Any]] = []
        self.table_path = out / ".partial-faces.parquet"
        self.table = pq.ParquetWriter(self.table_path, form.schema)

    def __enter__(self) -> Packed:
        return self

    def add(self, planes: dict[Map, np.ndarray], row: dict[str, Any]) -> None:
        """Planes by map, and the table's row; an attribute that it lacks is unknown."""
        for name, file in self.files.items():
            file.write(np.ascontiguousarray(planes[name]).tobytes())
        row = {**row, "content": content(planes)}
        self.rows.append({**dict.fromkeys(self.form.attributes, ""), **row})
        self.count += 1
        if len(self.rows) == ROWS_AT_ONCE:
            self._write_rows()

    def _write_rows(self) -> None:
        self.table.write_table(pa.Table.from_pylist(self.rows, self.form.schema))
        self.rows = []

    def __exit__(self, kind: object, *rest: object) -> None:
        self._write_rows()
        self.table.close()
        for name, file in self.files.items():
            file.seek(0)
            _write_header(file, (self.count, *self.form.shape(name)))
            file.close()
        if kind is not None:
            for path in self.out.glob(".partial-*"):
                path.unlink()
            return
        # Without a table there are no faces: it goes first and comes last, so that a killed run
        # never leaves it beside other arrays than its own.
        (self.out / "faces.parquet").unlink(missing_ok=True)
        for name in self.files:
            (self.out / f".partial-{name}.npy").replace(self.out / f"{name}.npy")
        for name in set(MAPS) - set(self.files):  # the last run's, of captures of many lights
            (self.out / f"{name}.npy").unlink(missing_ok=True)
        self.table_path.replace(self.out / "faces.parquet")


def _write_header(file: BinaryIO, shape: Sequence[int]) -> None:
    # NumPy pads the header for the first axis to grow, so it can be written again in place.
    header = {"descr": "<f2", "fortran_order": False, "shape": tuple(shape)}
    np.lib.format.write_array_header_1_0(file, header)

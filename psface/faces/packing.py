"""Files of packed crops, one array per map and a table: reuse the last run's, write the new."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from psface.captures.capture import Capture, Refusal
from psface.disk import partial_path, writing
from psface.errors import UserError
from psface.faces.crop_params import CropParams
from psface.faces.cropping import Crop, crop_capture
from psface.faces.modalities import MAPS, Map
from psface.files import array_digest, leftovers
from psface.stage_tables import ROWS_AT_ONCE
from psface.stereo.map_files import map_path, read_maps

TABLE, JOURNAL = "faces.parquet", "faces.jsonl"
FOUND = ("found_on", "score", "landmarks", "trust")  # columns


@dataclass(frozen=True)
class Form:
    """What all crops of a run have in common.

    Attributes
    ----------
    size : int
        Side in pixels.
    channels : dict of str to int
        Number of channels of each map; pictures have only ``raw``.
    attributes : tuple of str
        Those that any capture has.
    """

    size: int
    channels: dict[Map, int]
    attributes: tuple[str, ...]

    @property
    def schema(self) -> pa.Schema:
        """Columns of the table."""
        texts = ("identity", "session", "fingerprint", "content", "found_on")
        text_columns = {name: pa.string() for name in texts}
        face_columns = {
            "score": pa.float64(), "landmarks": pa.list_(pa.float64()), "trust": pa.string()
        }  # fmt: skip
        return pa.schema(
            {**dict.fromkeys(self.attributes, pa.string()), **text_columns, **face_columns}
        )

    def shape(self, name: Map) -> tuple[int, int, int]:
        return self.channels[name], self.size, self.size


def form_of(captures: Iterable[Capture], params: CropParams) -> Form:
    """Return the form of some captures' crops, with as many ``frames`` as the capture with the
    fewest lights has."""
    pictures, lights, attributes = False, 0, set[str]()
    for capture in captures:
        pictures |= capture.is_picture
        lights = min(lights or len(capture.frames), len(capture.frames))
        attributes |= capture.attributes.keys()
    channels: dict[Map, int] = {"raw": 3 if params.colour else 1}
    if not pictures:
        channels |= {"albedo": 1, "normalmap": 3, "depthmap": 1, "frames": lights}
    return Form(params.size, channels, tuple(sorted(attributes)))


@dataclass(frozen=True)
class Packable:
    """A crop's row in each map's array, and in the table's columns `FOUND`."""

    planes: dict[Map, np.ndarray]
    found: dict[str, Any]


def packable(crop: Crop, form: Form) -> Packable:
    """Convert a crop to the form of its run."""
    assert crop.face.landmarks is not None
    found = {
        "found_on": crop.found_on,
        "score": crop.face.score,
        "landmarks": crop.face.landmarks.astype(float).ravel().tolist(),
        "trust": "" if crop.trust is None else json.dumps(asdict(crop.trust)),
    }
    planes = {name: crop.planes[name][:count] for name, count in form.channels.items()}
    return Packable(planes, found)


def packed_crop(capture: Capture, maps: Path, params: CropParams, form: Form) -> Packable | Refusal:
    """Crop a capture whose maps are in the folder ``maps``, or return why there is no crop."""
    try:
        pixels = capture.pixels(params.colour)
        capture_maps = None if capture.is_picture else read_maps(map_path(maps, capture))
        crop = crop_capture(pixels, capture_maps, params)
    except UserError as error:
        return Refusal(capture.identity, capture.name, str(error))
    if crop is None:
        return Refusal(capture.identity, capture.name, f"{capture.frames[0]}: no face found")
    return packable(crop, form)


class Previous:
    """The crops of the last run, and of killed runs since, by fingerprint.

    Attributes
    ----------
    index : dict of str to (int, int)
        Run and row of each fingerprint.
    """

    def __init__(self, out: Path, form: Form) -> None:
        self.index: dict[str, tuple[int, int]] = {}
        self.runs: list[tuple[dict[Map, np.ndarray], Callable[[int], dict[str, Any]]]] = []
        for journal in leftovers(out / JOURNAL):
            self._add_killed(journal, form)
        self._add_last(out, form)

    def _add_last(self, out: Path, form: Form) -> None:
        try:
            table = pq.ParquetFile(out / TABLE)
            arrays = {name: np.load(out / f"{name}.npy", mmap_mode="r") for name in form.channels}
            fingerprints = table.read(["fingerprint"])["fingerprint"].to_pylist()
            ends = np.cumsum([table.metadata.row_group(i).num_rows
                              for i in range(table.num_row_groups)])  # fmt: skip
            expected = {name: (len(fingerprints), *form.shape(name)) for name in arrays}
            if {name: array.shape for name, array in arrays.items()} != expected:
                return
            if "content" not in table.schema_arrow.names or None in fingerprints:
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
        rows: list[dict[str, Any]] = []
        with contextlib.suppress(OSError, ValueError), journal.open(encoding="utf-8") as file:
            rows.extend(json.loads(line) for line in file)  # the last may be cut off
        arrays: dict[Map, np.ndarray] = {}
        try:
            for name in form.channels:
                path = journal.with_name(journal.name.replace(JOURNAL, f"{name}.npy"))
                with path.open("rb") as file:
                    np.lib.format.read_magic(file)
                    shape, _, dtype = np.lib.format.read_array_header_1_0(file)
                    start = file.tell()
                size = dtype.itemsize * int(np.prod(form.shape(name)))
                count = min(len(rows), (path.stat().st_size - start) // size)
                if shape[1:] != form.shape(name) or dtype != np.float16 or not count:
                    return
                rows = rows[:count]
                arrays[name] = np.memmap(path, dtype, "r", start, (count, *shape[1:]))
            fingerprints = [row.pop("fingerprint") for row in rows]
            if any({*FOUND, "content"} != set(row) for row in rows):
                return
        except Exception:  # a damaged file can make the readers raise anything
            return
        self._add(arrays, lambda row: rows[row], fingerprints)

    def _add(
        self,
        arrays: dict[Map, np.ndarray],
        found: Callable[[int], dict[str, Any]],
        fingerprints: Sequence[str],
    ) -> None:
        self.index |= {key: (len(self.runs), row) for row, key in enumerate(fingerprints)}
        self.runs.append((arrays, found))

    def get(self, fingerprint: str) -> Packable | None:
        """Return the crop of a fingerprint; None if the arrays do not match the table."""
        run, row = self.index[fingerprint]
        arrays, found = self.runs[run]
        try:
            columns = dict(found(row))
        except Exception:  # a damaged file can make its reader raise anything
            return None
        planes = {name: array[row] for name, array in arrays.items()}
        return Packable(planes, columns) if columns.pop("content") == content(planes) else None


def content(planes: dict[Map, np.ndarray]) -> str:
    """Hash a crop's planes; the table stores it to verify the arrays."""
    return array_digest(planes[name] for name in sorted(planes))


class Packed:
    """Writer of the arrays and their table, which replace the old ones only at the end.

    Attributes
    ----------
    count : int
        Crops so far.
    """

    def __init__(self, out: Path, form: Form) -> None:
        self.out, self.form, self.count = out, form, 0
        self.rows: list[dict[str, Any]] = []
        self.paths = [out / TABLE, *(out / f"{name}.npy" for name in form.channels), out / JOURNAL]
        with writing(out / TABLE):
            out.mkdir(parents=True, exist_ok=True)
            self.files: dict[Map, BinaryIO] = {
                name: partial_path(out / f"{name}.npy").open("wb") for name in form.channels
            }
            for name, file in self.files.items():
                _write_header(file, (0, *form.shape(name)))
            self.journal = partial_path(out / JOURNAL).open("w", encoding="utf-8")
            self.table = pq.ParquetWriter(partial_path(out / TABLE), form.schema)

    def __enter__(self) -> Packed:
        return self

    def add(self, crop: Packable, capture: dict[str, str]) -> None:
        """Add a crop, and the table's columns about its capture: ``identity``, ``session``,
        ``fingerprint`` and attributes; a missing attribute is unknown."""
        planes, unknown = crop.planes, dict.fromkeys(self.form.attributes, "")
        row = {**unknown, **capture, **crop.found, "content": content(planes)}
        with writing(self.out / TABLE):
            for name, file in self.files.items():
                file.write(np.ascontiguousarray(planes[name]).tobytes())
                file.flush()
            # After the arrays, so that every line has complete rows.
            line = {name: row[name] for name in (*FOUND, "content", "fingerprint")}
            self.journal.write(json.dumps(line) + "\n")
            self.journal.flush()
            self.rows.append(row)
            self.count += 1
            if len(self.rows) == ROWS_AT_ONCE:
                self._write_rows()

    def _remove(self) -> None:
        for path in self.paths:
            partial_path(path).unlink(missing_ok=True)

    def _write_rows(self) -> None:
        self.table.write_table(pa.Table.from_pylist(self.rows, self.form.schema))
        self.rows = []

    def __exit__(self, kind: object, *rest: object) -> None:
        """Put the files in place; after an error, leave what the next run can resume from."""
        with contextlib.ExitStack() as closing:
            for file in (*self.files.values(), self.journal, self.table):
                closing.callback(file.close)
            if kind is not None:
                if not self.count:
                    closing.callback(self._remove)
                return
            with writing(self.out / TABLE):
                self._write_rows()
                for name, file in self.files.items():
                    file.seek(0)
                    _write_header(file, (self.count, *self.form.shape(name)))
        with writing(self.out / TABLE):
            # Without a table there are no faces: it is removed first and replaced last, so that a
            # killed run never leaves it beside arrays that are not its own.
            (self.out / TABLE).unlink(missing_ok=True)
            for name in self.files:
                path = self.out / f"{name}.npy"
                partial_path(path).replace(path)
            for name in set(MAPS) - set(self.files):  # left by a run with known lights
                (self.out / f"{name}.npy").unlink(missing_ok=True)
            partial_path(self.out / TABLE).replace(self.out / TABLE)
        partial_path(self.out / JOURNAL).unlink(missing_ok=True)
        for path in self.out.glob(".partial-*"):  # of killed runs
            path.unlink(missing_ok=True)


def _write_header(file: BinaryIO, shape: Sequence[int]) -> None:
    # NumPy pads the header for a growing first axis, so it can be rewritten in place.
    header = {"descr": "<f2", "fortran_order": False, "shape": tuple(shape)}
    np.lib.format.write_array_header_1_0(file, header)

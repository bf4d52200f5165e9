"""The table of found faces, as CSV or JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from psface.captures.capture import LANDMARKS
from psface.detect.face import Face
from psface.disk import writing
from psface.errors import UserError
from psface.files import made_folder
from psface.user_tables import safe_cell

POINTS = [f"{name}_{axis}" for name in LANDMARKS for axis in "xy"]


COLUMNS = ["path", "frame", "face", "x1", "y1", "x2", "y2", "score", *POINTS]


class Table:
    """A CSV or JSON table written row by row; complete when closed."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        made_folder(path.parent)
        self.path, self.partial = path, path.with_name(f".partial-{path.name}")
        try:
            self.file: IO[str] = self.partial.open(
                "w", encoding="utf-8", errors="backslashreplace", newline=""
            )
        except OSError as error:
            raise UserError(f"{path.parent}: {error.strerror}; give another --out") from error
        self.columns, self.json, self.rows = columns, path.suffix == ".json", 0
        if not self.json:
            self.csv = csv.writer(self.file)
            self.csv.writerow(columns)

    def __enter__(self) -> Table:
        return self

    def add(self, row: Mapping[str, Any]) -> None:
        """Add a row; missing columns are left empty."""
        values = {name: row.get(name) for name in self.columns}
        if self.json:
            self.file.write("[\n" if self.rows == 0 else ",\n")
            self.file.write(json.dumps(values, ensure_ascii=False))
        else:
            self.csv.writerow(_cells(values))
        self.rows += 1

    def __exit__(self, kind: object, *rest: object) -> None:
        if self.json:
            self.file.write("[]\n" if self.rows == 0 else "\n]\n")
        self.file.close()
        if kind is None:
            self.partial.replace(self.path)
        else:
            self.partial.unlink()


class GrowingTable:
    """A CSV table that grows in place, after the rows it has, and is whole after every row: what
    writes it may be killed.

    Raises
    ------
    UserError
        If it cannot be written, or has other columns.
    """

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        made_folder(path.parent)
        self.path, self.columns = path, list(columns)
        with writing(path), path.open("ab+") as file:
            if not file.tell():
                return
            file.seek(-1, io.SEEK_END)
            if file.read() != b"\n":
                file.write(b"\r\n")  # after a row that a full disk cut
        with path.open(encoding="utf-8", errors="replace", newline="") as text:
            if next(csv.reader(text)) != self.columns:
                raise UserError(f"{path}: has other columns; move it away or give another --out")

    def __enter__(self) -> GrowingTable:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def add(self, row: Mapping[str, Any]) -> None:
        """Add a row; missing columns are left empty."""
        cells = _cells({name: row.get(name) for name in self.columns})
        with (
            writing(self.path),
            self.path.open("a", encoding="utf-8", errors="backslashreplace", newline="") as file,
        ):
            rows = csv.writer(file)
            if not file.tell():  # new, or its readers have moved it away
                rows.writerow(self.columns)
            rows.writerow(cells)


def _cells(values: Mapping[str, Any]) -> list[object]:
    return ["" if cell is None else cell for cell in map(safe_cell, values.values())]


def face_row(path: Path, frame: int | None, number: int, face: Face) -> dict[str, Any]:
    """The values of `COLUMNS` for a face."""
    points = np.full(10, np.nan) if face.landmarks is None else face.landmarks.ravel()
    numbers = {
        **dict(zip(("x1", "y1", "x2", "y2"), face.box.tolist(), strict=True)),
        "score": face.score,
        **dict(zip(POINTS, points.tolist(), strict=True)),
    }
    rounded = {name: round(v, 4) if np.isfinite(v) else None for name, v in numbers.items()}
    return {"path": str(path), "frame": frame, "face": number, **rounded}

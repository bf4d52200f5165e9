"""Reader of a plain CSV manifest, for any rig: ``<root>/manifest.csv``, a row per frame.

The columns are ``identity, session, frame, light_x, light_y, light_z``; ``frame`` is a path within
``root``. Optional columns ``left_eye_x, left_eye_y, ...`` give all five
`psface.captures.capture.LANDMARKS`. Every other column is an attribute, the same in all rows of a
capture.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from psface.captures.capture import LANDMARKS, Capture, Refusal
from psface.captures.ingest_params import IngestParams
from psface.errors import UserError
from psface.paths import find_path
from psface.user_tables import UserTable, read_user_table

LIGHT_COLUMNS = ("light_x", "light_y", "light_z")
REQUIRED = ("identity", "session", "frame", *LIGHT_COLUMNS)
LANDMARK_COLUMNS = tuple(f"{name}_{axis}" for name in LANDMARKS for axis in "xy")


def read_manifest(root: Path, params: IngestParams, seed: int) -> Iterator[Capture | Refusal]:
    """As `read_manifest_captures`."""
    return read_manifest_captures(root)


def read_manifest_captures(root: Path) -> Iterator[Capture | Refusal]:
    """Yield the captures of ``root/manifest.csv`` in the order of their first rows.

    Raises
    ------
    UserError
        If there is no manifest or it lacks a required column.
    """
    path = root / "manifest.csv"
    if not path.exists():
        raise UserError(f"{path}: missing; set ingest.root to the folder that holds it")
    manifest = read_user_table(path, REQUIRED, LANDMARK_COLUMNS)
    table = pd.DataFrame(
        manifest.rows, index=manifest.lines, columns=list(manifest.columns), dtype=str
    )
    attributes = [c for c in manifest.columns if c not in {*REQUIRED, *LANDMARK_COLUMNS}]
    for key, rows in table.groupby(["identity", "session"], sort=False):
        identity, capture = map(str, key)
        try:
            yield Capture(
                identity=identity,
                name=capture,
                frames=_frames(root, rows),
                lights=_lights(manifest, rows),
                attributes={name: _one_value(rows, name) for name in attributes},
                landmarks=_landmarks(manifest, rows),
            )
        except UserError as error:
            yield Refusal(identity, capture, f"{path}: {error}")


def _frames(root: Path, rows: pd.DataFrame) -> tuple[str, ...]:
    frames = tuple(_inside(root, frame) for frame in rows["frame"])
    for number, frame in enumerate(frames):
        if frame in frames[:number]:
            first, again = rows.index[frames.index(frame)], rows.index[number]
            raise UserError(f"lines {first} and {again} give frame {frame} two lights")
    return frames


def _inside(root: Path, frame: str) -> str:
    # DVC tracks the root: a file outside it could change unnoticed.
    inside = os.path.relpath(root.absolute() / frame.replace("\\", "/"), root.absolute())
    if not frame or inside == "." or Path(inside).parts[0] == "..":
        raise UserError(f"frame `{frame}` is not inside {root}; move it there")
    return find_path(root, inside).as_posix()


def _lights(table: UserTable, rows: pd.DataFrame) -> np.ndarray:
    lights = _numbers(table, rows, LIGHT_COLUMNS)
    length = np.linalg.norm(lights, axis=1, keepdims=True)
    if (length == 0).any():
        line = rows.index[int(np.argmin(length))]
        raise UserError(f"zero-length light direction in line {line}")
    return lights / length


def _landmarks(table: UserTable, rows: pd.DataFrame) -> np.ndarray | None:
    columns = [name for name in LANDMARK_COLUMNS if name in rows.columns]
    if len(columns) < len(LANDMARK_COLUMNS) or (rows[columns] == "").any(axis=None):
        return None
    return _numbers(table, rows.iloc[:1], LANDMARK_COLUMNS).reshape(-1, 2)


def _numbers(table: UserTable, rows: pd.DataFrame, columns: tuple[str, ...]) -> np.ndarray:
    values = np.empty((len(rows), len(columns)))
    for i, line in enumerate(rows.index):
        for j, column in enumerate(columns):
            number = table.number(cell := rows[column].iloc[i])
            if number is None or not np.isfinite(number):
                raise UserError(f"{column} `{cell}` in line {line} is not a number")
            values[i, j] = number
    return values


def _one_value(rows: pd.DataFrame, name: str) -> str:
    values = sorted(set(rows[name]))
    if len(values) > 1:
        raise UserError(f"{name} is both `{values[0]}` and `{values[1]}` in one capture")
    return values[0]

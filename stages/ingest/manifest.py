"""Reader of a plain CSV manifest, for any rig: ``<root>/manifest.csv``, a row per frame.

Columns ``identity, session, frame, light_x, light_y, light_z``; ``frame`` is a path within
``root``. The facial points may be given as ``left_eye_x, left_eye_y, ...`` for all five
`stages.session.LANDMARKS`. Every other column is an attribute, the same in all rows of a session.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from stages.errors import UserError
from stages.params import IngestParams
from stages.session import LANDMARKS, Refusal, Session

LIGHT_COLUMNS = ("light_x", "light_y", "light_z")
REQUIRED = ("identity", "session", "frame", *LIGHT_COLUMNS)
LANDMARK_COLUMNS = tuple(f"{name}_{axis}" for name in LANDMARKS for axis in "xy")


def read_manifest(root: Path, params: IngestParams, seed: int) -> Iterator[Session | Refusal]:
    """See `read_captures`."""
    return read_captures(root)


def read_captures(root: Path) -> Iterator[Session | Refusal]:
    """Yield the sessions of ``root/manifest.csv`` in the order of their first row.

    Raises
    ------
    UserError
        If there is no manifest or it lacks a required column.
    """
    path = root / "manifest.csv"
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except FileNotFoundError:
        raise UserError(f"{path}: missing; ingest.root is the folder that holds it") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not readable as CSV ({error})") from error
    # A blank more in one cell must not make two people of one.
    table = table.rename(columns=str.strip).map(str.strip)
    missing = [name for name in REQUIRED if name not in table.columns]
    if missing:
        raise UserError(f"{path}: no column {', '.join(missing)}")
    attributes = [c for c in table.columns if c not in {*REQUIRED, *LANDMARK_COLUMNS}]
    for key, rows in table.groupby(["identity", "session"], sort=False):
        identity, session = map(str, key)
        try:
            yield Session(
                identity=identity,
                session=session,
                frames=tuple(_inside(root, frame) for frame in rows["frame"]),
                lights=_lights(rows),
                attributes={name: _one_value(rows, name) for name in attributes},
                landmarks=_landmarks(rows),
            )
        except UserError as error:
            yield Refusal(identity, session, f"{path}: {error}")


def _inside(root: Path, frame: str) -> str:
    # DVC watches the root: what lies outside it could change unnoticed.
    relative = PurePosixPath(frame.replace("\\", "/"))
    if relative.is_absolute() or ".." in relative.parts or not frame:
        raise UserError(f"frame `{frame}` does not lie within {root}; move it there")
    return (root / relative).as_posix()


def _lights(rows: pd.DataFrame) -> np.ndarray:
    lights = _numbers(rows, LIGHT_COLUMNS)
    length = np.linalg.norm(lights, axis=1, keepdims=True)
    if (length == 0).any():
        line = rows.index[int(np.argmin(length))] + 2
        raise UserError(f"a light direction of length zero in line {line}")
    return lights / length


def _landmarks(rows: pd.DataFrame) -> np.ndarray | None:
    columns = [name for name in LANDMARK_COLUMNS if name in rows.columns]
    if len(columns) < len(LANDMARK_COLUMNS) or (rows[columns] == "").any(axis=None):
        return None
    return _numbers(rows.iloc[:1], LANDMARK_COLUMNS).reshape(-1, 2)


def _numbers(rows: pd.DataFrame, columns: tuple[str, ...]) -> np.ndarray:
    values = rows[list(columns)].apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        row, column = bad[0]
        cell = rows[columns[column]].iloc[row]
        raise UserError(f"{columns[column]} `{cell}` in line {rows.index[row] + 2} is no number")
    return values


def _one_value(rows: pd.DataFrame, name: str) -> str:
    values = sorted(set(rows[name]))
    if len(values) > 1:
        raise UserError(f"{name} is both `{values[0]}` and `{values[1]}` in one session")
    return values[0]

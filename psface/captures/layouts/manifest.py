"""Reader of a plain CSV manifest, for any rig: ``<root>/manifest.csv``, a row per frame.

The columns ``identity, session, frame`` are needed; ``frame`` is a path within ``root``. A frame's
lamp is given by ``light_x, light_y, light_z``, the direction to it; by ``position_x_mm,
position_y_mm, position_z_mm`` in the camera's frame; or by ``lamp``, its name in the rig (that of
the column ``rig``, a file within ``root``, or of ``ingest.rig``). ``intensity`` is its relative
strength, ``role`` is ``ambient`` for a frame with all lamps off, ``mask`` for a picture that is
white on the face, and otherwise ``frame`` or empty. ``left_eye_x, left_eye_y, ...`` give all five
`psface.captures.capture.LANDMARKS`. Every other column is an attribute, one for all of a capture.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from psface.captures.capture import LANDMARKS, NO_LIGHTS, Capture, Refusal, refused
from psface.captures.ingest_params import IngestParams
from psface.captures.rigged import read_placed_rig, rig_of, rigged
from psface.errors import UserError
from psface.paths import find_path
from psface.rig.rig import Rig, parse_rig
from psface.user_tables import UserTable, read_user_table

if TYPE_CHECKING:
    import pandas as pd

MANIFEST = "manifest.csv"
LIGHT_COLUMNS = ("light_x", "light_y", "light_z")
POSITION_COLUMNS = ("position_x_mm", "position_y_mm", "position_z_mm")
REQUIRED = ("identity", "session", "frame")
LANDMARK_COLUMNS = tuple(f"{name}_{axis}" for name in LANDMARKS for axis in "xy")
OPTIONAL = (
    *LIGHT_COLUMNS, *POSITION_COLUMNS, *LANDMARK_COLUMNS, "intensity", "lamp", "rig", "role",
)  # fmt: skip
ROLES = ("frame", "ambient", "mask")
LARGEST = 1e12  # of all that a manifest measures
UNEQUAL = 0.02  # lengths of directions that differ by more mean something


def read_manifest(root: Path, params: IngestParams, seed: int) -> Iterator[Capture | Refusal]:
    """As `read_manifest_captures`, with the rig and the meaning of lengths in ``params``."""
    path = rig_of(root, params.rig)
    rig = None if path is None else read_placed_rig(path)
    return read_manifest_captures(root, rig, params.manifest.light_lengths)


def read_manifest_captures(
    root: Path, rig: Rig | None = None, light_lengths: str = "unstated", under: Path | None = None
) -> Iterator[Capture | Refusal]:
    """Yield the captures of ``root/manifest.csv`` in the order of their first rows.

    Parameters
    ----------
    rig : Rig, optional
        That ``lamp`` refers to, and whose camera saw lamps with positions.
    light_lengths : "unstated", "intensity" or "ignored"
        What lengths of directions mean that are not all alike.
    under : Path, optional
        A resolved folder, which need not exist: only captures whose place is it, or in it.

    Raises
    ------
    UserError
        If there is no manifest or it lacks a required column.
    """
    import pandas as pd  # takes long to load, and most captures come without a manifest

    path = root / MANIFEST
    if not path.exists():
        raise UserError(f"{path}: missing; set ingest.root to the folder that holds it")
    manifest = read_user_table(path, REQUIRED, OPTIONAL)
    _check_columns(path, set(manifest.columns), rig is None)
    table = pd.DataFrame(
        manifest.rows, index=manifest.lines, columns=list(manifest.columns), dtype=str
    )
    attributes = [c for c in manifest.columns if c not in {*REQUIRED, *OPTIONAL}]
    for key, rows in table.groupby(["identity", "session"], sort=False):
        identity, name = map(str, key)
        if under is not None:
            stated = _stated(root, rows, identity, name)
            if not (stated.frames and stated.place.resolve().is_relative_to(under)):
                continue
        try:
            capture = _capture(root, manifest, rows, rig, light_lengths)
            values = {name: _one_value(rows, name) for name in attributes}
            yield replace(capture, identity=identity, name=name, attributes=values)
        except UserError as error:
            yield refused(_stated(root, rows, identity, name), f"{path}: {error}")


def _stated(root: Path, rows: pd.DataFrame, identity: str, name: str) -> Capture:
    """A capture by its first frame alone, if that is known."""
    lit = rows[rows["role"].isin(("", "frame"))] if "role" in rows else rows
    try:
        return Capture(identity, name, (_inside(root, lit["frame"].iloc[0]),) * 2, NO_LIGHTS)
    except (UserError, IndexError):
        return Capture(identity, name, (), NO_LIGHTS)


def _check_columns(path: Path, columns: set[str], needs_lights: bool) -> None:
    needed = [group for group in (LIGHT_COLUMNS, POSITION_COLUMNS) if set(group) & columns]
    if needs_lights and not needed and not {"lamp", "rig"} & columns:
        needed = [LIGHT_COLUMNS]
    if missing := [name for group in needed for name in group if name not in columns]:
        raise UserError(
            f"{path}: no column {', '.join(missing)}; give each frame's light, its position or its "
            "lamp"
        )
    if near := [f"position_{axis}" for axis in "xyz" if f"position_{axis}" in columns]:
        raise UserError(f"{path}: column {near[0]}, without a unit; call it {near[0]}_mm, in mm")
    missing = [name for name in LANDMARK_COLUMNS if name not in columns]
    if 0 < len(missing) < len(LANDMARK_COLUMNS):
        raise UserError(f"{path}: no column {', '.join(missing)}; give all landmarks or none")


def _capture(
    root: Path, table: UserTable, rows: pd.DataFrame, rig: Rig | None, light_lengths: str
) -> Capture:
    if "rig" in rows and (own := _one_value(rows, "rig")):
        rig = read_placed_rig(Path(_inside(root, own, "rig")))
    roles = [role or "frame" for role in rows["role"]] if "role" in rows else ["frame"] * len(rows)
    if unknown := [role for role in roles if role not in ROLES]:
        raise UserError(f"role `{unknown[0]}` is unknown; use one of {', '.join(ROLES)}")
    lit = rows[[role == "frame" for role in roles]]
    aides = {}
    for role in ("ambient", "mask"):
        chosen = rows["frame"][[r == role for r in roles]]
        if len(chosen) > 1:
            raise UserError(
                f"lines {chosen.index[0]} and {chosen.index[1]} are both {role}; keep one"
            )
        aides[role] = _inside(root, chosen.iloc[0]) if len(chosen) else ""
        _check_unlit(rows.loc[chosen.index], role)
    if lit.empty:
        raise UserError(
            f"no frames in line {rows.index[0]} and on, only {', '.join(sorted(set(roles)))}"
        )
    capture = Capture(
        "",
        "",
        _frames(root, lit),
        NO_LIGHTS,
        landmarks=_landmarks(table, lit),
        ambient=aides["ambient"],
        mask=aides["mask"],
    )
    return _lit(capture, table, lit, rig, light_lengths)


def _check_unlit(rows: pd.DataFrame, role: str) -> None:
    """Refuse a light of a picture that none is for."""
    for name in (*LIGHT_COLUMNS, *POSITION_COLUMNS, "intensity", "lamp"):
        if name in rows and (rows[name] != "").any():
            raise UserError(
                f"line {rows.index[0]} is {role}, which has no light; leave its {name} empty"
            )


def _lit(
    capture: Capture, table: UserTable, rows: pd.DataFrame, rig: Rig | None, light_lengths: str
) -> Capture:
    """Add the lights that the manifest gives, or names."""
    given = [
        name
        for name, columns in (
            ("light", LIGHT_COLUMNS), ("position", POSITION_COLUMNS), ("lamp", ("lamp",))
        )
        if set(columns) <= set(rows) and (rows[list(columns)] != "").any(axis=None)
    ]  # fmt: skip
    if len(given) > 1:
        raise UserError(f"both {given[0]} and {given[1]} of a frame's lamp; keep one")
    strengths = None
    if "intensity" in rows and (rows["intensity"] != "").any():
        strengths = _numbers(table, rows, ("intensity",))[:, 0]
        if (strengths <= 0).any():
            raise UserError(f"intensity in line {rows.index[int(np.argmin(strengths))]} is not > 0")
    if rig is not None and rig.lamps and strengths is not None:
        raise UserError("both a rig's lamps and a column intensity; the rig has the intensities")
    if given == ["light"]:
        lights = _lights(table, rows, light_lengths, strengths)
        if rig is not None and rig.lamps and np.ptp(np.linalg.norm(lights, axis=1)) > UNEQUAL:
            raise UserError("both a rig's lamps and lights of unequal length; keep one")
        lit = replace(capture, lights=lights)
        return lit if rig is None else rigged(lit, rig)
    if not given:
        if strengths is not None:
            raise UserError("intensity without a light or position; give each frame's")
        if rig is None or len(rows) == 1:
            raise UserError(f"line {rows.index[0]}: no light, position or lamp; give each frame's")
        return rigged(capture, rig)
    if rig is None:
        raise UserError(f"a {given[0]} needs a rig: its camera or its lamps (ingest.rig)")
    if given == ["lamp"]:
        return rigged(capture, _chosen(rig, rows), chosen=True)
    if rig.lamps:
        raise UserError("both positions and a rig's lamps; keep one, and the rig's camera")
    return rigged(capture, _placed(rig, _numbers(table, rows, POSITION_COLUMNS), strengths))


def _placed(rig: Rig, positions: np.ndarray, strengths: np.ndarray | None) -> Rig:
    """The rig with lamps at positions (n, 3)."""
    strengths = np.ones(len(positions)) if strengths is None else strengths
    lamps = [
        {"position_mm": place, "intensity": strength}
        for place, strength in zip(positions.tolist(), strengths.tolist(), strict=True)
    ]
    content = rig.model_dump(mode="json", by_alias=True, exclude={"lamps"})
    return parse_rig({**content, "lamps": lamps}, Path("position_x_mm"))


def _chosen(rig: Rig, rows: pd.DataFrame) -> Rig:
    """The rig with the lamps that the rows name."""
    chosen = [_lamp(rig, name) for name in rows["lamp"]]
    for number, lamp in enumerate(chosen):
        if lamp in chosen[:number]:
            lines = f"{rows.index[chosen.index(lamp)]} and {rows.index[number]}"
            name = rows["lamp"].iloc[number]
            raise UserError(f"lines {lines} name one lamp, `{name}`; keep one")
    return rig.with_lamps(chosen)


def _lamp(rig: Rig, name: str) -> int:
    if name not in rig.names:
        raise UserError(f"lamp `{name}` is not in the rig, which has {', '.join(rig.names[:12])}")
    return rig.names.index(name)


def _frames(root: Path, rows: pd.DataFrame) -> tuple[str, ...]:
    frames = tuple(_inside(root, frame) for frame in rows["frame"])
    for number, frame in enumerate(frames):
        if frame in frames[:number]:
            first, again = rows.index[frames.index(frame)], rows.index[number]
            raise UserError(f"lines {first} and {again} give frame {frame} two lights")
    return frames


def _inside(root: Path, frame: str, what: str = "frame") -> str:
    # DVC tracks the root: a file outside it could change unnoticed.
    inside = os.path.relpath(root.absolute() / frame.replace("\\", "/"), root.absolute())
    if not frame or inside == "." or Path(inside).parts[0] == "..":
        raise UserError(f"{what} `{frame}` is not inside {root}; move it there")
    return find_path(root, inside).as_posix()


def _lights(
    table: UserTable, rows: pd.DataFrame, light_lengths: str, strengths: np.ndarray | None
) -> np.ndarray:
    lights = _numbers(table, rows, LIGHT_COLUMNS)
    length = np.linalg.norm(lights, axis=1, keepdims=True)
    if (length == 0).any():
        line = rows.index[int(np.argmin(length))]
        raise UserError(f"zero-length light direction in line {line}")
    unit = lights / length
    if strengths is not None:
        return unit * (strengths / strengths.mean())[:, None]
    if np.ptp(length) <= UNEQUAL * length.mean() or light_lengths == "ignored":
        return unit
    if light_lengths == "intensity":
        return lights / length.mean()
    raise UserError(
        f"light directions of length {length.min():.3g} to {length.max():.3g}: are these strengths?"
        " Give a column intensity, or set ingest.manifest.light_lengths to intensity or ignored"
    )


def _landmarks(table: UserTable, rows: pd.DataFrame) -> np.ndarray | None:
    """Those of the first frame, if there are any in its capture."""
    columns = list(LANDMARK_COLUMNS)
    if columns[0] not in rows or (rows[columns] == "").all(axis=None):
        return None
    if (rows.iloc[0][columns] == "").any():
        raise UserError(f"landmarks in line {rows.index[0]} are incomplete; give all ten or none")
    return _numbers(table, rows.iloc[:1], LANDMARK_COLUMNS).reshape(-1, 2)


def _numbers(table: UserTable, rows: pd.DataFrame, columns: tuple[str, ...]) -> np.ndarray:
    values = np.empty((len(rows), len(columns)))
    for i, line in enumerate(rows.index):
        for j, column in enumerate(columns):
            number = table.number(cell := rows[column].iloc[i])
            if number is None or not abs(number) < LARGEST:
                raise UserError(
                    f"{column} `{cell}` in line {line} is not a number below {LARGEST:.0e}"
                )
            values[i, j] = number
    return values


def _one_value(rows: pd.DataFrame, name: str) -> str:
    values = sorted(set(rows[name]))
    if len(values) > 1:
        raise UserError(f"{name} is both `{values[0]}` and `{values[1]}` in one capture")
    return values[0]

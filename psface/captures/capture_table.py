"""Tables of captures and refusals."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from psface.captures.capture import Capture, Refusal
from psface.errors import UserError
from psface.files import is_path_part, reading, replacing
from psface.rig.rig import Rig, parse_rig
from psface.stage_tables import read_rows, write_rows
from psface.user_tables import write_safe_rows

SCHEMA = pa.schema(
    {
        "identity": pa.string(),
        "session": pa.string(),
        "frames": pa.list_(pa.string()),
        "lights": pa.list_(pa.float64()),
        "landmarks": pa.list_(pa.float64()),
        "digest": pa.string(),
        "attributes": pa.map_(pa.string(), pa.string()),
        "bits": pa.int8(),
        "rig": pa.string(),
        "ambient": pa.string(),
        "mask": pa.string(),
    }
)


def write_captures(path: Path, captures: Iterable[Capture]) -> None:
    """Write the table of accepted captures, one row each, as they arrive."""
    rows = (
        {
            "identity": c.identity,
            "session": c.name,
            "frames": list(c.frames),
            "lights": c.lights.ravel().tolist(),
            "landmarks": None if c.landmarks is None else c.landmarks.ravel().tolist(),
            "digest": c.digest,
            "attributes": list(c.attributes.items()),
            "bits": c.bits,
            "rig": None if c.rig is None else c.rig.text(),
            "ambient": c.ambient,
            "mask": c.mask,
        }
        for c in captures
    )
    with replacing(path) as partial:
        write_rows(partial, rows, SCHEMA)


def read_captures(path: Path) -> Iterator[Capture]:
    """Yield the captures in a table of `write_captures`, one at a time.

    Raises
    ------
    UserError
        If the file is missing or not such a table.
    """
    for row in read_rows(path, "ingest", SCHEMA):
        with reading(path, "ingest"):
            capture = _capture(row, path)
        yield capture


def _capture(row: dict[str, Any], path: Path) -> Capture:
    landmarks = row["landmarks"]
    capture = Capture(
        identity=row["identity"],
        name=row["session"],
        frames=tuple(row["frames"]),
        lights=np.array(row["lights"], dtype=np.float64).reshape(-1, 3),
        attributes=dict(row["attributes"]),
        landmarks=None if landmarks is None else np.reshape(landmarks, (5, 2)),
        digest=row["digest"],
        bits=row["bits"],
        rig=None if row["rig"] is None else _rig(row["rig"], path),
        ambient=row["ambient"],
        mask=row["mask"],
    )
    texts = (
        capture.digest,
        capture.ambient,
        capture.mask,
        *capture.frames,
        *capture.attributes,
        *capture.attributes.values(),
    )
    if not all(isinstance(text, str) for text in texts) or not np.isfinite(capture.lights).all():
        raise ValueError(f"{capture.key} is not a capture")
    if capture.rig and capture.rig.lamps and len(capture.rig.lamps) != len(capture.frames):
        raise ValueError(f"{capture.key} has another number of lamps than frames")
    for part in (capture.identity, capture.name):
        if not is_path_part(part):
            raise ValueError(f"{part!r} is not a name")
    return capture


@lru_cache(maxsize=64)  # most captures share one
def _rig(text: str, path: Path) -> Rig:
    try:
        return parse_rig(json.loads(text), path)
    except UserError as error:  # the user did not write it: ingest must run again
        raise ValueError(str(error).removeprefix(f"{path}: ")) from None


def write_refusals(path: Path, refusals: Iterable[Refusal]) -> None:
    """Write a table of refusals with their reasons; only the header if there are none."""
    rows = ((r.identity, r.name, r.reason) for r in refusals)
    write_safe_rows(path, ("identity", "session", "reason"), rows)

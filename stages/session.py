"""What a capture session is, and the tables of sessions that pass between stages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from stages.errors import UserError
from stages.files import check_regular, is_path_part, replacing
from stages.tables import plain_cell, safe
from stages.walking import one_form

LANDMARKS = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")
ROWS_AT_ONCE = 10_000  # of a table: millions of pictures must fit
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
    }
)


@dataclass(frozen=True)
class Session:
    """One capture of one person: several frames from one viewpoint, one light each; or a picture,
    which is one frame under a light that nobody knows.

    Attributes
    ----------
    identity, session : str
        Who, and which capture of them; together unique.
    frames : tuple of str
        Image files, one per light.
    lights : (n, 3) float64
        Unit vectors from the surface to the light; x right, y up, z towards the camera. (0, 3) of
        a picture.
    attributes : dict of str to str
        Raw labels by attribute name; an unknown label is the empty string.
    landmarks : (5, 2) float64 or None
        Given facial points in pixels of the first frame (x right, y down), ordered as `LANDMARKS`;
        left and right as seen in the image.
    digest : str
        Hash of the frames' bytes, so that a changed capture is noticed downstream.
    bits : int or None
        How many bits the samples of 16-bit frames use that do not say so themselves.
    """

    identity: str
    session: str
    frames: tuple[str, ...]
    lights: np.ndarray
    attributes: dict[str, str] = field(default_factory=dict)
    landmarks: np.ndarray | None = None
    digest: str = ""
    bits: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "identity", one_form(self.identity))
        object.__setattr__(self, "session", one_form(self.session))

    @property
    def name(self) -> str:
        return f"{self.identity}/{self.session}"

    @property
    def is_picture(self) -> bool:
        return len(self.lights) == 0 and len(self.frames) == 1


@dataclass(frozen=True)
class Refusal:
    """A session that a stage could not use, and why; what is not UTF-8 in it is escaped."""

    identity: str
    session: str
    reason: str

    def __post_init__(self) -> None:
        for name in ("identity", "session", "reason"):
            text = getattr(self, name).encode(errors="backslashreplace").decode()
            object.__setattr__(self, name, one_form(text))


def write_sessions(path: Path, sessions: Iterable[Session]) -> None:
    """Write the table of accepted sessions, one row each, as they come."""
    rows = (
        {
            "identity": s.identity,
            "session": s.session,
            "frames": list(s.frames),
            "lights": s.lights.ravel().tolist(),
            "landmarks": None if s.landmarks is None else s.landmarks.ravel().tolist(),
            "digest": s.digest,
            "attributes": list(s.attributes.items()),
            "bits": s.bits,
        }
        for s in sessions
    )
    with replacing(path) as partial:
        write_rows(partial, rows, SCHEMA)


def read_sessions(path: Path) -> Iterator[Session]:
    """The sessions of a table of `write_sessions`, one after the other.

    Raises
    ------
    UserError
        If the file is missing or not such a table.
    """
    for row in read_rows(path, "ingest", SCHEMA):
        with _told(path, "ingest"):
            session = _session(row)
        yield session


def _session(row: dict[str, Any]) -> Session:
    landmarks = row["landmarks"]
    session = Session(
        identity=row["identity"],
        session=row["session"],
        frames=tuple(row["frames"]),
        lights=np.array(row["lights"], dtype=np.float64).reshape(-1, 3),
        attributes=dict(row["attributes"]),
        landmarks=None if landmarks is None else np.reshape(landmarks, (5, 2)),
        digest=row["digest"],
        bits=row["bits"],
    )
    texts = (session.digest, *session.frames, *session.attributes, *session.attributes.values())
    if not all(isinstance(text, str) for text in texts) or not np.isfinite(session.lights).all():
        raise ValueError(f"{session.name} is no session")
    for part in (session.identity, session.session):
        if not is_path_part(part):
            raise ValueError(f"{part!r} is no name")
    return session


def write_rows(path: Path, rows: Iterable[dict[str, Any]], schema: pa.Schema) -> None:
    """Write a parquet table without ever holding all of it."""
    rows = iter(rows)
    with pq.ParquetWriter(path, schema) as writer:
        while some := list(islice(rows, ROWS_AT_ONCE)):
            writer.write_table(pa.Table.from_pylist(some, schema))


def read_rows(path: Path, stage: str, schema: pa.Schema) -> Iterator[dict[str, Any]]:
    """The rows of a parquet table that ``stage`` writes, without ever holding all of it.

    Raises
    ------
    UserError
        If it is missing, unreadable or of another schema; the message names the stage to run.
    """
    with _told(path, stage):
        file = pq.ParquetFile(path)
        if lacking := set(schema.names) - set(file.schema_arrow.names):
            raise ValueError(f"no column {', '.join(sorted(lacking))}")
        batches = file.iter_batches(ROWS_AT_ONCE)
    with file:
        while True:
            with _told(path, stage):
                batch = next(batches, None)
                rows = batch.to_pylist() if batch is not None else []
            if batch is None:
                return
            yield from rows


def write_refusals(path: Path, refusals: Iterable[Refusal]) -> None:
    """Write a table of refusals with their reasons; a header alone when there are none."""
    rows = [(r.identity, r.session, r.reason) for r in refusals]
    with replacing(path) as partial:
        table = pd.DataFrame(rows, columns=["identity", "session", "reason"])
        safe(table).to_csv(partial, index=False)


def read_table(path: Path, stage: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read a parquet or CSV table that ``stage`` writes; every CSV cell is text.

    Parameters
    ----------
    columns : sequence of str, optional
        Of a parquet table: those of them that it has are read, and no others.

    Raises
    ------
    UserError
        If it is missing or unreadable; the message names the stage to run.
    """
    with _told(path, stage):
        if path.suffix == ".parquet":
            there = pq.read_schema(path).names
            return pd.read_parquet(path, columns=[c for c in columns or there if c in there])
        return pd.read_csv(path, dtype=str, keep_default_na=False).map(plain_cell)


@contextmanager
def _told(path: Path, stage: str) -> Iterator[None]:
    """Turns what goes wrong with a table into a `UserError`."""
    check_regular(path)
    try:
        yield
    except FileNotFoundError:
        raise UserError(f"{path}: missing; run `dvc repro {stage}`") from None
    except UserError:
        raise
    except Exception as error:  # whatever a damaged file runs the readers into
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{path}: unreadable ({reason}); run `dvc repro -f {stage}`") from error

"""What a capture session is, and the tables of sessions that pass between stages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from stages.errors import UserError
from stages.files import replacing

LANDMARKS = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")
# The columns of sessions.parquet that are not attributes.
OWN_COLUMNS = ("identity", "session", "frames", "lights", "landmarks", "digest")


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
    """

    identity: str
    session: str
    frames: tuple[str, ...]
    lights: np.ndarray
    attributes: dict[str, str] = field(default_factory=dict)
    landmarks: np.ndarray | None = None
    digest: str = ""

    @property
    def name(self) -> str:
        return f"{self.identity}/{self.session}"

    @property
    def is_picture(self) -> bool:
        return len(self.lights) == 0 and len(self.frames) == 1


@dataclass(frozen=True)
class Refusal:
    """A session that a stage could not use, and why."""

    identity: str
    session: str
    reason: str


def write_sessions(path: Path, sessions: Iterable[Session]) -> None:
    """Write the table of accepted sessions, one row each."""
    rows: list[dict[str, object]] = [
        {
            "identity": s.identity,
            "session": s.session,
            "frames": list(s.frames),
            "lights": s.lights.ravel().tolist(),
            "landmarks": None if s.landmarks is None else s.landmarks.ravel().tolist(),
            "digest": s.digest,
            **s.attributes,
        }
        for s in sessions
    ]
    attributes = sorted({name for row in rows for name in row} - set(OWN_COLUMNS))
    table = pd.DataFrame(rows, columns=[*OWN_COLUMNS, *attributes])
    table[attributes] = table[attributes].fillna("")
    with replacing(path) as partial:
        table.to_parquet(partial, index=False)


def read_sessions(path: Path) -> list[Session]:
    """Read a table of `write_sessions`.

    Raises
    ------
    UserError
        If the file is missing or not such a table.
    """
    table = read_table(path, "ingest")
    attributes = [name for name in table.columns if name not in OWN_COLUMNS]
    return [
        Session(
            identity=row["identity"],
            session=row["session"],
            frames=tuple(row["frames"]),
            lights=np.asarray(row["lights"], dtype=np.float64).reshape(-1, 3),
            attributes={name: row[name] for name in attributes},
            landmarks=None if row["landmarks"] is None else np.reshape(row["landmarks"], (5, 2)),
            digest=row["digest"],
        )
        for row in table.to_dict("records")
    ]


def write_refusals(path: Path, refusals: Iterable[Refusal]) -> None:
    """Write a table of refusals with their reasons; a header alone when there are none."""
    rows = [(r.identity, r.session, r.reason) for r in refusals]
    with replacing(path) as partial:
        pd.DataFrame(rows, columns=["identity", "session", "reason"]).to_csv(partial, index=False)


def read_table(path: Path, stage: str) -> pd.DataFrame:
    """Read a parquet or CSV table that ``stage`` writes; every CSV cell is text.

    Raises
    ------
    UserError
        If it is missing or unreadable; the message names the stage to run.
    """
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        return pd.read_csv(path, dtype=str, keep_default_na=False)
    except FileNotFoundError:
        raise UserError(f"{path}: missing; run `dvc repro {stage}`") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: unreadable ({error}); run `dvc repro -f {stage}`") from error

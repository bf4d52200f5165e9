"""Reader of the Photoface layout (Zafeiriou et al., "The Photoface database", CVPRW 2011).

``[Photometric_DB/]<id>/<session>/`` holds a frame per light ``im0.bmp, im1.bmp, ...``, the light
directions ``LightSource.m`` and the labels ``metadataII.txt``. An optional ``landmarks.csv``
(``name,x,y``; see `stages.session.LANDMARKS`) gives the facial points of ``im0``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from stages.errors import UserError
from stages.images import FRAME_SUFFIXES
from stages.params import IngestParams
from stages.session import LANDMARKS, Refusal, Session

# The order of metadataII.txt, with every label that is known. An empty label is unknown.
KNOWN_LABELS: dict[str, tuple[str, ...]] = {
    "gender": ("male", "female"),
    "spectacles": ("yes", "no"),
    "facial_hair": ("none", "stubble", "beard", "moustache", "both"),
    "pose": ("1", "2", "3", "4", "5"),
    "quality": ("ok", "blur", "dark"),
    "occlusion": ("none", "-hair", "-hand", "-hand-other", "-mobile", "-other"),
    "emotion": ("blankstare", "positive", "negative", "emoOther"),
}
_NUMBER = r"(\d+(?:\.\d+)?)"
_ROW = re.compile(rf"^\s*{_NUMBER}\s*-\s*{_NUMBER}\s+{_NUMBER}\s*-\s*{_NUMBER}\s*;?\s*$")


def read_photoface(root: Path, params: IngestParams, seed: int) -> Iterator[Session | Refusal]:
    """Yield every session folder under ``root`` or ``root/Photometric_DB``, checked for form."""
    database = root / "Photometric_DB"
    for person in _folders(database if database.is_dir() else root):
        for folder in _folders(person):
            try:
                yield read_capture(person.name, folder)
            except UserError as error:
                yield Refusal(person.name, folder.name, str(error))


def read_capture(identity: str, folder: Path) -> Session:
    """The session in one folder.

    Raises
    ------
    UserError
        If a file is missing or not as it should be.
    """
    lights = read_light_source(folder / "LightSource.m")
    return Session(
        identity=identity,
        session=folder.name,
        frames=_find_frames(folder, len(lights)),
        lights=lights,
        attributes=read_labels(folder / "metadataII.txt"),
        landmarks=read_landmarks(folder / "landmarks.csv"),
    )


def read_light_source(path: Path) -> np.ndarray:
    """Light directions of a ``LightSource.m``: rows ``90-r 360-a;`` in degrees.

    ``r`` is the slant from the optical axis and ``a`` the azimuth clockwise from image-up, so that
    ``l = (sin r sin a, sin r cos a, cos r)``.

    Returns
    -------
    (n, 3) float64
        Unit vectors from the surface to the light.

    Raises
    ------
    UserError
        If the file is missing or a row between the brackets is not of that form.
    """
    text = _read_text(path)
    body = re.search(r"LightAngle\s*=\s*\[(.*?)\]", text, re.DOTALL)
    if body is None:
        raise UserError(f"{path}: no `LightAngle = [ ... ];`")
    rows = [line for line in body.group(1).splitlines() if line.strip()]
    angles = []
    for row in rows:
        match = _ROW.match(row)
        if match is None:
            raise UserError(f"{path}: row `{row.strip()}` is not of the form `90-r 360-a;`")
        first, slant, second, azimuth = map(float, match.groups())
        angles.append((90 - first + slant, 360 - second + azimuth))
    slant, azimuth = np.radians(np.reshape(angles, (-1, 2))).T
    return np.stack(
        [np.sin(slant) * np.sin(azimuth), np.sin(slant) * np.cos(azimuth), np.cos(slant)], axis=-1
    )


def read_labels(path: Path) -> dict[str, str]:
    """Labels of a ``metadataII.txt``; all unknown when there is no such file.

    Raises
    ------
    UserError
        If a field is missing or holds a label that is not in `KNOWN_LABELS`.
    """
    if not path.exists():
        return dict.fromkeys(KNOWN_LABELS, "")
    fields = [field.strip() for field in _read_text(path).split(",")]
    if len(fields) < len(KNOWN_LABELS):
        raise UserError(f"{path}: {len(fields)} fields, expected {', '.join(KNOWN_LABELS)}")
    labels = dict(zip(KNOWN_LABELS, fields, strict=False))
    labels["occlusion"] = labels["occlusion"] or "none"
    for name, label in labels.items():
        if label and label not in KNOWN_LABELS[name]:
            allowed = ", ".join(KNOWN_LABELS[name])
            raise UserError(f"{path}: {name} `{label}` is unknown; use one of {allowed}")
    return labels


def read_landmarks(path: Path) -> np.ndarray | None:
    """Given facial points, (5, 2) pixels in the order of `LANDMARKS`; None without the file.

    Raises
    ------
    UserError
        If the file does not give every point as ``name,x,y``.
    """
    if not path.exists():
        return None
    try:
        points = pd.read_csv(path).set_index("name")[["x", "y"]].loc[list(LANDMARKS)]
        landmarks = points.to_numpy(dtype=np.float64)
    except (ValueError, KeyError, OSError) as error:
        names = ", ".join(LANDMARKS)
        raise UserError(f"{path}: needs columns name,x,y and a row each for {names}") from error
    if landmarks.shape != (len(LANDMARKS), 2) or not np.isfinite(landmarks).all():
        raise UserError(f"{path}: every point needs one finite x and y")
    return landmarks


def _find_frames(folder: Path, lights: int) -> tuple[str, ...]:
    frames = {}
    for path in folder.iterdir():
        match = re.fullmatch(r"im(\d+)", path.stem)
        if match and path.suffix.lower() in FRAME_SUFFIXES:
            frames[int(match.group(1))] = path.as_posix()
    if len(frames) > lights:
        raise UserError(
            f"{folder / 'LightSource.m'}: {lights} lights for {len(frames)} frames; "
            "give it a row for each frame"
        )
    missing = sorted(set(range(lights)) - set(frames))
    if missing:
        names = ", ".join(f"im{i}.bmp" for i in missing)
        raise UserError(
            f"{folder}: {names} missing, LightSource.m gives {lights} lights; "
            "restore the frames or remove the session"
        )
    return tuple(frames[i] for i in sorted(frames))


def _folders(parent: Path) -> list[Path]:
    return sorted(p for p in parent.iterdir() if p.is_dir() and not p.name.startswith("."))


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; restore it or remove its session") from error

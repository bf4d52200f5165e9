"""Reader of the Photoface layout (Zafeiriou et al., "The Photoface database", CVPRW 2011).

``[Photometric_DB/]<id>/<session>/`` holds a frame per light, ``im0.bmp, im1.bmp, ...``, the light
directions in ``LightSource.m`` and the labels in ``metadataII.txt``. An optional ``landmarks.csv``
(``name,x,y``; see `psface.captures.capture.LANDMARKS`) gives the landmarks of ``im0``. A rig file
(`psface.rig.rig`) may replace ``LightSource.m``; ``ambient.png`` is a frame with all lamps off, and
``mask.png`` is white where the face is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from psface.captures.capture import LANDMARKS, NO_LIGHTS, Capture, Refusal
from psface.captures.images import OTHER_PICTURES, PICTURE_SUFFIXES
from psface.captures.ingest_params import IngestParams
from psface.captures.rigged import read_placed_rig, rigged
from psface.errors import UserError
from psface.paths import folders_in, listed, one_form
from psface.rig.formats.light_source import LIGHTS, read_light_source
from psface.rig.rig import NAMES
from psface.user_tables import read_text, read_user_table

# The fields of metadataII.txt, in order, and their valid labels. An empty label means unknown.
KNOWN_LABELS: dict[str, tuple[str, ...]] = {
    "gender": ("male", "female"),
    "spectacles": ("yes", "no"),
    "facial_hair": ("none", "stubble", "beard", "moustache", "both"),
    "pose": ("1", "2", "3", "4", "5"),
    "quality": ("ok", "blur", "dark"),
    "occlusion": ("none", "-hair", "-hand", "-hand-other", "-mobile", "-other"),
    "emotion": ("blankstare", "positive", "negative", "emoOther"),
}
# The distribution's nested folders; the innermost holds the people.
MOST_FRAMES = 1000  # per capture
DATABASES = ("photoface_dist", "photofacedb", "photometric_db")


def read_photoface(root: Path, params: IngestParams, seed: int) -> Iterator[Capture | Refusal]:
    """Yield every session folder under the `people_folder` of ``root`` as a capture or refusal."""
    for person in folders_in(people_folder(root)):
        for folder in folders_in(person):
            try:
                yield read_capture(person.name, folder)
            except UserError as error:
                yield Refusal(person.name, folder.name, str(error), str(folder))


def people_folder(root: Path) -> Path:
    """Return the folder that holds the people: ``root``, or the innermost `DATABASES` in it."""
    for name in DATABASES:
        root = next((path for path in folders_in(root) if path.name.lower() == name), root)
    return root


def misplaced(root: Path, refused: bool) -> str:
    """Return where a misplaced capture is, as the end of a message; empty if its place is right.

    ``refused`` says whether captures were found under ``root``.
    """
    lights = next(root.rglob(LIGHTS), None)
    if lights is None or (refused and lights.parent.parent.parent == people_folder(root)):
        return ""
    return f"; expected <person>/<session>/{LIGHTS}, found {lights}"


def read_capture(identity: str, folder: Path) -> Capture:
    """Read the capture in a session folder.

    Raises
    ------
    UserError
        If a file is missing or malformed.
    """
    files = listed(folder)
    path = _named(folder, files, LIGHTS)
    own_rig = [file for file in files if file.name.lower() in NAMES]
    if len(own_rig) > 1:
        raise UserError(f"{folder}: {own_rig[0].name} and {own_rig[1].name}; remove one")
    lights = read_light_source(path) if path.exists() else NO_LIGHTS
    capture = Capture(
        identity=identity,
        name=folder.name,
        frames=_find_frames(folder, files, len(lights) if path.exists() else None),
        lights=lights,
        attributes=read_labels(_named(folder, files, "metadataII.txt")),
        landmarks=read_landmarks(_named(folder, files, "landmarks.csv")),
        ambient=_aide(folder, files, "ambient"),
        mask=_aide(folder, files, "mask"),
    )
    return rigged(capture, read_placed_rig(own_rig[0]), "its rig file") if own_rig else capture


def _aide(folder: Path, files: list[Path], stem: str) -> str:
    found = [path for path in files if path.stem.lower() == stem and _is_picture(path)]
    if len(found) > 1:
        raise UserError(f"{folder}: {found[0].name} and {found[1].name}; remove one")
    return found[0].as_posix() if found else ""


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in PICTURE_SUFFIXES + OTHER_PICTURES


def read_labels(path: Path) -> dict[str, str]:
    """Read the labels of a ``metadataII.txt``; all are unknown if the file is missing.

    Raises
    ------
    UserError
        If a field is missing, or its label is not in `KNOWN_LABELS`.
    """
    if not path.exists():
        return dict.fromkeys(KNOWN_LABELS, "")
    fields = [one_form(field.strip()) for field in read_text(path).split(",")]
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
    """Read the landmarks, (5, 2) pixels in the order of `LANDMARKS`; None if the file is missing.

    Raises
    ------
    UserError
        If the file does not have every point once, as ``name,x,y``.
    """
    if not path.exists():
        return None
    table = read_user_table(path, ("name", "x", "y"), ())
    points = {row["name"]: [table.number(row[axis]) for axis in "xy"] for row in table.rows}
    missing = [name for name in LANDMARKS if name not in points]
    if missing or len(points) < len(table.rows):
        fault = f"no row for {missing[0]}" if missing else "duplicate point"
        raise UserError(f"{path}: {fault}; expected one row each for {', '.join(LANDMARKS)}")
    landmarks = np.array([points[name] for name in LANDMARKS], dtype=np.float64)
    if not np.isfinite(landmarks).all():
        raise UserError(f"{path}: every point needs a finite x and y")
    return landmarks


def _find_frames(folder: Path, files: list[Path], lights: int | None) -> tuple[str, ...]:
    frames: dict[int, Path] = {}
    for path in files:
        match = re.fullmatch(r"im(\d{1,9})", path.stem, re.IGNORECASE | re.ASCII)
        if match is None or not _is_picture(path):
            continue
        if other := frames.get(int(match.group(1))):
            raise UserError(
                f"{folder}: {other.name} and {path.name} are the same frame; remove one"
            )
        frames[int(match.group(1))] = path
    stated = lights is not None
    if lights is None:
        lights = max(frames, default=-1) + 1
        if len(frames) < 2 or lights > MOST_FRAMES:
            raise UserError(f"{folder}: no {LIGHTS} and no frames im0, im1, ...; not a capture")
    if len(frames) > lights:
        raise UserError(
            f"{folder / LIGHTS}: {lights} lights for {len(frames)} frames; "
            "give it a row for each frame"
        )
    missing = sorted(set(range(lights)) - set(frames))
    if missing:
        names = ", ".join(f"im{i}.bmp" for i in missing[:12])
        names += " and others" if len(missing) > 12 else ""
        because = f"{LIGHTS} gives {lights} lights" if stated else "their numbers have gaps"
        raise UserError(
            f"{folder}: {names} missing, {because}; restore the frames or remove the capture"
        )
    return tuple(frames[i].as_posix() for i in sorted(frames))


def _named(folder: Path, files: list[Path], name: str) -> Path:
    """Find a file among those of a folder, ignoring the case of its name.

    Raises
    ------
    UserError
        If several match.
    """
    matches = [path for path in files if path.name.lower() == name.lower()]
    if folder / name in matches:
        return folder / name
    if len(matches) > 1:
        raise UserError(f"{folder}: {matches[0].name} and {matches[1].name}; remove one")
    return matches[0] if matches else folder / name

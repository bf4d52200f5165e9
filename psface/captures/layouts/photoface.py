"""Reader of the Photoface layout (Zafeiriou et al., "The Photoface database", CVPRW 2011).

``[Photometric_DB/]<id>/<session>/`` holds a frame per light, ``im0.bmp, im1.bmp, ...``, the light
directions in ``LightSource.m`` and the labels in ``metadataII.txt``. An optional ``landmarks.csv``
(``name,x,y``; see `psface.captures.capture.LANDMARKS`) gives the landmarks of ``im0``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from psface.captures.capture import LANDMARKS, Capture, Refusal
from psface.captures.images import OTHER_PICTURES, PICTURE_SUFFIXES
from psface.captures.ingest_params import IngestParams
from psface.errors import UserError
from psface.paths import folders_in, listed, one_form
from psface.user_tables import read_text, read_user_table

LIGHTS = "LightSource.m"
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
DATABASES = ("photoface_dist", "photofacedb", "photometric_db")
_TERM = re.compile(r"\s*([+-]?)\s*(\d+\.?\d*(?:[eE][+-]?\d{1,2})?|\.\d+)", re.ASCII)


def read_photoface(root: Path, params: IngestParams, seed: int) -> Iterator[Capture | Refusal]:
    """Yield every session folder under the `people_folder` of ``root`` as a capture or refusal."""
    for person in folders_in(people_folder(root)):
        for folder in folders_in(person):
            try:
                yield read_capture(person.name, folder)
            except UserError as error:
                yield Refusal(person.name, folder.name, str(error))


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
    lights = read_light_source(_named(folder, LIGHTS))
    return Capture(
        identity=identity,
        name=folder.name,
        frames=_find_frames(folder, len(lights)),
        lights=lights,
        attributes=read_labels(_named(folder, "metadataII.txt")),
        landmarks=read_landmarks(_named(folder, "landmarks.csv")),
    )


def read_light_source(path: Path) -> np.ndarray:
    """Read the light directions of a ``LightSource.m``: rows ``90-r 360-a;`` in degrees.

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
    text = _without_comments(read_text(path))
    bodies = re.findall(r"LightAngle\s*=\s*\[(.*?)\]", text, re.DOTALL)
    if not bodies:
        raise UserError(f"{path}: no `LightAngle = [ ... ];`")
    angles = []
    for row in re.split(r"[;\n]", bodies[-1]):
        elements = _elements(row)
        if elements is None or (elements and len(elements) != 2):
            raise UserError(f"{path}: row `{row.strip()}` is not of the form `90-r 360-a;`")
        if elements:
            # Term by term: 90 - (90 - r) would differ from r by rounding.
            angles.append([_less(90.0, elements[0]), _less(360.0, elements[1])])
    slant, azimuth = np.radians(np.reshape(angles, (-1, 2))).T
    return np.stack(
        [np.sin(slant) * np.sin(azimuth), np.sin(slant) * np.cos(azimuth), np.cos(slant)], axis=-1
    )


def _without_comments(text: str) -> str:
    """Remove MATLAB's comments, and join continued lines."""
    text = re.sub(r"^\s*%\{\s*$.*?^\s*%\}\s*$", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"\.\.\..*?(\n|$)", " ", re.sub(r"%.*", "", text))


def _elements(row: str) -> list[list[float]] | None:
    """Split a matrix row into elements, each as the terms of its sum; None if it is malformed.

    As in MATLAB, commas and blanks separate elements: ``a -b`` is two elements, ``a - b`` one.
    """
    elements: list[list[float]] = []
    new, rest = True, row.strip()
    while rest:
        match = _TERM.match(rest)
        if match is None:
            return None
        sign, digits = match.groups()
        before, after = rest[: match.start(1)], rest[match.end(1) : match.start(2)]
        joined = bool(sign) and not (before and not after)
        if not new and not joined and not before:
            return None  # 9090
        value = -float(digits) if sign == "-" else float(digits)
        if new or not joined:
            elements.append([])
        elements[-1].append(value)
        rest = rest[match.end() :]
        comma = re.match(r"\s*,\s*", rest)
        new = comma is not None
        rest = rest[comma.end() :] if comma else rest
        if new and not rest:
            break
        if not rest.strip():
            break
    return elements


def _less(value: float, terms: list[float]) -> float:
    for term in terms:
        value -= term
    return value


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


def _find_frames(folder: Path, lights: int) -> tuple[str, ...]:
    frames: dict[int, Path] = {}
    for path in listed(folder):
        match = re.fullmatch(r"im(\d{1,9})", path.stem, re.IGNORECASE | re.ASCII)
        if match is None or path.suffix.lower() not in PICTURE_SUFFIXES + OTHER_PICTURES:
            continue
        if other := frames.get(int(match.group(1))):
            raise UserError(
                f"{folder}: {other.name} and {path.name} are the same frame; remove one"
            )
        frames[int(match.group(1))] = path
    if len(frames) > lights:
        raise UserError(
            f"{folder / LIGHTS}: {lights} lights for {len(frames)} frames; "
            "give it a row for each frame"
        )
    missing = sorted(set(range(lights)) - set(frames))
    if missing:
        names = ", ".join(f"im{i}.bmp" for i in missing)
        raise UserError(
            f"{folder}: {names} missing, LightSource.m gives {lights} lights; "
            "restore the frames or remove the capture"
        )
    return tuple(frames[i].as_posix() for i in sorted(frames))


def _named(folder: Path, name: str) -> Path:
    """Find a file in a folder, ignoring the case of its name.

    Raises
    ------
    UserError
        If several match.
    """
    if (folder / name).exists():
        return folder / name
    matches = [path for path in listed(folder) if path.name.lower() == name.lower()]
    if len(matches) > 1:
        raise UserError(f"{folder}: {matches[0].name} and {matches[1].name}; remove one")
    return matches[0] if matches else folder / name

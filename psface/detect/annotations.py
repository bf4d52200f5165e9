"""Annotated photographs: dlib's XML, WIDER FACE and FDDB.

WIDER FACE: Yang et al., "WIDER FACE: A Face Detection Benchmark", CVPR 2016; a line with the
picture's path, a line with the number of faces, and a line ``x y w h blur expression illumination
invalid occlusion pose`` for each. The files that RetinaFace's authors published for it are read as
well: ``# path``, then lines of ``x y w h``, five times ``x y visible``, and a final number; -1 is
unknown.

FDDB: Jain & Learned-Miller, "FDDB: A Benchmark for Face Detection in Unconstrained Settings", 2010;
ellipses as ``major minor angle x y 1``, half axes in pixels and the major axis's angle in radians.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from psface.captures.images import PICTURE_SUFFIXES
from psface.detect.annotation_params import AnnotatedParams, AnnotationFormat
from psface.errors import UserError
from psface.paths import exists, find_path
from psface.user_tables import read_text, whole

# Of dlib's 68 points: the eyes' outlines, the tip of the nose and the corners of the mouth.
FIVE_OF_68 = (range(36, 42), range(42, 48), (30,), (48,), (54,))


@dataclass(frozen=True)
class Annotated:
    """The faces of one picture.

    Attributes
    ----------
    path : Path
    boxes : (n, 4) float64
        x1, y1, x2, y2 in pixels.
    landmarks : (n, 5, 2) float64
        In the order of `psface.captures.capture.LANDMARKS`; NaN where unknown.
    ignored : (n,) bool
        Faces that may be found but need not be.
    """

    path: Path
    boxes: np.ndarray
    landmarks: np.ndarray
    ignored: np.ndarray


def read_annotations(
    path: Path, form: AnnotationFormat, images: Path | None = None
) -> list[Annotated]:
    """Read all pictures of an annotation file, in its order, or of all files in a folder.

    Parameters
    ----------
    path : Path
        The file, or a folder of ``*.xml`` (dlib), ``*.txt`` (WIDER FACE) or ``*ellipseList.txt``.
    form : {"dlib", "wider", "fddb"}
    images : Path or None
        The folder that the file's paths are relative to; by default the file's own.

    Raises
    ------
    UserError
        If the file or one of its pictures is missing, or a line is malformed.
    """
    folder = images or (path if path.is_dir() else path.parent)
    reader = {"dlib": _dlib, "wider": _wider, "fddb": _fddb}[form]
    out: list[Annotated] = []
    for file in annotation_files(path, form):
        out += reader(file, folder)
    if not out:
        raise UserError(f"{path}: no annotated pictures")
    for picture in out:
        if not exists(picture.path) or not picture.path.is_file():
            raise UserError(f"{path}: names {picture.path}, which does not exist")
    return out


def annotated_pictures(params: AnnotatedParams) -> list[Annotated]:
    """Read the pictures that a section of params.yaml names; see `read_annotations`."""
    images = Path(params.images) if params.images else None
    return read_annotations(Path(params.annotations), params.format, images)


def annotation_files(path: Path, form: AnnotationFormat) -> list[Path]:
    """List the annotation file, or all those in a folder; see `read_annotations`."""
    pattern = {"dlib": "*.xml", "wider": "*.txt", "fddb": "*ellipseList.txt"}[form]
    files = sorted(path.glob(pattern)) if path.is_dir() else [path]
    if not files:
        raise UserError(f"{path}: no {pattern} in this folder")
    return files


def _dlib(file: Path, folder: Path) -> Iterator[Annotated]:
    try:
        root = ET.fromstring(file.read_bytes())  # in the encoding that it declares
        for image in root.iter("image"):
            boxes, points, ignored = [], [], []
            for box in image.iter("box"):
                x, y, width, height = (
                    _finite(box.attrib[k]) for k in ("left", "top", "width", "height")
                )
                boxes.append([x, y, x + width, y + height])
                parts = {p.attrib["name"]: p.attrib for p in box.iter("part")}
                points.append(_five(parts))
                ignored.append(box.get("ignore") == "1")
            yield _annotated(find_path(folder, image.attrib["file"]), boxes, points, ignored)
    except OSError as error:
        raise UserError(f"{file}: {error.strerror}; give a dlib annotation file") from error
    except (ET.ParseError, LookupError, ValueError) as error:
        raise UserError(f"{file}: not an annotation file from dlib's imglab ({error!r})") from error


def _five(parts: dict[str, dict[str, str]]) -> list[list[float]]:
    # The 68 points are numbered; other parts have names.
    numbered = {n: p for name, p in parts.items() if (n := whole(name)) is not None}
    known = {number: (_finite(p["x"]), _finite(p["y"])) for number, p in numbered.items()}
    if not all(i in known for group in FIVE_OF_68 for i in group):
        return [[np.nan, np.nan]] * 5
    return [np.mean([known[i] for i in group], axis=0).tolist() for group in FIVE_OF_68]


def _wider(file: Path, folder: Path) -> Iterator[Annotated]:
    text = read_text(file)
    lines = enumerate(text.splitlines(), start=1)
    if text.startswith("#"):
        yield from _wider_with_landmarks(lines, file, folder)
        return
    empty = False
    for number, line in lines:
        # A picture without faces may have a line of zeros.
        if not line.strip() or (empty and set(line.split()) == {"0"}):
            continue
        name = line.strip()
        if not name.lower().endswith(PICTURE_SUFFIXES):
            raise _wrong(file, number, line, "the path of a picture")
        count = int(_numbers(file, *next(lines, (number, "")), 1)[0])
        empty = count == 0
        rows = [_numbers(file, *next(lines, (number, "")), 10) for _ in range(count)]
        boxes = [[x, y, x + w, y + h] for x, y, w, h, *_ in rows]
        ignored = [row[7] == 1 or row[2] <= 0 or row[3] <= 0 for row in rows]
        yield _annotated(find_path(folder, name), boxes, [[[np.nan] * 2] * 5] * count, ignored)


def _wider_with_landmarks(
    lines: Iterator[tuple[int, str]], file: Path, folder: Path
) -> Iterator[Annotated]:
    name = ""
    boxes: list[object] = []
    points: list[object] = []
    ignored: list[bool] = []
    for number, line in [*lines, (0, "#")]:
        if line.startswith("#"):
            if name:
                yield _annotated(find_path(folder, name), boxes, points, ignored)
            name, boxes, points, ignored = line[1:].strip(), [], [], []
        elif line.strip():
            row = _numbers(file, number, line, 4)
            x, y, width, height = row[:4]
            boxes.append([x, y, x + width, y + height])
            five = np.full((5, 2), np.nan)
            if len(row) >= 19:
                triplets = np.array(row[4:19]).reshape(5, 3)
                five = np.where(triplets[:, :1] < 0, np.nan, triplets[:, :2])
            points.append(five.tolist())
            ignored.append(width <= 0 or height <= 0)


def _fddb(file: Path, folder: Path) -> Iterator[Annotated]:
    lines = enumerate(read_text(file).splitlines(), start=1)
    for number, line in lines:
        if not line.strip():
            continue
        name = line.strip()
        count = int(_numbers(file, *next(lines, (number, "")), 1)[0])
        boxes = []
        for _ in range(count):
            major, minor, angle, x, y = _numbers(file, *next(lines, (number, "")), 5)[:5]
            across = np.hypot(major * np.cos(angle), minor * np.sin(angle))
            along = np.hypot(major * np.sin(angle), minor * np.cos(angle))
            boxes.append([x - across, y - along, x + across, y + along])
        unknown = [[[np.nan] * 2] * 5] * count
        yield _annotated(find_path(folder, f"{name}.jpg"), boxes, unknown, [False] * count)


def _numbers(file: Path, number: int, line: str, minimum: int) -> list[float]:
    try:
        values = [_finite(word) for word in line.split()]
    except ValueError:
        values = []
    if len(values) < minimum:
        raise _wrong(
            file, number, line, f"{minimum} numbers" if minimum > 1 else "the number of faces"
        )
    return values


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not a finite number")
    return number


def _wrong(file: Path, number: int, line: str, expected: str) -> UserError:
    return UserError(f"{file}, line {number}: expected {expected}, not {line[:60]!r}")


def _annotated(
    path: Path, boxes: Sequence[object], points: Sequence[object], ignored: Sequence[bool]
) -> Annotated:
    return Annotated(
        path,
        np.array(boxes, float).reshape(-1, 4),
        np.array(points, float).reshape(-1, 5, 2),
        np.array(ignored, bool),
    )


def write_wider(path: Path, pictures: Sequence[Annotated]) -> None:
    """Write boxes and landmarks in RetinaFace's variant of WIDER FACE's format."""
    lines = []
    for picture in pictures:
        lines.append(f"# {picture.path.relative_to(path.parent).as_posix()}")
        for box, five in zip(picture.boxes, picture.landmarks, strict=True):
            sides = [box[0], box[1], box[2] - box[0], box[3] - box[1]]
            known = [[x, y, 0.0] if np.isfinite(x + y) else [-1.0] * 3 for x, y in five]
            lines.append(" ".join(f"{v:.2f}" for v in (*sides, *np.ravel(known), 1.0)))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")

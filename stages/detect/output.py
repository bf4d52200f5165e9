"""What is written of the faces found: a table, annotated pictures and video, aligned crops."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import cv2
import numpy as np

from stages.alignment import crop_image, similarity
from stages.detect.faces import Face, rgb8
from stages.detect.media import Picture, frame_rate, is_video
from stages.errors import UserError
from stages.session import LANDMARKS

COLOUR = (90, 230, 90)  # RGB
POINTS = [f"{name}_{axis}" for name in LANDMARKS for axis in "xy"]
COLUMNS = ["path", "frame", "face", "x1", "y1", "x2", "y2", "score", *POINTS]


class Table:
    """Faces as rows of CSV or as a JSON array, written as they come; whole when closed."""

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"{path.parent}: {error.strerror}; give another --out") from error
        self.path, self.partial = path, path.with_name(f".partial-{path.name}")
        self.file: IO[str] = self.partial.open(
            "w", encoding="utf-8", errors="backslashreplace", newline=""
        )
        self.json, self.rows = path.suffix == ".json", 0
        if not self.json:
            self.csv = csv.writer(self.file)
            self.csv.writerow(COLUMNS)

    def __enter__(self) -> Table:
        return self

    def add(self, picture: Picture, faces: Sequence[Face]) -> None:
        for number, face in enumerate(faces):
            row = _row(picture, number, face)
            if self.json:
                self.file.write("[\n" if self.rows == 0 else ",\n")
                self.file.write(json.dumps(row, ensure_ascii=False))
            else:
                self.csv.writerow("" if row[name] is None else row[name] for name in COLUMNS)
            self.rows += 1

    def __exit__(self, kind: object, *rest: object) -> None:
        if self.json:
            self.file.write("[]\n" if self.rows == 0 else "\n]\n")
        self.file.close()
        if kind is None:
            self.partial.replace(self.path)
        else:
            self.partial.unlink()


def _row(picture: Picture, number: int, face: Face) -> dict[str, Any]:
    points = np.full(10, np.nan) if face.landmarks is None else face.landmarks.ravel()
    numbers = {
        **dict(zip(("x1", "y1", "x2", "y2"), face.box.tolist(), strict=True)),
        "score": face.score,
        **dict(zip(POINTS, points.tolist(), strict=True)),
    }
    rounded = {name: round(v, 4) if np.isfinite(v) else None for name, v in numbers.items()}
    return {"path": str(picture.path), "frame": picture.frame, "face": number, **rounded}


def annotated(image: np.ndarray, faces: Sequence[Face]) -> np.ndarray:
    """(H, W, 3) uint8 RGB: the image with boxes, scores and landmarks drawn on it."""
    out = rgb8(image).copy()
    thick = max(1, round(max(out.shape) / 500))
    for face in faces:
        x1, y1, x2, y2 = (round(float(side)) for side in face.box)
        cv2.rectangle(out, (x1, y1), (x2, y2), COLOUR, thick)
        text = f"{face.score:.2f}"
        cv2.putText(
            out, text, (x1, max(y1 - 4, 12)), cv2.FONT_HERSHEY_SIMPLEX, 0.4 * thick, COLOUR, thick
        )
        for x, y in [] if face.landmarks is None else face.landmarks:
            if np.isfinite(x + y):
                cv2.circle(out, (round(float(x)), round(float(y))), 2 * thick, COLOUR, -1)
    return out


class Pictures:
    """Annotated pictures and video, and aligned crops, in a folder.

    Names are those of the files, with the folders above them up to ``root``, so that files of one
    name in different folders stay apart.
    """

    def __init__(self, folder: Path, draw: bool, crop: int | None, root: Path) -> None:
        self.folder, self.draw, self.crop, self.root = folder, draw, crop, root
        self.video: _Video | None = None
        # What a run writes, the next one must not take for its input, nor write over it.
        for made in (folder / "pictures", folder / "crops") if draw or crop else ():
            if made.resolve() == root or made.resolve() in root.parents:
                raise UserError(f"{root}: lies in {made}, which is written to; give another --out")

    def __enter__(self) -> Pictures:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if self.video is not None:
            self.video.end(whole=kind is None)

    def add(self, picture: Picture, faces: Sequence[Face]) -> None:
        # Of the link, not of what it points to: links into a cache have names of no meaning there.
        name = (picture.path.parent.resolve() / picture.path.name).relative_to(self.root)
        if self.draw:
            drawn = cv2.cvtColor(annotated(picture.image, faces), cv2.COLOR_RGB2BGR)
            if is_video(picture.path):
                self._add_frame(picture.path, name, drawn)
            else:
                plain = name.suffix.lower() in (".jpg", ".jpeg", ".png")
                target = name if plain else name.with_name(f"{name.name}.png")
                _write(self.folder / "pictures" / target, drawn)
        if self.crop is not None:
            frame = "" if picture.frame is None else f"-{picture.frame:06}"
            for number, face in enumerate(faces):
                if face.landmarks is not None and np.isfinite(face.landmarks).all():
                    matrix = similarity(face.landmarks, self.crop)
                    cut = crop_image(rgb8(picture.image), matrix, self.crop)
                    path = self.folder / "crops" / name.parent / f"{name.name}{frame}-{number}.png"
                    _write(path, cv2.cvtColor(cut.round().astype(np.uint8), cv2.COLOR_RGB2BGR))

    def _add_frame(self, path: Path, name: Path, drawn: np.ndarray) -> None:
        if self.video is None or self.video.source != path:
            if self.video is not None:
                self.video.end(whole=True)
            target = name if name.suffix.lower() == ".mp4" else name.with_name(f"{name.name}.mp4")
            self.video = _Video(path, self.folder / "pictures" / target, drawn.shape)
        self.video.writer.write(drawn)


class _Video:
    """An annotated video as it is written; under its own name once it is whole."""

    def __init__(self, source: Path, target: Path, shape: tuple[int, ...]) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        self.source, self.target = source, target
        self.partial = target.with_name(f".partial-{target.name}")
        code = cv2.VideoWriter.fourcc(*"mp4v")
        self.writer = cv2.VideoWriter(str(self.partial), code, frame_rate(source), shape[1::-1])

    def end(self, whole: bool) -> None:
        self.writer.release()
        if whole:
            self.partial.replace(self.target)
        else:
            self.partial.unlink(missing_ok=True)


def _write(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, image)[1].tobytes())

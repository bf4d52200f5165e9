"""Write detected faces: a table, annotated pictures and video, and aligned crops."""

from __future__ import annotations

import errno
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw
from tqdm import tqdm

from psface.captures.media import Picture, frame_rate, is_video
from psface.detect.face import Face, rgb8
from psface.errors import UserError
from psface.faces.alignment import crop_image, similarity
from psface.report.fonts import label_font

COLOUR = (90, 230, 90)  # RGB


@dataclass(frozen=True)
class Label:
    """The text beside a face, and the RGB colour of its box."""

    text: str
    colour: tuple[int, int, int] = COLOUR


def annotated(
    image: np.ndarray, faces: Sequence[Face], labels: Sequence[Label] | None = None
) -> np.ndarray:
    """The image as (H, W, 3) uint8 RGB with boxes, landmarks and labels (default: scores) drawn."""
    out = rgb8(image).copy()
    thick = max(1, round(max(out.shape) / 500))
    for face, label in zip(
        faces, labels or [Label(f"{face.score:.2f}") for face in faces], strict=True
    ):
        x1, y1, x2, y2 = (round(float(side)) for side in face.box)
        cv2.rectangle(out, (x1, y1), (x2, y2), label.colour, thick)
        for x, y in [] if face.landmarks is None else face.landmarks:
            if np.isfinite(x + y):
                cv2.circle(out, (round(float(x)), round(float(y))), 2 * thick, label.colour, -1)
        _write_text(out, label, (x1, max(y1 - 4, 0)), thick)
    return out


def _write_text(image: np.ndarray, label: Label, place: tuple[int, int], thick: int) -> None:
    """Write a line of text above a place, or as near to it as the image allows."""
    text = Image.new("L", (1, 1))
    font = label_font(11 * thick)
    left, top, right, bottom = ImageDraw.Draw(text).textbbox((0, 0), label.text, font)
    text = Image.new("L", (max(1, round(right - left)), max(1, round(bottom - top))))
    ImageDraw.Draw(text).text((-left, -top), label.text, 255, font)
    ink = np.asarray(text)[: image.shape[0], : image.shape[1]]
    height, width = ink.shape
    x = min(max(place[0], 0), image.shape[1] - width)
    y = min(max(place[1] - height, 0), image.shape[0] - height)
    patch = image[y : y + height, x : x + width]
    opacity = ink[..., None] / np.float32(255)
    patch[:] = (patch * (1 - opacity) + np.array(label.colour) * opacity).round()


class Pictures:
    """Write annotated pictures and video, and aligned crops, to a folder.

    They keep the names and subfolders that their sources have under ``root``, so that files with
    one name in different folders stay apart.
    """

    def __init__(self, folder: Path, draw: bool, crop: int | None, root: Path) -> None:
        self.folder, self.draw, self.crop, self.root = folder, draw, crop, root
        self.video: _Video | None = None
        # A run must not read what an earlier run wrote, nor overwrite its own input.
        for output in (folder / "pictures", folder / "crops") if draw or crop else ():
            if output.resolve() == root or output.resolve() in root.parents:
                raise UserError(f"{root}: is in {output}, which is written to; give another --out")

    def __enter__(self) -> Pictures:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if self.video is not None:
            self.video.end(complete=kind is None)

    def add(
        self, picture: Picture, faces: Sequence[Face], labels: Sequence[Label] | None = None
    ) -> None:
        """Write the outputs for one picture; ``labels`` as in `annotated`."""
        # Use the link's name, not its target's: names in a cache are meaningless.
        name = (picture.path.parent.resolve() / picture.path.name).relative_to(self.root)
        if self.draw:
            drawn = cv2.cvtColor(annotated(picture.image, faces, labels), cv2.COLOR_RGB2BGR)
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
                self.video.end(complete=True)
            target = name if name.suffix.lower() == ".mp4" else name.with_name(f"{name.name}.mp4")
            self.video = _Video(path, self.folder / "pictures" / target, drawn.shape)
        self.video.writer.write(drawn)


class _Video:
    """An annotated video being written; it gets its final name once complete."""

    def __init__(self, source: Path, target: Path, shape: tuple[int, ...]) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        self.source, self.target = source, target
        self.partial = target.with_name(f".partial-{target.name}").absolute()
        code = cv2.VideoWriter.fourcc(*"mp4v")
        rate = storable(frame_rate(source))
        size = (shape[1], shape[0])
        self.writer = cv2.VideoWriter(str(self.partial), cv2.CAP_FFMPEG, code, rate, size)
        if not self.writer.isOpened():
            tqdm.write(f"{target}: the video cannot be written ({rate:g} frames/s)", sys.stderr)

    def end(self, complete: bool) -> None:
        self.writer.release()
        if complete and self.partial.exists():
            self.partial.replace(self.target)
        else:
            self.partial.unlink(missing_ok=True)


def storable(rate: float) -> float:
    """The nearest frame rate that MPEG-4 can store: a fraction of two numbers up to 65535, which
    OpenCV derives from as many decimals as it needs."""
    rate = min(rate, 65535.0)
    return next(r for n in (3, 2, 1, 0) if (r := round(rate, n) or 1.0) * 10**n <= 65535)


def _write(path: Path, image: np.ndarray) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(cv2.imencode(path.suffix, image)[1].tobytes())
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        tqdm.write(f"{path.name[:60]}...: not written, its name is too long", sys.stderr)

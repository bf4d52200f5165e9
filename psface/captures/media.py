"""Pictures out of files, folders and video, one after the other."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from psface.captures.decoding import check_size, decode
from psface.captures.images import OTHER_PICTURES, PICTURE_SUFFIXES, read_bytes
from psface.captures.limits import MAX_PIXELS
from psface.errors import UserError
from psface.files import is_utf8
from psface.paths import visible

VIDEOS = (
    ".3g2", ".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg",
    ".mts", ".ogv", ".webm", ".wmv",
)  # fmt: skip
WHOLE = 0.95  # of its stated length: a video that ends later is not called cut off
MEDIA = PICTURE_SUFFIXES + VIDEOS + OTHER_PICTURES


@dataclass(frozen=True)
class Picture:
    """One image.

    Attributes
    ----------
    path : Path
        Its file.
    frame : int or None
        Which frame of a video, from 0.
    image : (H, W, 3)
        RGB, uint8 or uint16, upright as a viewer shows it.
    """

    path: Path
    frame: int | None
    image: np.ndarray


@dataclass(frozen=True)
class Unreadable:
    """A file that gave no picture, and why."""

    path: Path
    reason: str


def read_picture(path: Path, bits: int | None = None, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """(H, W, 3) RGB of 8 or 16 bits, turned as its EXIF data says; ``bits`` and ``max_pixels`` as
    of `psface.captures.decoding.decode`.

    Raises
    ------
    UserError
        If the file is missing, truncated, or no picture of 8 or 16 bits.
    """
    image = decode(read_bytes(path), path, bits, max_pixels)
    return image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)


def find_media(paths: Iterable[Path], without: Sequence[Path] = ()) -> list[Path]:
    """Picture and video files: the given ones, and all that lie anywhere under given folders.

    Pictures of a kind that cannot be read, and a folder that cannot be listed, are among them, to
    be reported as unreadable. Hidden and thumbnail files are not. What lies in the
    folders ``without`` is left out.

    Raises
    ------
    UserError
        If a path does not exist, or there is nothing in any of them.
    """
    paths = list(paths)
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise UserError(f"{path}: there is no such file or folder")
        if path.is_dir():
            closed = {folder.resolve() for folder in without} - {path.resolve()}
            inside = _inside(path)
            found += [file for file in inside if not closed & set(file.resolve().parents)]
        else:
            found.append(path)
    if not found:
        raise UserError(
            f"{', '.join(map(str, paths))}: no picture ({', '.join(PICTURE_SUFFIXES)}) and "
            f"no video ({', '.join(VIDEOS)})"
        )
    return found


def _inside(folder: Path) -> list[Path]:
    found: list[Path] = []
    walk = os.walk(folder, onerror=lambda error: found.append(Path(error.filename)))
    for parent, folders, names in walk:
        folders[:] = visible(parent, folders)
        paths = [Path(parent, name) for name in visible(parent, names)]
        found += [p for p in paths if p.suffix.lower() in MEDIA and p.is_file()]
    return sorted(found)


def is_video(path: Path) -> bool:
    return path.suffix.lower() in VIDEOS


def read_media(
    path: Path, bits: int | None = None, max_pixels: int = MAX_PIXELS
) -> Iterator[Picture | Unreadable]:
    """The picture of an image file, or all frames of a video, one at a time."""
    if is_video(path):
        if not is_utf8(str(path)):  # OpenCV dies of it
            yield Unreadable(path, "its name is not UTF-8; rename it")
            return
        yield from _frames(path, max_pixels)
        return
    try:
        yield Picture(path, None, read_picture(path, bits, max_pixels))
    except UserError as error:
        yield Unreadable(path, _without_path(error, path))


def _without_path(error: UserError, path: Path) -> str:
    return str(error).removeprefix(f"{path}: ")


def frame_count(path: Path) -> int:
    """How many pictures a file says it has; of many kinds of video, an estimate."""
    if not is_video(path) or not is_utf8(str(path)):
        return 1
    video = _open(path)
    try:
        return max(0, int(video.get(cv2.CAP_PROP_FRAME_COUNT)))
    finally:
        video.release()


def frame_rate(path: Path) -> float:
    """Frames a second of a video; 25 where it does not say."""
    video = _open(path)
    try:
        rate = video.get(cv2.CAP_PROP_FPS)
        return rate if 0 < rate < math.inf else 25.0
    finally:
        video.release()


def _open(path: Path) -> cv2.VideoCapture:
    # Of a relative path, what stands before a colon would be taken for a protocol.
    return cv2.VideoCapture(str(path.absolute()), cv2.CAP_FFMPEG)


def _frames(path: Path, max_pixels: int) -> Iterator[Picture | Unreadable]:
    video = _open(path)
    seconds = 0.0
    try:
        width, height = (
            int(video.get(side)) for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
        )
        try:
            check_size(width, height, max_pixels, path)
        except UserError as error:
            yield Unreadable(path, _without_path(error, path))
            return
        count, rate = video.get(cv2.CAP_PROP_FRAME_COUNT), video.get(cv2.CAP_PROP_FPS)
        number = 0
        while True:
            there, image = video.read()
            if not there:
                break
            seconds = max(seconds, video.get(cv2.CAP_PROP_POS_MSEC) / 1000)
            yield Picture(path, number, cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
            number += 1
    finally:
        video.release()
    if number == 0:
        yield Unreadable(path, "no frame can be read; empty, truncated, or no video")
        return
    # The number of frames may be estimated from the duration, and wrong where their distance
    # varies. A video that is cut off lacks time as well.
    stated = count / rate if rate > 0 else 0.0
    if number < count and seconds + 1 / rate < WHOLE * stated:
        yield Unreadable(path, f"ends after {seconds:.1f} of {stated:.1f} seconds, {number} frames")

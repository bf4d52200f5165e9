"""Read pictures from files, folders and videos, one at a time."""

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
WHOLE = 0.95  # of the stated length: a video that ends later is not reported as truncated
MEDIA = PICTURE_SUFFIXES + VIDEOS + OTHER_PICTURES


@dataclass(frozen=True)
class Picture:
    """One image.

    Attributes
    ----------
    path : Path
        Its file.
    frame : int or None
        Index of the frame in a video, from 0.
    image : (H, W, 3)
        RGB, uint8 or uint16, upright as a viewer shows it.
    """

    path: Path
    frame: int | None
    image: np.ndarray


@dataclass(frozen=True)
class Unreadable:
    """A file that could not be read, and why."""

    path: Path
    reason: str


def read_picture(path: Path, bits: int | None = None, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Read a picture, (H, W, 3) RGB of 8 or 16 bits, turned by its EXIF orientation.

    For ``bits`` and ``max_pixels``, see `psface.captures.decoding.decode`.

    Raises
    ------
    UserError
        If the file is missing, truncated, or not a picture of 8 or 16 bits.
    """
    image = decode(read_bytes(path), path, bits, max_pixels)
    return image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)


def find_media(paths: Iterable[Path], without: Sequence[Path] = ()) -> list[Path]:
    """Find picture and video files: the given paths, and all files under given folders.

    Unsupported pictures and folders that cannot be listed are included, to be reported as
    unreadable. Hidden and thumbnail files are not, nor are files in the folders ``without``.

    Raises
    ------
    UserError
        If a path does not exist, or no such file is found.
    """
    paths = list(paths)
    media: list[Path] = []
    for path in paths:
        if not path.exists():
            raise UserError(f"{path}: no such file or folder")
        if path.is_dir():
            closed = {folder.resolve() for folder in without} - {path.resolve()}
            inside = _inside(path)
            media += [file for file in inside if not closed & set(file.resolve().parents)]
        else:
            media.append(path)
    if not media:
        raise UserError(
            f"{', '.join(map(str, paths))}: no picture ({', '.join(PICTURE_SUFFIXES)}) and "
            f"no video ({', '.join(VIDEOS)})"
        )
    return media


def _inside(folder: Path) -> list[Path]:
    files: list[Path] = []
    walk = os.walk(folder, onerror=lambda error: files.append(Path(error.filename)))
    for parent, folders, names in walk:
        folders[:] = visible(parent, folders)
        paths = [Path(parent, name) for name in visible(parent, names)]
        files += [p for p in paths if p.suffix.lower() in MEDIA and p.is_file()]
    return sorted(files)


def is_video(path: Path) -> bool:
    return path.suffix.lower() in VIDEOS


def read_media(
    path: Path, bits: int | None = None, max_pixels: int = MAX_PIXELS
) -> Iterator[Picture | Unreadable]:
    """Yield the picture in an image file, or all frames of a video, one at a time."""
    if is_video(path):
        if not is_utf8(str(path)):  # OpenCV crashes on it
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
    """Number of pictures that a file states; an estimate for many video formats."""
    if not is_video(path) or not is_utf8(str(path)):
        return 1
    video = _open(path)
    try:
        return max(0, int(video.get(cv2.CAP_PROP_FRAME_COUNT)))
    finally:
        video.release()


def frame_rate(path: Path) -> float:
    """Frames per second of a video; 25 if it does not state them."""
    video = _open(path)
    try:
        rate = video.get(cv2.CAP_PROP_FPS)
        return rate if 0 < rate < math.inf else 25.0
    finally:
        video.release()


def _open(path: Path) -> cv2.VideoCapture:
    # In a relative path, text before a colon would be taken for a protocol.
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
            read_ok, image = video.read()
            if not read_ok:
                break
            seconds = max(seconds, video.get(cv2.CAP_PROP_POS_MSEC) / 1000)
            yield Picture(path, number, cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
            number += 1
    finally:
        video.release()
    if number == 0:
        yield Unreadable(path, "no frame can be read; empty, truncated, or not a video")
        return
    # The frame count may be estimated from the duration, and wrong at a variable frame rate. A
    # truncated video is short of time as well.
    stated = count / rate if rate > 0 else 0.0
    if number < count and seconds + 1 / rate < WHOLE * stated:
        yield Unreadable(path, f"ends after {seconds:.1f} of {stated:.1f} seconds, {number} frames")

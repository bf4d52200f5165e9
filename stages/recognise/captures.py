"""What may be recognised under some paths: captures, pictures and video."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from stages.detect.media import VIDEOS, is_video
from stages.errors import UserError
from stages.images import PICTURE_SUFFIXES
from stages.ingest.manifest import read_captures
from stages.ingest.photoface import read_capture
from stages.recognise.cutting import picture_session
from stages.session import Refusal, Session


def find_captures(
    paths: Iterable[Path], without: Iterable[Path] = (), all_files: bool = False
) -> Iterator[Session | Refusal | Path]:
    """Captures, and the files of pictures and video: the given ones, and all under given folders.

    A folder with a ``LightSource.m`` is one capture in the layout of Photoface, and one with a
    ``manifest.csv`` holds the captures that it lists (`stages.ingest`). Links to folders are not
    followed. What lies in the folders ``without`` is left out. With ``all_files`` those that are
    none of these are refused, not passed over.

    Raises
    ------
    UserError
        If a path does not exist.
    """
    closed = {folder.resolve() for folder in without}
    for path in paths:
        if not path.exists():
            raise UserError(f"{path}: there is no such file or folder")
        if path.is_dir():
            yield from _inside(path, closed, all_files)
        else:
            yield path


def people_in(root: Path) -> Iterator[Session | Refusal]:
    """The captures and pictures of each person in a folder, ``<root>/<person>/...``.

    A ``manifest.csv`` in it names the people itself; ``Photometric_DB`` in it is taken for the
    root.

    Raises
    ------
    UserError
        If there is no such folder.
    """
    if not root.is_dir():
        raise UserError(f"{root}: no such folder")
    if (root / "manifest.csv").is_file():
        yield from read_captures(root)
        return
    inside = root / "Photometric_DB"
    root = inside if inside.is_dir() else root
    for person in sorted(path for path in root.iterdir() if not path.name.startswith(".")):
        if not person.is_dir():
            yield Refusal("", person.name, f"{person}: lies in no person's folder")
        elif person.resolve() in (root.resolve(), *root.resolve().parents):
            yield Refusal(person.name, "", f"{person}: a link to a folder that it lies in")
        else:
            yield from _captures_of(person)


def _captures_of(person: Path) -> Iterator[Session | Refusal]:
    for item in find_captures([person], all_files=True):
        if isinstance(item, (Refusal, Session)):
            yield replace(item, identity=person.name)
        elif is_video(item):
            yield Refusal(person.name, item.name, f"{item}: a video; wanted pictures or captures")
        else:
            yield picture_session(person.name, item)


def _inside(folder: Path, closed: set[Path], all_files: bool) -> Iterator[Session | Refusal | Path]:
    unlisted: list[OSError] = []
    for parent, folders, names in os.walk(folder, onerror=unlisted.append):
        here = Path(parent)
        if here.resolve() in closed:
            folders.clear()
            continue
        folders.sort()
        if "LightSource.m" in names:
            folders.clear()
            yield _capture(here)
        elif "manifest.csv" in names:
            folders.clear()
            yield from read_captures(here)
        else:
            for path in (here / name for name in sorted(names) if not name.startswith(".")):
                if path.suffix.lower() in PICTURE_SUFFIXES + VIDEOS and path.is_file():
                    yield path
                elif all_files:
                    yield Refusal(folder.name, path.name, f"{path}: no picture and no capture")
    for error in unlisted:
        yield Refusal(folder.name, str(error.filename), f"{error.filename}: {error.strerror}")


def _capture(folder: Path) -> Session | Refusal:
    folder = folder.resolve() if folder.name in ("", "..") else folder
    try:
        return read_capture(folder.parent.name, folder)
    except UserError as error:
        return Refusal(folder.parent.name, folder.name, str(error))

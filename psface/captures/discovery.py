"""Find captures, pictures and videos under given paths."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from psface.captures.capture import Capture, Refusal, picture
from psface.captures.layouts.manifest import read_manifest_captures
from psface.captures.layouts.photoface import LIGHTS, people_folder, read_capture
from psface.captures.media import MEDIA, is_video
from psface.errors import UserError
from psface.files import is_utf8
from psface.paths import listed, visible


def find_captures(
    paths: Iterable[Path], without: Iterable[Path] = (), all_files: bool = False
) -> Iterator[Capture | Refusal | Path]:
    """Yield captures, pictures and videos: the given paths, and all files under given folders.

    A folder with a ``LightSource.m`` is one capture in Photoface's layout; one with a
    ``manifest.csv`` holds the captures that it lists (`psface.captures.layouts.manifest`). Links to
    folders are not followed, and the folders ``without`` are left out. With ``all_files``, other
    files are refused instead of skipped.

    Raises
    ------
    UserError
        If a path does not exist.
    """
    closed = {folder.resolve() for folder in without}
    for path in paths:
        try:
            present, is_folder = path.exists(), path.is_dir()
        except OSError as error:
            raise UserError(f"{path}: {error.strerror}") from error
        if not present:
            raise UserError(f"{path}: no such file or folder")
        if is_folder:
            yield from _inside(path, closed, all_files)
        else:
            yield path


def read_capture_at(path: Path | str) -> Capture:
    """Read the picture in a file, or the one capture in a folder.

    Examples
    --------
    >>> capture = read_capture_at(Path("capture"))
    >>> len(capture.frames), capture.lights.shape
    (4, (4, 3))
    >>> capture.pixels().grey.shape
    (4, 64, 64)

    Raises
    ------
    UserError
        If there is none.
    """
    path = Path(path)
    if not path.exists():
        raise UserError(f"{path}: no such picture or capture")
    capture = capture_at(path)
    if isinstance(capture, Refusal):
        raise UserError(capture.reason)
    return capture


def capture_at(path: Path) -> Capture | Refusal:
    """Return the picture in a file, or the one capture in a folder."""
    if not path.is_dir():
        return picture("", path)
    [*items] = find_captures([path])
    if len(items) == 1 and isinstance(items[0], (Capture, Refusal)):
        return items[0]
    return Refusal("", path.name, f"{path}: neither a picture nor a folder of one capture")


def people_in(root: Path) -> Iterator[Capture | Refusal]:
    """Yield the captures and pictures of each person in a folder, ``<root>/<person>/...``.

    A ``manifest.csv`` in it names the people itself; if it contains Photoface's folders, the
    innermost is the root (`psface.captures.layouts.photoface.people_folder`).

    Raises
    ------
    UserError
        If the folder is missing or cannot be listed.
    """
    try:
        if not root.is_dir():
            raise UserError(f"{root}: no such folder")
        if (root / "manifest.csv").is_file():
            yield from read_manifest_captures(root)
            return
        root = people_folder(root)
        people = listed(root)
    except OSError as error:
        raise UserError(f"{root}: {error.strerror}") from error
    for person in people:
        if not is_utf8(person.name):
            yield Refusal("", person.name, f"{person}: its name is not UTF-8; rename it")
        elif not person.is_dir():
            yield Refusal("", person.name, f"{person}: not in a person's folder")
        elif person.resolve() in (root.resolve(), *root.resolve().parents):
            yield Refusal(person.name, "", f"{person}: a link to a folder that contains it")
        else:
            yield from _captures_of(person)


def _captures_of(person: Path) -> Iterator[Capture | Refusal]:
    for item in find_captures([person], all_files=True):
        if isinstance(item, (Refusal, Capture)):
            yield replace(item, identity=person.name)
        elif is_video(item):
            yield Refusal(person.name, item.name, f"{item}: a video; expected pictures or captures")
        else:
            yield picture(person.name, item)


def _inside(folder: Path, closed: set[Path], all_files: bool) -> Iterator[Capture | Refusal | Path]:
    unlisted: list[OSError] = []
    for parent, folders, names in os.walk(folder, onerror=unlisted.append):
        here = Path(parent)
        folders[:], names = visible(parent, folders), visible(parent, names)
        captures: list[Capture | Refusal] | None = None
        if here.resolve() in closed:
            captures = []
        elif LIGHTS.lower() in map(str.lower, names):
            captures = [_capture(here)]
        elif "manifest.csv" in names:
            try:
                captures = list(read_manifest_captures(here))
            except UserError as error:  # another program's, among pictures
                names.remove("manifest.csv")
                yield Refusal(folder.name, str(here), str(error))
        if captures is not None:
            folders.clear()
            yield from captures
            continue
        for path in (here / name for name in names):
            if not is_utf8(str(path)):
                yield Refusal(folder.name, path.name, f"{path}: its name is not UTF-8; rename it")
            elif path.suffix.lower() in MEDIA and path.is_file():
                yield path
            elif all_files:
                yield Refusal(folder.name, path.name, f"{path}: neither a picture nor a capture")
    for failure in unlisted:
        yield Refusal(folder.name, str(failure.filename), f"{failure.filename}: {failure.strerror}")


def _capture(folder: Path) -> Capture | Refusal:
    folder = folder.resolve() if folder.name in ("", "..") else folder
    try:
        return read_capture(folder.parent.name, folder)
    except UserError as error:
        return Refusal(folder.parent.name, folder.name, str(error))

"""Find captures, pictures and videos under given paths."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from psface.captures.capture import Capture, Refusal, picture
from psface.captures.layouts.manifest import MANIFEST, read_manifest_captures
from psface.captures.layouts.photoface import LIGHTS, people_folder, read_capture
from psface.captures.listed_above import listed_above
from psface.captures.media import MEDIA, is_video
from psface.captures.rig_lookup import RigLookup
from psface.captures.rigged import read_placed_rig
from psface.errors import UserError
from psface.files import is_utf8
from psface.paths import listed, visible
from psface.rig.rig import NAMES, Rig

NAMED = 3  # captures that a message names
_FRAME = re.compile(r"im\d{1,9}", re.IGNORECASE | re.ASCII)
UNUSED_RIG = (
    "no capture of several frames that the rig may have taken; name frames im0, im1, ..., or leave "
    "the rig out"
)


def find_captures(
    paths: Iterable[Path],
    without: Iterable[Path] = (),
    all_files: bool = False,
    rig: Rig | None = None,
) -> Iterator[Capture | Refusal | Path]:
    """Yield captures, pictures and videos: the given paths, and all files under given folders.

    A folder with a ``LightSource.m``, or with frames ``im0, im1, ...`` taken by a rig, is one
    capture in Photoface's layout; one with a ``manifest.csv`` holds the captures that it lists
    (`psface.captures.layouts.manifest`), and a path may also be the place of one, or a folder of
    their frames. Links to folders are not followed, and the folders ``without`` are left out. With
    ``all_files``, other files are refused instead of skipped.

    Parameters
    ----------
    rig : Rig, optional
        That took the captures without a rig file of their own; by default the nearest rig file in
        a folder above (`psface.captures.rig_lookup`). If it took none, there is a refusal for it.

    Raises
    ------
    UserError
        If a path does not exist.
    """
    paths, rigs = list(paths), RigLookup(rig)
    for path in paths:
        yield from listed_above(path, rigs) or find_with(rigs, [path], without, all_files)
    if rig is not None and not rigs.used and paths:
        yield Refusal("", str(paths[0]), f"{', '.join(map(str, paths))}: {UNUSED_RIG}")


def find_with(
    rigs: RigLookup, paths: Iterable[Path], without: Iterable[Path] = (), all_files: bool = False
) -> Iterator[Capture | Refusal | Path]:
    """As `find_captures`; whether there was a capture for the rig, ``rigs`` tells."""
    closed = {folder.resolve() for folder in without}
    for path in paths:
        try:
            present, is_folder = path.exists(), path.is_dir()
        except OSError as error:
            raise UserError(f"{path}: {error.strerror}") from error
        if not present:
            raise UserError(f"{path}: no such file or folder")
        if is_folder:
            yield from _inside(path, closed, all_files, rigs)
        else:
            yield path


def read_capture_at(path: Path | str, rig: Rig | Path | str | None = None) -> Capture:
    """Read the picture in a file, or the one capture in a folder, or that a manifest above lists.

    Parameters
    ----------
    rig : Rig or path, optional
        As for `find_captures`, or its file or folder.

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
        If there is none, or its rig cannot be read or does not fit it.
    """
    path = Path(path)
    if isinstance(rig, (str, Path)):
        rig = read_placed_rig(Path(rig))
    capture = capture_at(path, rig)
    if isinstance(capture, Refusal):
        raise UserError(capture.reason)
    return capture


def capture_at(path: Path, rig: Rig | None = None) -> Capture | Refusal:
    """Return the picture in a file, or the one capture in a folder, or that a manifest above lists;
    ``rig`` as for `find_captures`."""
    try:
        present = path.exists()
        if present and not path.is_dir():
            return picture("", path)
    except OSError as error:
        return Refusal("", path.name, f"{path}: {error.strerror}", str(path))
    rigs = RigLookup(rig)
    items: list[Capture | Refusal | Path] = [*listed_above(path, rigs)]
    if not items and present:
        items = [*find_with(rigs, [path])]
    captures = [item for item in items if isinstance(item, Capture) and not item.is_picture]
    refusals = [item for item in items if isinstance(item, Refusal)]
    if len(captures) == 1 or (not captures and len(refusals) == len(items) > 0):
        return (captures or refusals)[0]
    frames = sum(isinstance(item, Path) and is_frame(item.name) for item in items)
    if captures:
        named = ", ".join(str(capture.place) for capture in captures[:NAMED])
        reason = f"{len(captures)} captures; give one of them, as {named}"
    elif not present:
        reason = "no such picture or capture"
    elif frames > 1 and all(isinstance(item, Path) and item.parent == path for item in items):
        reason = (
            f"{frames} frames without lights; give them in LightSource.m or a rig file beside the "
            "frames, or name the rig (--rig)"
        )
    else:
        reason = "neither a picture nor a folder of one capture"
    return Refusal("", path.name, f"{path}: {reason}", str(path))


def people_in(root: Path, rig: Rig | None = None) -> Iterator[Capture | Refusal]:
    """Yield the captures and pictures of each person in a folder, ``<root>/<person>/...``.

    A ``manifest.csv`` in it names the people itself; if it contains Photoface's folders, the
    innermost is the root (`psface.captures.layouts.photoface.people_folder`).

    Parameters
    ----------
    rig : Rig, optional
        As for `find_captures`.

    Raises
    ------
    UserError
        If the folder is missing or cannot be listed.
    """
    rigs = RigLookup(rig)
    yield from _people(root, rigs)
    if rig is not None and not rigs.used:
        yield Refusal("", str(root), f"{root}: {UNUSED_RIG}")


def _people(root: Path, rigs: RigLookup) -> Iterator[Capture | Refusal]:
    try:
        if not root.is_dir():
            raise UserError(f"{root}: no such folder")
        if (root / MANIFEST).is_file():
            yield from rigs.joined(read_manifest_captures(root, rigs.of(root)), root)
            return
        root = people_folder(root)
        of_rig = rigs.files(root)
        people = [path for path in listed(root) if path.name not in of_rig]
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
            yield from _captures_of(person, rigs)


def _captures_of(person: Path, rigs: RigLookup) -> Iterator[Capture | Refusal]:
    for item in find_with(rigs, [person], all_files=True):
        if isinstance(item, (Refusal, Capture)):
            yield replace(item, identity=person.name)
        elif is_video(item):
            yield Refusal(person.name, item.name, f"{item}: a video; expected pictures or captures")
        else:
            yield picture(person.name, item)


def _inside(
    folder: Path, closed: set[Path], all_files: bool, rigs: RigLookup
) -> Iterator[Capture | Refusal | Path]:
    unlisted: list[OSError] = []
    for parent, folders, names in os.walk(folder, onerror=unlisted.append):
        here = Path(parent)
        folders[:], names = visible(parent, folders), visible(parent, names)
        captures: list[Capture | Refusal] | None = None
        if here.resolve() in closed:
            captures = []
        elif LIGHTS.lower() in map(str.lower, names):
            captures = _capture(here, rigs)
        elif MANIFEST in names:
            try:
                captures = _listed(here, rigs)
            except UserError as error:  # another program's, among pictures
                names.remove(MANIFEST)
                yield Refusal(folder.name, str(here), str(error))
        if captures is None and are_frames(here, names, rigs):
            captures = _capture(here, rigs)
        if captures is not None:
            folders.clear()
            yield from captures
            continue
        of_rig = rigs.files(here)
        for path in (here / name for name in names if name not in of_rig):
            if not is_utf8(str(path)):
                yield Refusal(folder.name, path.name, f"{path}: its name is not UTF-8; rename it")
            elif path.suffix.lower() in MEDIA and path.is_file():
                yield path
            elif all_files:
                yield Refusal(folder.name, path.name, f"{path}: neither a picture nor a capture")
    for failure in unlisted:
        yield Refusal(folder.name, str(failure.filename), f"{failure.filename}: {failure.strerror}")


def is_frame(name: str) -> bool:
    """Whether a file is named as a frame of a capture in Photoface's layout."""
    path = Path(name)
    media = path.suffix.lower() in MEDIA and not is_video(path)
    return media and _FRAME.fullmatch(path.stem) is not None


def are_frames(folder: Path, names: list[str], rigs: RigLookup) -> bool:
    """Whether a folder without lights is a capture by a rig: one frame is if the rig's file is
    beside it, and may else be any picture."""
    frames = sum(map(is_frame, names))
    if any(name.lower() in NAMES for name in names):
        return frames > 0
    return frames > 1 and rigs.covers(folder)


def _listed(folder: Path, rigs: RigLookup) -> list[Capture | Refusal]:
    try:
        rig = rigs.of(folder)
    except UserError as error:
        return [Refusal(folder.name, str(folder), str(error))]
    return list(rigs.joined(read_manifest_captures(folder, rig), folder))


def _capture(folder: Path, rigs: RigLookup) -> list[Capture | Refusal]:
    folder = folder.resolve() if folder.name in ("", "..") else folder
    try:
        capture: Capture | Refusal = read_capture(folder.parent.name, folder)
    except UserError as error:
        capture = Refusal(folder.parent.name, folder.name, str(error), str(folder))
    return list(rigs.joined([capture], folder))

"""One look at a folder in which captures arrive: where they may be, and whether files change."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from psface.captures.discovery import are_frames
from psface.captures.layouts.manifest import MANIFEST
from psface.captures.media import MEDIA
from psface.captures.rig_lookup import RigLookup
from psface.paths import is_visible
from psface.rig.formats.light_source import LIGHTS
from psface.rig.rig import NAMES, Rig
from psface.stamps import numbers_of

Stamp = tuple[int, ...]  # `numbers_of` a file; empty if they cannot be had
LINK = "a link to a folder, which is not followed; move the folder here, or watch it itself"


@dataclass
class Look:
    """What a folder holds.

    Attributes
    ----------
    places : dict of Path to dict of Path to tuple
        The stamps of the files of every place: the folder of a capture or of a manifest, with the
        rig files above it; or a picture or video by itself.
    refused : dict of Path to str
        Folders that cannot be listed or are links, and why.
    is_whole : bool
        Whether all folders could be listed.
    """

    places: dict[Path, dict[Path, Stamp]] = field(default_factory=dict)
    refused: dict[Path, str] = field(default_factory=dict)
    is_whole: bool = True


def look_at(folder: Path, rig: Rig | None = None, without: Iterable[Path] = ()) -> Look:
    """List a folder and all under it, as `psface.captures.discovery.find_captures` reads it.

    Parameters
    ----------
    rig : Rig, optional
        That took the captures without a rig file.
    without : iterable of Path
        Folders to leave out.

    Examples
    --------
    >>> [path.name for path in look_at(Path("capture")).places]
    ['capture']
    """
    real = folder.resolve()
    inside = [path.resolve() for path in without]
    closed = {folder / path.relative_to(real) for path in inside if path.is_relative_to(real)}
    look = Look()
    _look(folder, RigLookup(rig), closed, {}, look)
    return look


def stamp_of_file(path: str | Path) -> Stamp:
    """The stamp of a file, or of what a link leads to."""
    try:
        return numbers_of(os.stat(path))  # noqa: PTH116 - half as long as Path's, for thousands
    except (OSError, ValueError):
        return ()


def _look(
    folder: Path, rigs: RigLookup, closed: set[Path], above: dict[Path, Stamp], look: Look
) -> None:
    if folder in closed:
        return
    files, folders = _listed(folder, look)
    names = [path.name for path in files]
    above = above | {path: stamp for path, stamp in files.items() if path.name in NAMES}
    if LIGHTS.lower() in map(str.lower, names):
        look.places[folder] = files | above
    elif MANIFEST in names:
        below = dict(_all_under(folders, closed, look))
        look.places[folder] = files | below | above
    elif are_frames(folder, names, rigs):
        look.places[folder] = files | above
    else:
        alone = {path: stamp for path, stamp in files.items() if path.suffix.lower() in MEDIA}
        look.places |= {path: {path: stamp} for path, stamp in alone.items()}
        for inner in folders:
            _look(inner, rigs, closed, above, look)


def _all_under(folders: list[Path], closed: set[Path], look: Look) -> Iterator[tuple[Path, Stamp]]:
    for folder in folders:
        if folder not in closed:
            files, inner = _listed(folder, look)
            yield from files.items()
            yield from _all_under(inner, closed, look)


def _listed(folder: Path, look: Look) -> tuple[dict[Path, Stamp], list[Path]]:
    """The files of a folder with their stamps, and its folders."""
    files: dict[Path, Stamp] = {}
    folders: list[Path] = []
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
        for entry in entries:
            if not is_visible(entry.name):
                continue
            if entry.is_dir(follow_symlinks=False):
                folders.append(folder / entry.name)
            elif entry.is_dir():
                look.refused[folder / entry.name] = LINK
            elif stamp := stamp_of_file(entry.path):
                files[folder / entry.name] = stamp
    except OSError as error:
        look.refused[folder] = f"{error.strerror}; waiting for it"
        look.is_whole = False
    return files, folders

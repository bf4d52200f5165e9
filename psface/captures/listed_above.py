"""Captures that a manifest lists in a folder above a path."""

from __future__ import annotations

import os
from pathlib import Path

from psface.captures.capture import Capture, Refusal
from psface.captures.layouts.manifest import MANIFEST, read_manifest_captures
from psface.captures.layouts.photoface import LIGHTS
from psface.captures.media import MEDIA
from psface.captures.rig_lookup import RigLookup
from psface.errors import UserError
from psface.paths import is_visible
from psface.rig.rig import Rig


def listed_above(path: Path, rigs: RigLookup) -> list[Capture | Refusal]:
    """What the nearest manifest above a path lists there: the capture whose place it is, or all in
    a folder whose pictures are all theirs. Nothing if the path tells its captures itself."""
    try:
        if path.is_file() or any((path / name).is_file() for name in (MANIFEST, LIGHTS)):
            return []
        where = path.resolve()
        above = [folder for folder in where.parents if (folder / MANIFEST).is_file()]
        if not above:
            return []
        root = above[0] if path.is_absolute() else Path(os.path.relpath(above[0]))
        rig, wrong = _rig_of(root, rigs)
        listed = list(read_manifest_captures(root, rig, under=where))
        if not listed or not (_is_place(where, listed) or _are_all(path, listed)):
            return []
    except (UserError, OSError):  # the manifest may be another program's
        return []
    if wrong:
        return [Refusal(root.name, str(root), wrong, str(path))]
    return list(rigs.joined(listed, root))


def _rig_of(folder: Path, rigs: RigLookup) -> tuple[Rig | None, str]:
    """The rig of a folder, or why it cannot be read."""
    try:
        return rigs.of(folder), ""
    except UserError as error:
        return None, str(error)


def _is_place(where: Path, listed: list[Capture | Refusal]) -> bool:
    places = (item.place if isinstance(item, Capture) else Path(item.path) for item in listed)
    return not where.exists() or where in (place.resolve() for place in places)


def _are_all(path: Path, listed: list[Capture | Refusal]) -> bool:
    """Whether all pictures in a folder are of listed captures."""
    captures = [item for item in listed if isinstance(item, Capture)]
    places = {Path(item.path).resolve() for item in listed if isinstance(item, Refusal)}
    files = {Path(f).resolve() for c in captures for f in (*c.frames, c.ambient, c.mask) if f}
    found = (file for file in path.rglob("*") if file.suffix.lower() in MEDIA)
    return all(
        file.resolve() in files or not places.isdisjoint(file.resolve().parents)
        for file in found
        if is_visible(file.name)
    )

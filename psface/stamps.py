"""Tell from size, time and number whether files have changed, without reading them.

As in git and DVC, a file that changes while these stay the same goes unnoticed. The number, by
which the file system knows a file, tells frames of one size and one time apart when they are
swapped. A file that was written just now may change again within the tick of its clock: nothing is
concluded from it.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

TICK = 2 * 10**9  # ns: the coarsest clock of a file system, FAT's
AHEAD = 86400 * 10**9  # ns that a server's clock may be ahead of ours; a camera's may be by years


def stamp_of(paths: Iterable[Path], ours: bool = False) -> str | None:
    """Return a text that changes whenever one of the files does; None if one has just changed.

    A missing file has a stamp as well. Links are followed. Files that are ``ours`` are written
    whole and once, so there is nothing to wait for.
    """
    now, stamps = time.time_ns(), []
    for path in paths:
        try:
            stat = path.stat()
        except (OSError, ValueError):
            stamps.append("-")
            continue
        if not ours and is_fresh(stat, now):
            return None
        stamps.append(_text(stat))
    return "\n".join(stamps)


def is_fresh(stat: os.stat_result, now: int) -> bool:
    """Whether a file may change, after ``now`` in ns, without a change of its time."""
    return now - TICK < stat.st_mtime_ns < now + AHEAD


def numbers_of(stat: os.stat_result) -> tuple[int, int, int]:
    """What tells a file from its next version: size, time in ns, and number."""
    return stat.st_size, stat.st_mtime_ns, stat.st_ino


def _text(stat: os.stat_result) -> str:
    return " ".join(map(str, numbers_of(stat)))


@dataclass(frozen=True)
class Listing:
    """All files under a folder.

    Attributes
    ----------
    files, bytes : int
        Their number, and their size in all.
    digest : str
        Changes when a file is added, removed, renamed or changed.
    is_fresh : bool
        Whether a file has just changed, so that the digest may miss its next change.
    """

    files: int
    bytes: int
    digest: str
    is_fresh: bool


def list_files(root: Path, content: bool = False) -> Listing:
    """List the files under a folder, hidden ones included, by their stamps.

    Links are followed, except to a folder around them.

    Parameters
    ----------
    content : bool
        Read and hash the files instead: slow, and certain.
    """
    now, digest, count, size, fresh = time.time_ns(), hashlib.sha256(), 0, 0, False
    for name, stat in _walk(str(root), "", frozenset({os.path.realpath(root)})):
        if stat is None:
            text = "-"
        elif content:
            text = _content(root / name)
        else:
            text = _text(stat)
            fresh = fresh or is_fresh(stat, now)
        digest.update(os.fsencode(f"{name}\0{text}\0"))
        count, size = count + 1, size + (stat.st_size if stat else 0)
    return Listing(count, size, digest.hexdigest(), fresh)


def _walk(
    folder: str, prefix: str, around: frozenset[str]
) -> Iterator[tuple[str, os.stat_result | None]]:
    """Yield the path within the root, and the stat, of all that is not a folder; None if there is
    none, as of a broken link or a folder that cannot be listed."""
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError:
        yield prefix, None
        return
    for entry in entries:
        name = f"{prefix}{entry.name}"
        try:
            stat, is_folder, inside = None, entry.is_dir(), around
            if is_folder and entry.is_symlink():
                target = os.path.realpath(entry.path)
                is_folder = not _is_around(target, around, folder)
                inside = around | {target}
            elif not is_folder:
                stat = entry.stat()
        except OSError:
            is_folder = False
        if is_folder:
            yield from _walk(entry.path, f"{name}/", inside)
        else:
            yield name, stat


def _is_around(target: str, around: frozenset[str], folder: str) -> bool:
    return target in around or f"{os.path.realpath(folder)}/".startswith(f"{target}/")


def _content(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return "-"

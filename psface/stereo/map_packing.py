"""Move maps into shards, out of them, or into another number of them; nothing is computed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from psface.errors import UserError
from psface.files import replacing
from psface.parallel import map_in_processes
from psface.stereo.map_folder import MapFolder
from psface.stereo.map_shards import directory, shard_of, shards_in, write_shard


@dataclass(frozen=True)
class _Share:
    """The captures of a shard."""

    shard: Path
    keys: tuple[str, ...]


def arranged(folder: MapFolder, keys: Iterable[str], count: int) -> MapFolder:
    """Put the maps of captures into ``count`` shards; 0: into files of their own.

    Only shards that gain or lose maps are written, each beside the old one, which it then
    replaces. What lies elsewhere is removed when all is in place, so that a run killed at any time
    loses nothing. Maps of other captures do not stay in shards.

    Returns
    -------
    MapFolder
        The folder as it is now: ``folder`` itself if nothing has moved.

    Raises
    ------
    UserError
        If a capture's maps are missing or damaged, or cannot be written.
    """
    spread = count or max(folder.counts, default=0)
    shares = _shares(folder, keys, spread) if spread else []
    if count:
        work, todo = _pack, [share for share in shares if _differs(share, folder)]
    else:
        work, todo = _unpack, shares
    if todo:
        list(map_in_processes(partial(work, folder=folder), todo, "stereo: move maps"))
    kept = {share.shard for share in shares} if count else set()
    left_half_done = set(folder.path.glob(".partial-*.zip"))
    others = (set(shards_in(folder.path)) | left_half_done) - kept
    for path in others:
        path.unlink()
    return MapFolder(folder.path) if todo or others else folder


def _shares(folder: MapFolder, keys: Iterable[str], count: int) -> list[_Share]:
    by_name = defaultdict(list)
    for key in keys:
        by_name[shard_of(key, count)].append(key)
    return [_Share(folder.path / name, tuple(found)) for name, found in sorted(by_name.items())]


def _differs(share: _Share, folder: MapFolder) -> bool:
    """Whether a shard is to be written: it has other captures, or one has its maps elsewhere."""
    try:
        if directory(share.shard).keys() != set(share.keys):
            return True
        return any(folder.shard_with(key) != share.shard for key in share.keys)
    except UserError:
        return True


def _pack(share: _Share, folder: MapFolder) -> None:
    write_shard(share.shard, share.keys, folder.data)
    for path in map(folder.file_of, share.keys):
        path.unlink(missing_ok=True)
    for person in {folder.file_of(key).parent for key in share.keys}:
        with suppress(OSError):  # missing, or something else is in it
            person.rmdir()


def _unpack(share: _Share, folder: MapFolder) -> None:
    for key in share.keys:
        if folder.shard_with(key) is not None:
            data = folder.data(key)
            with replacing(folder.file_of(key)) as path:
                path.write_bytes(data)

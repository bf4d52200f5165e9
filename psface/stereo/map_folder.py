"""The maps of all captures: a file each, or packed into shards."""

from __future__ import annotations

import io
from pathlib import Path

from psface.captures.images import read_bytes
from psface.errors import UserError
from psface.stamps import stamp_of
from psface.stereo.map_files import Maps, decode_maps, decode_notes, read_maps, read_notes
from psface.stereo.map_shards import counts_in, directory, read_member, read_start, shard_of


class MapFolder:
    """Finds the maps of a capture by its key, ``<identity>/<capture>`` (`Capture.key`).

    They are in a file of their own, or else in a shard (`psface.stereo.map_shards`). Which shards
    there are is looked up once, here: an object is for as long as they stay.

    Parameters
    ----------
    path : Path
        The folder; without maps if it is missing.

    Examples
    --------
    >>> MapFolder(Path("no_folder")).notes("anna/monday")
    {}
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.counts = counts_in(path)

    def file_of(self, key: str) -> Path:
        """Where a capture's maps are, or would be, if in a file of their own."""
        return self.path / f"{key}.exr"

    def shard_with(self, key: str) -> Path | None:
        """The shard that holds a capture's maps; None if they are in a file, or nowhere.

        Raises
        ------
        UserError
            If they may be in a shard that is damaged.
        """
        if not self.counts or self.file_of(key).is_file():
            return None
        shards = (self.path / shard_of(key, count) for count in self.counts)
        return next((shard for shard in shards if key in directory(shard)), None)

    def maps(self, key: str) -> Maps:
        """Read a capture's maps.

        Raises
        ------
        UserError
            If they are missing or damaged.
        """
        shard = self.shard_with(key)
        if shard is None:
            return read_maps(self.file_of(key))
        return decode_maps(io.BytesIO(read_member(shard, key)), f"{shard}, {key}.exr")

    def notes(self, key: str) -> dict[str, str]:
        """Read only the notes of a capture's maps; empty if they are missing or unreadable."""
        try:
            shard = self.shard_with(key)
        except UserError:
            return {}
        if shard is None:
            return read_notes(self.file_of(key))
        return read_start(shard, key, decode_notes)

    def stamp(self, key: str) -> str | None:
        """A text that changes with a capture's maps; None if they are missing or unreadable.

        Of maps in a shard it is their checksum, and says nothing of the shard's other captures.
        """
        try:
            shard = self.shard_with(key)
        except UserError:
            return None
        if shard is not None:
            member = directory(shard)[key]
            return f"{member.size} {member.checksum}"
        path = self.file_of(key)
        return stamp_of([path], ours=True) if path.is_file() else None

    def data(self, key: str) -> bytes:
        """A capture's map file as it is; `UserError` if it is missing or damaged."""
        shard = self.shard_with(key)
        return read_bytes(self.file_of(key)) if shard is None else read_member(shard, key)

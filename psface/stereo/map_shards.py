"""Many map files in a few zip files, the shards, for file systems that many files slow down.

A shard is an ordinary zip file of ``<identity>/<capture>.exr``, stored as they are (they are
compressed already), sorted and without dates, so that its bytes tell nothing of its history. All
captures of a person are in one shard: a person added or removed changes that shard alone.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from psface.errors import UserError
from psface.files import replacing
from psface.stamps import numbers_of

NAME = re.compile(r"maps-(\d+)-of-(\d+)\.zip")
START = (1980, 1, 1, 0, 0, 0)  # of a zip file's calendar
PLAIN_FILE = 0o100644 << 16
# Of a zip file's record before each member: length, and where the lengths of name and extra are.
RECORD, LENGTHS, MAGIC = 30, 26, b"PK\3\4"
DIRECTORIES = 64  # kept by a process; a capture's neighbours in the table are in the same shard


@dataclass(frozen=True)
class Member:
    """Where a map file is in its shard, in bytes, and its checksum (CRC-32)."""

    start: int
    size: int
    checksum: int


def shard_name(number: int, count: int) -> str:
    """The name of one of ``count`` shards.

    Examples
    --------
    >>> shard_name(3, 16)
    'maps-03-of-16.zip'
    """
    return f"maps-{number:0{len(str(count - 1))}}-of-{count}.zip"


def shard_of(key: str, count: int) -> str:
    """The name of the shard of a capture, ``<identity>/<capture>``; one person's is the same."""
    digest = hashlib.sha256(key.partition("/")[0].encode()).digest()
    return shard_name(int.from_bytes(digest[:8], "big") % count, count)


def counts_in(folder: Path) -> tuple[int, ...]:
    """Over how many shards a folder's maps are spread; empty if there are none.

    More than one number only if a run was killed while they were packed anew.
    """
    found = (NAME.fullmatch(path.name) for path in shards_in(folder))
    return tuple(sorted({int(match[2]) for match in found if match}))


def shards_in(folder: Path) -> list[Path]:
    """The shards in a folder, in order."""
    try:
        with os.scandir(folder) as found:
            return sorted(folder / entry.name for entry in found if NAME.fullmatch(entry.name))
    except OSError:
        return []


def directory(shard: Path) -> dict[str, Member]:
    """What a shard holds, by ``<identity>/<capture>``; it is read once for each version of it.

    A shard that is missing holds nothing: it is that of nobody.

    Raises
    ------
    UserError
        If it is damaged.
    """
    try:
        found = shard.stat()
    except FileNotFoundError:
        return {}
    if not stat.S_ISREG(found.st_mode):
        raise UserError(f"{shard}: not a file; remove it and run `dvc repro`")
    try:
        return _directory(str(shard), numbers_of(found))
    except Exception as error:  # a damaged file can make the reader raise anything
        raise _damaged(shard, error) from error


@lru_cache(DIRECTORIES)
def _directory(shard: str, version: tuple[int, int, int]) -> dict[str, Member]:
    found = {}
    with zipfile.ZipFile(shard) as packed:
        for info in packed.infolist():
            if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
                raise ValueError(f"{info.filename} is compressed")
            key = info.filename.removesuffix(".exr")
            found[key] = Member(info.header_offset, info.file_size, info.CRC)
    return found


def read_member(shard: Path, key: str) -> bytes:
    """Read a map file out of a shard, and check it.

    Raises
    ------
    UserError
        If it is damaged, or not there.
    """
    found = directory(shard).get(key)
    if found is None:
        raise UserError(f"{shard}: {key}.exr is not in it; run `dvc repro stereo`")
    try:
        with shard.open("rb") as file:
            _seek(file, found)
            data = file.read(found.size)
        if len(data) != found.size or zlib.crc32(data) != found.checksum:
            raise ValueError(f"{key}.exr does not match its checksum")
    except (OSError, ValueError) as error:
        raise _damaged(shard, error) from error
    return data


def read_start(shard: Path, key: str, read: Callable[[BinaryIO], dict[str, str]]) -> dict[str, str]:
    """What ``read`` finds at the beginning of a map file in a shard; empty if it is damaged."""
    try:
        with shard.open("rb") as file:
            _seek(file, directory(shard)[key])
            return read(file)
    except (OSError, KeyError, ValueError, UserError):
        return {}


def _seek(file: BinaryIO, member: Member) -> None:
    file.seek(member.start)
    record = file.read(RECORD)
    if len(record) != RECORD or not record.startswith(MAGIC):
        raise ValueError("a member is missing")
    lengths = record[LENGTHS:]
    file.seek(int.from_bytes(lengths[:2], "little") + int.from_bytes(lengths[2:], "little"), 1)


def _damaged(shard: Path, error: Exception) -> UserError:
    reason = " ".join(str(error).split())[:200]
    return UserError(
        f"{shard}: not a readable shard of maps ({reason}); remove it and run `dvc repro`"
    )


def damaged_members(shard: Path) -> set[str]:
    """Read all of a shard; return the keys of what is damaged. Raises nothing: a shard whose
    directory cannot be read has no members."""
    try:
        keys = directory(shard)
    except UserError:
        return set()
    return {key for key in keys if not _is_whole(shard, key)}


def _is_whole(shard: Path, key: str) -> bool:
    try:
        read_member(shard, key)
    except UserError:
        return False
    return True


def write_shard(shard: Path, keys: Iterable[str], data_of: Callable[[str], bytes]) -> None:
    """Write a shard, one map file in memory at a time; it replaces the one before when it is whole.

    Parameters
    ----------
    data_of : callable
        Returns the map file of a key.
    """
    with replacing(shard) as partial, zipfile.ZipFile(partial, "w") as packed:
        for key in sorted(keys):
            info = zipfile.ZipInfo(f"{key}.exr", START)
            info.create_system, info.external_attr = 3, PLAIN_FILE  # as if written by Unix
            packed.writestr(info, data_of(key))

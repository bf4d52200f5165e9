"""What can go wrong with a disk, found out early and told in one line."""

from __future__ import annotations

import errno
import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from psface.errors import UserError

WRITING = {
    errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO, errno.EACCES, errno.EPERM,
    errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG,
}  # fmt: skip
MACHINE = platform.node()[:16]
ROOM = 2**20  # bytes: with less free space, a failure is blamed on the full disk


def scratch() -> Path:
    """Folder for what a run needs in passing: DVC's, or else the current one."""
    return Path(".dvc/tmp") if Path(".dvc").is_dir() else Path()


def partial_path(path: Path) -> Path:
    """Return this process's temporary name beside ``path``, which other machines may see too."""
    return path.with_name(f".partial-{os.getpid()}@{MACHINE}-{path.name}")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Report a failure to write ``path`` within the block in one line.

    Raises
    ------
    UserError
        If the disk or its permissions are the cause.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        number = error.errno if isinstance(error, OSError) else None
        ours = not isinstance(error, OSError) or error.filename in (
            None, str(path), str(path.parent), str(partial_path(path))
        )  # fmt: skip
        if ours and number in WRITING:
            raise UserError(
                f"{path}: cannot be written ({os.strerror(number)}); make room, or choose a "
                "writable folder, and run it again"
            ) from error
        if disk_is_full(path):
            raise UserError(
                f"{path}: cannot be written, the disk is full; make room and run it again"
            ) from error
        raise


def disk_is_full(path: Path) -> bool:
    """Whether the disk of ``path``, which need not exist, is full."""
    folder = next(parent for parent in path.absolute().parents if parent.is_dir())
    try:
        return shutil.disk_usage(folder).free < ROOM
    except OSError:
        return False


def check_room(folder: Path, size: int) -> None:
    """Check that ``size`` bytes can be written to a folder, before work is spent on them.

    Raises
    ------
    UserError
        If they cannot.
    """
    path = folder / "room"
    with writing(path):
        folder.mkdir(parents=True, exist_ok=True)
        partial = partial_path(path)
        try:
            with partial.open("wb") as file:
                if hasattr(os, "posix_fallocate"):
                    os.posix_fallocate(file.fileno(), 0, size)
                elif shutil.disk_usage(folder).free < size:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            partial.unlink(missing_ok=True)

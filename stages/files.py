"""Writing files so that a killed run never leaves a half file that looks whole."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from stages.errors import UserError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside ``path``; move it into place only if the block succeeds.

    The temporary name keeps the suffix, because many writers choose the format by it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".partial-{os.getpid()}-{path.name}")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def replacing_together(*paths: Path) -> Iterator[tuple[Path, ...]]:
    """As `replacing`, for files that belong together: a killed run may leave some of them missing,
    but never the new ones of some beside the old ones of others."""
    with ExitStack() as stack:
        partials = []
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
            partials.append(path.with_name(f".partial-{os.getpid()}-{path.name}"))
            stack.callback(partials[-1].unlink, missing_ok=True)
        yield tuple(partials)
        for path in paths:
            path.unlink(missing_ok=True)
        for path, partial in zip(paths, partials, strict=True):
            partial.replace(path)


def made_folder(path: Path) -> Path:
    """The folder, made if need be, before work is spent on what goes there.

    Raises
    ------
    UserError
        If it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; give another folder to write to") from error
    return path


def is_utf8(name: str) -> bool:
    """Whether a name can be written into tables: file systems allow any bytes."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def code_digest(room: Path) -> str:
    """Hash of a room's source: what other code has made is not up to date."""
    digest = hashlib.sha256()
    for path in sorted(room.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()

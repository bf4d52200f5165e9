"""Write files so that a killed run never leaves a partial file that looks complete."""

from __future__ import annotations

import glob
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from psface.disk import MACHINE, partial_path, writing
from psface.errors import UserError

if TYPE_CHECKING:
    import numpy as np


def leftovers(path: Path) -> list[Path]:
    """List the partial files of ``path`` that ended processes of this machine left behind."""
    stale = []
    for partial in path.parent.glob(f".partial-*-{glob.escape(path.name)}"):
        name = partial.name.removeprefix(".partial-").removesuffix(f"-{path.name}")
        process, _, machine = name.partition("@")
        if machine not in ("", MACHINE) or not process.isdigit():
            continue
        if int(process) != os.getpid() and not _runs(int(process)):
            stale.append(partial)
    return sorted(stale)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside ``path``; move it into place only if the block succeeds.

    The temporary name keeps the suffix, since many writers choose the format by it.

    Raises
    ------
    UserError
        If it cannot be written.
    """
    with replacing_together(path) as (partial,):
        yield partial


@contextmanager
def replacing_together(*paths: Path) -> Iterator[tuple[Path, ...]]:
    """As `replacing`, for files that belong together.

    A killed run may leave some of them missing, but never a mixture of old and new ones.
    """
    with ExitStack() as stack:
        partials = tuple(partial_path(path) for path in paths)
        with writing(paths[0]):
            for path, partial in zip(paths, partials, strict=True):
                path.parent.mkdir(parents=True, exist_ok=True)
                for old in leftovers(path):
                    old.unlink(missing_ok=True)
                stack.callback(partial.unlink, missing_ok=True)
            yield partials
            for path in paths if len(paths) > 1 else ():
                path.unlink(missing_ok=True)
            for path, partial in zip(paths, partials, strict=True):
                partial.replace(path)


def check_regular(path: Path) -> None:
    """Refuse a pipe, which would block, or a device, which never ends.

    Raises
    ------
    UserError
        If it is one.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return  # the reader reports it
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise UserError(f"{path}: a pipe or a device; give a file")


@contextmanager
def reading(path: Path, stage: str) -> Iterator[None]:
    """Turn any failure to read a file that ``stage`` writes into one line that names the stage.

    Raises
    ------
    UserError
        If the file is missing or unreadable.
    """
    check_regular(path)
    try:
        yield
    except FileNotFoundError:
        raise UserError(f"{path}: missing; run `dvc repro {stage}`") from None
    except UserError:
        raise
    except Exception as error:  # readers can raise anything on a damaged file
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{path}: unreadable ({reason}); run `dvc repro -f {stage}`") from error


def made_folder(path: Path) -> Path:
    """Return the folder, created if needed, before work is spent on its content.

    Raises
    ------
    UserError
        If it cannot be created.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; give another folder to write to") from error
    return path


def is_utf8(name: str) -> bool:
    """Whether a name can be written to tables: file systems allow any bytes."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_path_part(name: str) -> bool:
    """Whether psface can use a name for a file or folder."""
    return bool(name) and not name.startswith(".") and not any(c in name for c in "/\\\0")


def digest_of(*texts: str) -> str:
    """Hash the texts that a result depends on."""
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def array_digest(arrays: Iterable[np.ndarray]) -> str:
    """Hash arrays' bytes, so that a file can recognise its own arrays."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(array.tobytes())
    return digest.hexdigest()[:32]

"""List a data set's folder and check that everything is in its place."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from psface.captures.images import PICTURE_SUFFIXES
from psface.commands.audit.audit_params import AuditParams
from psface.commands.audit.rules import Finding
from psface.errors import UserError
from psface.paths import one_form, visible


@dataclass(frozen=True)
class Entry:
    """A file or folder of the data set.

    Attributes
    ----------
    kind : {"picture", "identity", "other"}
        ``identity`` is an identity's folder; ``other`` is anything that should not be there.
    group, identity : str
        From the names of its folders; in another layout, no group, and the folder's path as the
        identity.
    path : str
        Relative to the data set's folder.
    problem : str
        What is wrong with its place; empty if nothing is.
    """

    kind: Literal["picture", "identity", "other"]
    group: str
    identity: str
    path: str
    problem: str = ""

    @property
    def finding(self) -> Finding:
        """The finding of rule ``layout``."""
        return Finding(
            "layout",
            "violation" if self.problem else "ok",
            note=self.problem,
            group=self.group,
            identity=self.identity,
            path=self.path,
        )


def walk(root: Path, params: AuditParams, without: Collection[Path] = ()) -> Iterator[Entry]:
    """List everything under ``root`` in order of names, a folder's files before its folders.

    Links to folders are followed, but no folder is entered twice, nor any parent of ``root``.
    Hidden and thumbnail files and folders are skipped, and so are the resolved paths in
    ``without``.

    Raises
    ------
    UserError
        If ``root`` cannot be listed.
    """
    groups = (params.adults, params.children)
    entered = {_key(folder): str(folder) for folder in root.absolute().resolve().parents}
    pending: list[tuple[str, ...]] = [()]
    while pending:
        parts = pending.pop()
        folder, name = root.joinpath(*parts), "/".join(parts) or str(root)
        try:
            if (first := entered.setdefault(_key(folder), name)) != name:
                yield _entry("other", groups, parts, f"leads to {first}: not followed")
                continue
            with os.scandir(folder) as listing:
                kinds = {entry.name: _is(entry.is_dir) for entry in listing}
            items = [(name, kinds[name]) for name in visible(folder, kinds)]
        except OSError as error:
            if not parts:
                raise UserError(f"{root}: {error.strerror}; give the data set's folder") from error
            yield _entry("other", groups, parts, f"cannot be listed: {error.strerror}")
            continue
        if len(parts) == 2 and parts[0] in groups:
            yield _entry("identity", groups, parts)
        pending += [(*parts, name) for name, is_folder in reversed(items) if is_folder]
        for name, is_folder in items:
            if not is_folder and not (without and (folder / name).resolve() in without):
                yield _file(folder / name, groups, (*parts, name))


def groups_in(root: Path, params: AuditParams) -> Iterator[Finding]:
    """Check that the two groups' folders exist."""
    for name in (params.adults, params.children):
        exists = _is((root / name).is_dir)
        note = "" if exists else "no such folder"
        yield Finding("groups", "ok" if exists else "violation", name, note, group=name)


def _file(path: Path, groups: tuple[str, str], parts: tuple[str, ...]) -> Entry:
    if not _is(path.is_file):  # reading a pipe would block for ever
        problem = "broken link" if _is(path.is_symlink) else "not a readable file"
        return _entry("other", groups, parts, problem)
    if path.suffix.lower() not in PICTURE_SUFFIXES:
        return _entry("other", groups, parts, "not a picture")
    problem = ""
    if parts[0] not in groups:
        problem = f"not in {groups[0]} or {groups[1]}"
    elif len(parts) != 3:
        where = "not in" if len(parts) < 3 else "deeper than"
        problem = f"{where} an identity's folder"
    return _entry("picture", groups, parts, problem)


def _entry(
    kind: Literal["picture", "identity", "other"],
    groups: tuple[str, str],
    parts: tuple[str, ...],
    problem: str = "",
) -> Entry:
    folders = parts if kind == "identity" else parts[:-1]
    if parts[0] in groups:
        group, identity = parts[0], folders[1] if len(folders) > 1 else ""
    else:
        group, identity = "", "/".join(folders)
    return Entry(kind, group, one_form(identity), "/".join(parts), problem)


def _key(folder: Path) -> tuple[int, int]:
    """Device and inode: the same for every path to a folder."""
    status = folder.stat()
    return status.st_dev, status.st_ino


def _is(kind: Callable[[], bool]) -> bool:
    """Whether a path is of a kind; False if it cannot be examined."""
    try:
        return kind()
    except OSError:
        return False

"""List folders without system clutter, and normalise names to one Unicode form."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable
from pathlib import Path

# Copies, thumbnails and settings of Synology, QNAP, Windows, macOS and zip; hidden files besides.
CLUTTER = {
    "@eadir", "@tmp", "#recycle", "#snapshot", "@recently-snapshot", "@recycle", "$recycle.bin",
    "system volume information", "lost+found", "__macosx", "__pycache__", "thumbs.db",
    "ehthumbs.db", "desktop.ini", "icon\r", "network trash folder", "temporary items",
}  # fmt: skip
_left_out: set[str] = set()


def visible(folder: Path | str, names: Iterable[str]) -> list[str]:
    """Return a folder's names, sorted, without hidden and thumbnail files and folders.

    Names left out are counted, for `left_out`.
    """
    kept = []
    for name in sorted(names):
        if is_visible(name):
            kept.append(name)
        else:
            _left_out.add(f"{folder}/{name}")
    return kept


def is_visible(name: str) -> bool:
    """Whether a name is neither hidden nor `CLUTTER`."""
    return not name.startswith(".") and name.lower() not in CLUTTER


def listed(folder: Path) -> list[Path]:
    """List the `visible` paths in a folder."""
    return [folder / name for name in visible(folder, (path.name for path in folder.iterdir()))]


def folders_in(folder: Path) -> list[Path]:
    """List the `visible` folders in a folder."""
    return [path for path in listed(folder) if path.is_dir()]


def left_out() -> str:
    """Report in one line what `visible` left out since the last call; empty if nothing."""
    count, example = len(_left_out), min(_left_out, default="")
    _left_out.clear()
    if not count:
        return ""
    example = example.encode(errors="backslashreplace").decode()
    return f"{count} hidden or thumbnail files and folders left out, such as {example}"


def one_form(name: str) -> str:
    """Return a name in Unicode's composed form.

    An accented letter may be written as one character or as two (macOS).
    """
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def exists(path: Path) -> bool:
    """Whether a file or folder exists; False for names that no file can have."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def find_path(root: Path, text: str) -> Path:
    """Find the file or folder that a list names: ``text`` relative to ``root``, or absolute.

    Backslashes separate folders, as on Windows, and a name may be in another Unicode form than on
    disk. If nothing is found, return the path as written.
    """
    plain = root / text
    if os.path.lexists(plain):
        return plain
    if "\\" in text and os.path.lexists(root / text.replace("\\", "/")):
        return root / text.replace("\\", "/")
    parts = (root / text.replace("\\", "/")).parts
    path = Path(parts[0]) if parts else root
    for part in parts[1:] if parts else ():
        step = path / part
        if not part.isascii() and not os.path.lexists(step) and path.is_dir():
            matches = (p for p in path.iterdir() if one_form(p.name) == one_form(part))
            step = next(matches, step)
        path = step
    return path

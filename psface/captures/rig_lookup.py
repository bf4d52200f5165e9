"""Find the rig that took the captures of a folder."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from psface.captures.capture import Capture, Refusal
from psface.captures.rigged import has_rig, joined_or_refused, read_placed_rig, rigged
from psface.errors import UserError
from psface.rig.rig import NAMES, Rig


class RigLookup:
    """The rigs of captures in folders: a given one, or else the nearest rig file, in the folder or
    above.

    A rig file in a capture's own folder is read with the capture, and comes first.

    Attributes
    ----------
    given : Rig or None
    used : bool
        Whether there was a capture for the rig.
    """

    def __init__(self, given: Rig | None = None) -> None:
        self.given = given
        self.used = False
        self._nearest: dict[Path, Path | None] = {}
        self._rigs: dict[Path, Rig] = {}

    def covers(self, folder: Path) -> bool:
        """Whether captures in a folder have a rig."""
        return self.given is not None or self._above(_absolute(folder)) is not None

    def of(self, folder: Path) -> Rig | None:
        """Return the rig of the captures in a folder.

        Raises
        ------
        UserError
            If its file cannot be read.
        """
        place = self._above(_absolute(folder))
        if self.given is not None or place is None:
            return self.given
        return self._read(place)

    def files(self, folder: Path) -> set[str]:
        """The names of the rig file in a folder and its pictures; none if it cannot be read."""
        if not has_rig(folder):
            return set()
        try:
            rig = self._read(_absolute(folder))
        except UserError:  # told with the captures that need it
            return set()
        pictures = (rig.ambient, *(lamp.flat_field for lamp in rig.lamps))
        return {*NAMES, *(Path(name).name for name in pictures if name)}

    def joined(
        self, captures: Iterable[Capture | Refusal], folder: Path
    ) -> Iterator[Capture | Refusal]:
        """Yield the captures of a folder with their rig; those it does not fit are refused."""
        for item in captures:
            self.used = self.used or isinstance(item, Refusal) or not item.is_picture
            yield joined_or_refused(item, lambda capture: self._join(capture, folder))

    def _join(self, capture: Capture, folder: Path) -> Capture:
        if not capture.frames:
            raise UserError(f"{folder}: {capture.name} has no frames; restore them")
        if capture.is_picture or capture.rig is not None:
            return capture
        rig, place = self.of(folder), self._above(_absolute(folder))
        if rig is None:
            return capture
        name = "the rig" if self.given is not None or place is None else f"the rig in {place}"
        return rigged(capture, rig, name)

    def _above(self, folder: Path) -> Path | None:
        """The nearest folder with a rig file."""
        if folder not in self._nearest:
            above = None if folder.parent == folder else self._above(folder.parent)
            self._nearest[folder] = folder if has_rig(folder) else above
        return self._nearest[folder]

    def _read(self, folder: Path) -> Rig:
        if folder not in self._rigs:
            here = Path.cwd()
            shown = folder.relative_to(here) if folder.is_relative_to(here) else folder
            self._rigs[folder] = read_placed_rig(shown)
        return self._rigs[folder]


def _absolute(folder: Path) -> Path:
    """The folder without `..`; links stay, as captures belong to where they are listed."""
    return Path(os.path.normpath(folder.absolute()))

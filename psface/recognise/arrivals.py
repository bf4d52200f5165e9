"""Captures of a folder as they arrive there: a rig writes them while psface watches.

The folder is listed again and again, which works on every file system. Notifications (inotify, and
the libraries over it, such as watchfiles) do not tell what another machine writes to a network file
system, nor when a file is complete, which is most of the work here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from psface.captures.capture import Capture, Refusal, picture
from psface.captures.checks import check_frames, files_of
from psface.captures.discovery import find_with, is_frame
from psface.captures.layouts.manifest import MANIFEST
from psface.captures.limits import CaptureLimits
from psface.captures.media import Unreadable, is_video, read_media
from psface.captures.rig_lookup import RigLookup
from psface.errors import UserError
from psface.files import is_utf8
from psface.recognise.folder_look import Look, Stamp, look_at, stamp_of_file
from psface.rig.rig import Rig

POLL = 0.1  # s from one look to the next, at least
REST = 4  # times as long as a look takes: a folder of thousands must not keep a core busy
STILL = 0.05  # s without a change: all frames of a capture are there
SETTLE = 0.5  # s without a change, where nothing tells how many files will come
PATIENCE = 10.0  # s without a change, after which what cannot be used is refused

Item = Capture | Refusal | Path


def check_folder(folder: Path) -> None:
    """Check that a folder can be watched.

    Raises
    ------
    UserError
        If it is missing, is not a folder, or cannot be listed.
    """
    try:
        if not folder.is_dir():
            wrong = "not a folder" if folder.exists() else "no such folder"
            raise UserError(f"{folder}: {wrong}; give --watch the folder in which captures arrive")
        next(folder.iterdir(), None)
    except OSError as error:
        raise UserError(f"{folder}: {error.strerror}; correct its permissions") from error


def arrivals(
    folder: Path,
    limits: CaptureLimits,
    rig: Rig | None = None,
    without: Iterable[Path] = (),
    settle: float = SETTLE,
    patience: float = PATIENCE,
    clock: Callable[[], float] = time.monotonic,
    today: Callable[[], float] = time.time,
    wait: Callable[[float], None] = time.sleep,
) -> Iterator[Item]:
    """Yield the captures, pictures and videos of a folder, and from then on each new one, for ever.

    What is there at the start comes first, in the order of names. A capture comes as soon as it has
    as many frames as its lights or its rig has lamps, and all of them can be read; other files come
    when they have not changed for ``settle`` seconds. What cannot be read yet, such as a frame of
    which half is written, is waited for, and refused if it does not change for ``patience``
    seconds. A capture whose frames change is new, once all of them have changed. Layouts are those
    of `psface.captures.discovery.find_captures`; what becomes wrong with the folder itself, or with
    folders in it, is a refusal, told once, and watching goes on. A KeyboardInterrupt while it waits
    is passed on after a refusal of all that is still waited for.

    Parameters
    ----------
    limits : CaptureLimits
        Of a model's card.
    rig : Rig, optional
        That took the captures without a rig file.
    without : iterable of Path
        Folders to leave out.
    settle, patience : float
        Seconds.
    clock, today, wait : callable
        Seconds since some moment, and since 1970; wait for some seconds.

    Raises
    ------
    UserError
        If the folder is missing, is not a folder, or cannot be listed.

    Examples
    --------
    >>> from psface.recognise.recogniser import Recogniser
    >>> limits = Recogniser(Path("models")).card.limits
    >>> len(next(arrivals(Path("capture"), limits)).frames)
    4
    """
    check_folder(folder)
    watched = _Watched(limits, rig, list(without), settle, patience, clock, today)
    while True:
        began = clock()
        look = look_at(folder, rig, watched.without)
        rest = REST * (clock() - began)
        yield from watched.new_in(look)
        try:
            wait(max(POLL, rest))
        except KeyboardInterrupt:
            yield from watched.waiting()
            raise


@dataclass
class _Place:
    """A folder of captures, or a file.

    Attributes
    ----------
    files : dict of Path to tuple
        Stamps, when its items were found.
    items : list
        Not told yet.
    told : dict of str to tuple
        Stamps of the files of what was told.
    answered : set of str
        What was told and is not a refusal.
    since : dict of str to tuple and float
        Stamps of what is waited for, and since when they are so.
    """

    files: dict[Path, Stamp] | str = ""
    items: list[Item] = field(default_factory=list)
    told: dict[str, tuple[Stamp, ...]] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)
    since: dict[str, tuple[tuple[Stamp, ...], float]] = field(default_factory=dict)


@dataclass
class _Watched:
    limits: CaptureLimits
    rig: Rig | None
    without: list[Path]
    settle: float
    patience: float
    clock: Callable[[], float]
    today: Callable[[], float]
    places: dict[Path, _Place] = field(default_factory=dict)

    def new_in(self, look: Look) -> Iterator[Item]:
        """Yield what has become complete."""
        if look.is_whole:
            gone = self.places.keys() - look.places.keys() - look.refused.keys()
            for path in gone:
                del self.places[path]
        for path, files in look.places.items():
            place = self.places.setdefault(path, _Place())
            if place.files != files:
                place.files, place.items = files, self._found(path)
            yield from self._complete(place)
        for path, reason in look.refused.items():
            place = self.places.setdefault(path, _Place())
            if place.files != reason:
                place.files, place.items = reason, [Refusal("", str(path), f"{path}: {reason}")]
            yield from self._complete(place)

    def waiting(self) -> Iterator[Refusal]:
        """What has come and was not answered."""
        told = "not answered, as it may still have been arriving"
        for place in self.places.values():
            for item in place.items:
                if isinstance(item, Refusal):
                    yield replace(item, reason=f"{item.reason} ({told})")
                else:
                    yield Refusal("", _name(item), f"{_name(item)}: {told}")

    def _found(self, path: Path) -> list[Item]:
        rigs = RigLookup(self.rig)
        try:
            if not path.is_dir():
                if not is_utf8(str(path)):
                    return [Refusal("", path.name, f"{path}: its name is not UTF-8; rename it")]
                if path.name in rigs.files(path.parent):
                    return []
            return list(find_with(rigs, [path], self.without))
        except (UserError, OSError) as error:
            return [Refusal("", path.name, str(error))]

    def _complete(self, place: _Place) -> Iterator[Item]:
        items, place.items = place.items, []
        for item in items:
            name, stamps = _name(item), _stamps(item, place)
            if place.told.get(name) == stamps:
                continue
            before = place.since.get(name)
            if before is None or before[0] != stamps:
                before = place.since[name] = stamps, self.clock()
            result = self._judged(item, place, stamps, self.clock() - before[1])
            if result is None:
                place.items.append(item)
                continue
            del place.since[name]
            place.told[name] = stamps
            if isinstance(result, Refusal):
                place.answered.discard(name)
            else:
                place.answered.add(name)
            yield result

    def _judged(
        self, item: Item, place: _Place, stamps: tuple[Stamp, ...], quiet: float
    ) -> Item | None:
        """An item that has not changed for ``quiet`` seconds, or why it is refused; None: wait."""
        patient = quiet >= self.patience
        if isinstance(item, Refusal):
            return item if patient else None
        name, frames = _name(item), 1 if isinstance(item, Path) else len(item.frames)
        known = place.told[name] if name in place.answered else ()
        half_new = not set(known[:frames]).isdisjoint(stamps[:frames])
        lights_to_come = isinstance(item, Path) and is_frame(item.name)
        if (half_new or lights_to_come) and not patient:
            return None
        age = self.today() - max((stamp[1] for stamp in stamps if stamp), default=0) / 1e9
        counted = isinstance(item, Capture) and not _of_manifest(place)
        if max(quiet, age) < (STILL if counted else self.settle):
            return None
        reason = _unreadable(item, self.limits)
        if reason and not patient:
            return None
        return Refusal("", name, reason) if reason else item


def _of_manifest(place: _Place) -> bool:
    return any(path.name == MANIFEST for path in place.files if isinstance(path, Path))


def _name(item: Item) -> str:
    if isinstance(item, Refusal):
        return f"{item.name}: {item.reason}"
    return str(item if isinstance(item, Path) else item.place)


def _stamps(item: Item, place: _Place) -> tuple[Stamp, ...]:
    if isinstance(item, Refusal):
        return tuple(place.files.values()) if isinstance(place.files, dict) else ()
    files = [item] if isinstance(item, Path) else files_of(item)
    return tuple(stamp_of_file(path) for path in files)


def _unreadable(item: Capture | Path, limits: CaptureLimits) -> str:
    """Why the files of an item cannot be read; empty if they can."""
    try:
        if isinstance(item, Path) and is_video(item):
            first = next(read_media(item, limits.bits))
            return f"{item}: {first.reason}" if isinstance(first, Unreadable) else ""
        check_frames(picture("", item) if isinstance(item, Path) else item, limits)
    except UserError as error:
        return str(error)
    return ""

"""Join captures with the rig that took them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from psface.captures.capture import Capture, Refusal
from psface.errors import UserError
from psface.paths import exists
from psface.rig.rig import NAMES, Rig, read_rig, rig_path
from psface.vectors import angles

DISAGREEMENT = 5.0  # degrees between two statements of one lamp


def read_placed_rig(path: Path) -> Rig:
    """Read a rig, or the one in a folder, whose pictures become paths from the current folder.

    Raises
    ------
    UserError
        If it cannot be read, or names pictures that are not beside it: DVC tracks the rig's folder,
        and would not notice changes elsewhere.
    """
    file = rig_path(path)
    rig = read_rig(file)
    pictures = [rig.ambient, *(lamp.flat_field for lamp in rig.lamps)]
    for name in filter(None, pictures):
        if Path(name).name != name or not (file.parent / name).is_file():
            raise UserError(f"{file}: picture {name} is not beside it; copy it there")
        if path == file and path.name not in NAMES:
            raise UserError(
                f"{path}: it names {name}; put both into a folder as rig.yaml, and name the folder"
            )
    lamps = tuple(
        lamp.model_copy(update={"flat_field": (file.parent / lamp.flat_field).as_posix()})
        if lamp.flat_field
        else lamp
        for lamp in rig.lamps
    )
    ambient = (file.parent / rig.ambient).as_posix() if rig.ambient else ""
    return rig.model_copy(update={"lamps": lamps, "ambient": ambient})


def rig_of(root: Path, stated: str) -> Path | None:
    """Where the rig of a folder of captures is: as stated, or a rig file at its top."""
    if stated:
        return Path(stated)
    return root if has_rig(root) else None


def has_rig(folder: Path) -> bool:
    """Whether a rig file lies in a folder."""
    return any(exists(folder / name) for name in NAMES)


def with_rig(
    captures: Iterable[Capture | Refusal], path: Path | None
) -> Iterator[Capture | Refusal]:
    """Yield captures joined with a rig (`rigged`); those it does not fit are refused.

    Raises
    ------
    UserError
        If the rig cannot be read.
    """
    rig = None if path is None else read_placed_rig(path)
    for item in captures:
        try:
            yield item if isinstance(item, Refusal) or rig is None else rigged(item, rig, str(path))
        except UserError as error:
            yield Refusal(item.identity, item.name, str(error))


def rigged(capture: Capture, rig: Rig, name: str = "the rig") -> Capture:
    """Join a capture with a rig, whose lamps are in the order of the frames.

    A capture that has a rig of its own keeps it. A rig without lamps adds what is known of the
    camera to the capture's own lights.

    Raises
    ------
    UserError
        If the rig has another number of lamps than the capture frames, or the capture gives its
        lights and they are others.
    """
    if capture.is_picture or capture.rig is not None:
        return capture
    if not rig.lamps:
        return replace(capture, rig=rig)
    where = Path(capture.frames[0]).parent
    if len(rig.lamps) != len(capture.frames):
        raise UserError(
            f"{where}: {len(capture.frames)} frames, but {name} has {len(rig.lamps)} lamps; name "
            "the rig that took them, or list the frames with their lamps in a manifest.csv"
        )
    lights = rig.lights()
    if len(capture.lights):
        apart = angles(lights, capture.lights).round(6)  # of equal ones, the first is named
        if len(apart) and apart.max() > DISAGREEMENT:
            worst = int(apart.argmax())
            raise UserError(
                f"{where}: lamp {worst + 1} of {name} is {apart[worst]:.0f} degrees from the light "
                "that the capture gives; remove whichever is wrong"
            )
    return replace(capture, rig=rig, lights=lights)

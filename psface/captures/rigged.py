"""Join captures with the rig that took them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path, PureWindowsPath

from psface.captures.capture import Capture, Refusal, refused
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
        If the rig cannot be read, or there are pictures, which no rig helps.
    """
    rig = None if path is None else read_placed_rig(path)
    name = f"the rig in {path}" if path and path.is_dir() else str(path)
    for item in captures:
        if rig is None:
            yield item
            continue
        if isinstance(item, Capture) and item.is_picture:
            raise UserError(
                f"{path}: a rig, but {item.frames[0]} is an ordinary picture, of one frame; set "
                "ingest.source to a layout of captures, or leave the rig out"
            )
        yield joined_or_refused(item, lambda capture: rigged(capture, rig, name))


def joined_or_refused(
    item: Capture | Refusal, join: Callable[[Capture], Capture]
) -> Capture | Refusal:
    """Join a capture with its rig; the refusal, if that does not fit it."""
    if isinstance(item, Refusal):
        return item
    try:
        return join(item)
    except UserError as error:
        return refused(item, error)


def rigged(capture: Capture, rig: Rig, name: str = "the rig", chosen: bool = False) -> Capture:
    """Join a capture with a rig, whose lamps are in the order of the frames.

    A capture that has a rig of its own keeps it. A rig without lamps adds what is known of the
    camera to the capture's own lights.

    Parameters
    ----------
    chosen : bool
        Whether the capture itself names the lamp of each frame.

    Raises
    ------
    UserError
        If the rig has another number of lamps than the capture frames, its lamps are named as the
        frames but in another order, or the capture gives its lights and they are others.
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
    if not chosen:
        _check_order(capture, rig, name)
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


def _check_order(capture: Capture, rig: Rig, name: str) -> None:
    """Refuse lamps that are named as the frames, but not in their order."""
    frames = [Path(frame).stem for frame in capture.frames]
    lamps = [PureWindowsPath(lamp.name).stem for lamp in rig.lamps]
    if frames != lamps and sorted(frames) == sorted(lamps):
        number = next(i for i, frame in enumerate(frames) if frame != lamps[i])
        raise UserError(
            f"{capture.frames[number]}: lamp {number + 1} of {name} is called {lamps[number]}; put "
            "its lamps in the order of the frames, or call them otherwise"
        )

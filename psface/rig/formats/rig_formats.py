"""Foreign calibration files, by the name of their format.

To add one, write a module with a function ``(source, options)`` that returns a
`psface.rig.formats.found.Found`, and add a line below.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from psface.errors import UserError
from psface.paths import exists, listed
from psface.registry import named
from psface.rig.formats.found import Found, Options
from psface.rig.rig import SCHEMA, Rig, parse_rig
from psface.user_tables import whole

Reader = Callable[[Path, Options], Found]


@dataclass(frozen=True)
class Format:
    """Where a format's reader is, the files that tell it, and the `Options` that it uses."""

    reader: str
    files: tuple[str, ...]
    options: frozenset[str] = frozenset()


FORMATS = {
    "lp": Format(
        "psface.rig.formats.lp:read_lp", ("*.lp", "lights.txt"), frozenset({"lengths"})
    ),
    "diligent": Format(
        "psface.rig.formats.diligent:read_diligent",
        ("light_directions.txt", "light_intensities.txt"),
        frozenset({"lengths"}),
    ),
    "near_ps": Format(
        "psface.rig.formats.near_ps:read_near_ps",
        ("*.mat",),
        frozenset({"calibrated_size", "camera"}),
    ),
    "light_source": Format(
        "psface.rig.formats.light_source:read_source", ("lightsource.m",)
    ),
}  # fmt: skip
KNOWN = ".lp, lights.txt, light_directions.txt, light.mat and LightSource.m"


def recognised(source: Path) -> str:
    """Return the name of the format of a file, or of the files in a folder.

    Raises
    ------
    UserError
        If there is none, or files of several.
    """
    if not exists(source):
        raise UserError(f"{source}: missing; give a file or folder")
    files = [source] if not source.is_dir() else [path for path in listed(source) if path.is_file()]
    found = {
        name: path
        for name, form in FORMATS.items()
        for path in reversed(files)
        if any(fnmatch(path.name.lower(), pattern) for pattern in form.files)
    }
    if not found:
        raise UserError(f"{source}: no calibration that is known ({KNOWN}); give --format")
    if len(found) > 1:
        shown = " and ".join(path.name for path in list(found.values())[:2])
        raise UserError(f"{source}: {shown}; choose one by --format {' or '.join(found)}")
    return next(iter(found))


def import_rig(
    source: Path,
    form: str | None = None,
    options: Options | None = None,
    lamps: str = "",
    distance_mm: float | None = None,
    response: object = "linear",
) -> tuple[Rig, tuple[str, ...]]:
    """Read a rig from a foreign calibration file.

    Parameters
    ----------
    source : Path
        The file, or its folder.
    form : str or None
        One of `FORMATS`; recognised if None.
    lamps : str
        Names or numbers of lamps, separated by commas; all if empty. See `chosen_lamps`.
    distance_mm : float or None
        From the camera to faces; near lamps need it.
    response : object
        Of the camera, as in a rig file.

    Returns
    -------
    rig : Rig
    notes : tuple of str
        What was left out or assumed.

    Raises
    ------
    UserError
        If the file is not of the format, or is not a rig that psface can use.

    Examples
    --------
    >>> path = Path("dome.lp")
    >>> _ = path.write_text("2\\nleft.jpg -0.6 0 0.8\\nright.jpg 0.6 0 0.8\\n")
    >>> rig, notes = import_rig(path, lamps="right.jpg")
    >>> rig.directions().tolist()
    [[0.6, 0.0, 0.8]]
    """
    name = form or recognised(source)
    options = options or Options()
    _check_used(name, options)
    found = named(FORMATS[name].reader)(source, options)
    names = [lamp.get("name", "") for lamp in found.lamps]
    kept = [found.lamps[i] for i in chosen_lamps(names, lamps, found.files[0])]
    if distance_mm is None and any("position_mm" in lamp for lamp in kept):
        raise UserError(
            f"{found.files[0]}: lamps with positions need the distance from the camera to faces; "
            "give --distance-mm"
        )
    size = options.size and {"width_px": options.size[0], "height_px": options.size[1]}
    content = {
        "schema": SCHEMA,
        "camera": {**(size or {}), **found.camera, "response": response},
        "lamps": kept,
        "distance_mm": distance_mm,
        "calibration": {"date": found.date, "method": ", ".join(f.name for f in found.files)},
    }
    return parse_rig(content, found.files[0]), found.notes


def _check_used(name: str, options: Options) -> None:
    for option in ("lengths", "calibrated_size", "camera"):
        if getattr(options, option) is not None and option not in FORMATS[name].options:
            raise UserError(f"--{option.replace('_', '-')} has no meaning for the format {name}")


def chosen_lamps(names: Sequence[str], chosen: str, path: Path) -> list[int]:
    """Find the lamps of a list of names, or of numbers from 1, separated by commas.

    Raises
    ------
    UserError
        If one is missing or listed twice; the message names ``path``.

    Examples
    --------
    >>> chosen_lamps(["left", "right", "top"], "top,left", Path("a.lp"))
    [2, 0]
    >>> chosen_lamps(["left", "right", "top"], "3, 1", Path("a.lp"))
    [2, 0]
    """
    if not chosen.strip():
        return list(range(len(names)))
    words = [word.strip() for word in chosen.split(",")]
    if all(word and word in names for word in words):
        places = [names.index(word) for word in words]
    else:
        numbers = [whole(word) for word in words]
        # Where names are numbers, but not the lamps' places, only names are clear.
        clear = all(whole(name) in (None, place) for place, name in enumerate(names, 1))
        for word, place in zip(words, numbers, strict=True):
            known_name = not clear and word in names
            if not known_name and (place is None or not clear or not 1 <= place <= len(names)):
                known = [name or str(i) for i, name in enumerate(names, 1)]
                shown = ", ".join(known[:8]) + (", ..." if len(known) > 8 else "")
                raise UserError(f"{path}: no lamp {word!r}; it has {len(names)}: {shown}")
        places = [place - 1 for place in numbers if place is not None]
    if len(set(places)) < len(places):
        raise UserError(f"{path}: a lamp is listed twice in {chosen}; list it once")
    return places

"""Exposures that cameras note in their files, and how bright they make frames."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from psface.captures.exif_tags import Directory, exif_directories
from psface.captures.float_images import EXR, exr_header
from psface.errors import UserError

SAME = 1e-3  # relative: nearer ones differ by how they are written
# Tags of EXIF 3.0, section 4.6.
TIME, F_NUMBER, PROGRAM, ISO, MODE = 33434, 33437, 34850, 34855, 41986
# Speeds over 65534 have tags of their own; the last one is Panasonic's.
ISO_UNSTATED, OTHER_ISO = 65535, (34867, 34866, 23)
SHUTTER_APEX, APERTURE_APEX = 37377, 37378
# What cameras can have; other numbers are damaged or mean that it is not known.
SECONDS, F_NUMBERS, SPEEDS = (1e-7, 1e5), (0.2, 500.0), (0.1, 1e8)


@dataclass(frozen=True)
class Exposure:
    """What a file states of its exposure; None where it does not.

    Attributes
    ----------
    time_s : float or None
        Exposure time in seconds.
    f_number : float or None
        Focal length over aperture.
    iso : float or None
        Speed.
    automatic : bool or None
        Whether the camera chose some of them.
    """

    time_s: float | None = None
    f_number: float | None = None
    iso: float | None = None
    automatic: bool | None = None

    def __str__(self) -> str:
        time, n, iso = self.time_s, self.f_number, self.iso
        parts = [
            "" if time is None else f"1/{1 / time:.4g} s" if time < 0.3 else f"{time:.4g} s",
            "" if n is None else f"f/{n:.3g}",
            "" if iso is None else f"ISO {iso:.6g}",
        ]
        return ", ".join(part for part in parts if part) or "not stated"


def exposure_of(data: bytes, path: Path) -> Exposure | None:
    """Read the exposure that a file's header states, without decoding the picture.

    It is in the EXIF of JPEG, PNG, WebP, AVIF, TIFF and camera RAW, and in three attributes of
    OpenEXR. Impossible values (zero, infinite, no number) count as not stated, since cameras write
    them so: an aperture of 0 is that of a lens without contacts.

    Parameters
    ----------
    data : bytes
        The file.
    path : Path
        Its name, which is not read.

    Returns
    -------
    Exposure or None
        None if the file states none of the three.

    Examples
    --------
    >>> print(exposure_of(Path("face.png").read_bytes(), Path("face.png")))
    None
    """
    if data[:4] == EXR:
        found = _of_exr(data)
    elif directories := exif_directories(data):
        found = _of_exif(directories)
    else:
        return None
    stated = (found.time_s, found.f_number, found.iso)
    return None if stated == (None, None, None) else found


def _of_exr(data: bytes) -> Exposure:
    try:
        header = exr_header(data)
    except Exception:  # the decoder will say what is wrong with it
        return Exposure()
    return Exposure(
        _between(SECONDS, header.number("expTime")),
        _between(F_NUMBERS, header.number("aperture")),
        _between(SPEEDS, header.number("isoSpeed")),
    )


def _of_exif(directories: list[Directory]) -> Exposure:
    def first(tag: int) -> float | None:
        return next((v[0] for d in directories if (v := d.values(tag))), None)

    iso = first(ISO)
    if iso is None or iso == ISO_UNSTATED:
        iso = next((v for tag in OTHER_ISO if (v := first(tag)) is not None), iso)
    return Exposure(
        _between(SECONDS, first(TIME), _power(first(SHUTTER_APEX), -1)),
        _between(F_NUMBERS, first(F_NUMBER), _power(first(APERTURE_APEX), 0.5)),
        _between(SPEEDS, iso),
        _automatic(first(PROGRAM), first(MODE)),
    )


def _between(limits: tuple[float, float], *values: float | None) -> float | None:
    """The first number within the limits."""
    return next((float(v) for v in values if v is not None and limits[0] <= v <= limits[1]), None)


def _power(apex: float | None, factor: float) -> float | None:
    return None if apex is None or not abs(apex) < 100 else 2.0 ** (factor * apex)


def _automatic(program: float | None, mode: float | None) -> bool | None:
    if program == 1 or mode == 1:
        return False
    return True if mode in (0, 2) or program in (2, 3, 4, 5, 6, 7, 8) else None


def relative_exposures(
    exposures: Sequence[Exposure | None], paths: Sequence[str | Path]
) -> np.ndarray | None:
    """How much brighter each frame is than the first by its exposure alone.

    The light that a frame records grows with t * ISO / N^2 (ISO 12232), of the exposure time t,
    the speed and the f-number N. No frame may state the f-number, as with a lens without contacts.

    Parameters
    ----------
    exposures, paths : sequences of length n
        Of the frames, from `exposure_of`.

    Returns
    -------
    (n,) float64 or None
        Divide the frames by them. All one if no two frames state different exposures; None if
        none states any.

    Raises
    ------
    UserError
        If exposures differ, but a frame does not state all of its own.

    Examples
    --------
    >>> slow, fast = Exposure(1 / 50, 4, 200), Exposure(1 / 100, 4, 200)
    >>> relative_exposures([slow, fast], ["im0.jpg", "im1.jpg"]).round(3).tolist()
    [1.0, 0.5]
    """
    all_stated = [exposure or Exposure() for exposure in exposures]
    columns = {
        name: [getattr(exposure, name) for exposure in all_stated]
        for name in ("time_s", "iso", "f_number")
    }
    if all(value is None for column in columns.values() for value in column):
        return None
    if not any(_differ([v for v in column if v is not None]) for column in columns.values()):
        return np.ones(len(all_stated))
    if set(columns["f_number"]) == {None}:
        del columns["f_number"]
    words = {"time_s": "exposure time", "iso": "ISO speed", "f_number": "f-number"}
    for name, column in columns.items():
        if None in column:
            number = column.index(None)
            raise UserError(_incomplete(all_stated, paths, number, words[name]))
    amounts = np.array([e.time_s * e.iso / (e.f_number or 1) ** 2 for e in all_stated])  # type: ignore[operator]
    factors = amounts / amounts[0]
    return np.ones(len(factors)) if not _differ(factors.tolist()) else factors


def _differ(values: list[float]) -> bool:
    return bool(values) and not math.isclose(min(values), max(values), rel_tol=SAME)


def _incomplete(
    exposures: list[Exposure], paths: Sequence[str | Path], number: int, missing: str
) -> str:
    shown = list(dict.fromkeys(str(e) for e in exposures if e != Exposure()))[:3]
    return (
        f"{paths[number]}: no {missing} in its header, but the exposures of the capture's frames "
        f"differ ({'; '.join(shown)}); take all with one manual exposure"
    )

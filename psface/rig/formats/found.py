"""What a foreign calibration file says, and the checks that its readers share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from psface.errors import UserError
from psface.paths import listed
from psface.rig.rig_parts import LENGTH_TOLERANCE
from psface.user_tables import read_text

LENGTHS = ("intensity", "direction")
ROUNDING = 1e-3  # of a length, where a file's numbers have enough decimals
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)


@dataclass(frozen=True)
class Options:
    """What a file leaves open; None if the user did not say.

    Attributes
    ----------
    lengths : "intensity", "direction" or None
        What the lengths of light vectors mean: a lamp's strength, or nothing.
    size : (width, height) or None
        Of the frames, in pixels.
    calibrated_size : (width, height) or None
        Of the pictures by which the camera was calibrated; that of the frames if None.
    camera : Path or None
        The file of the camera's intrinsics.
    """

    lengths: str | None = None
    size: tuple[int, int] | None = None
    calibrated_size: tuple[int, int] | None = None
    camera: Path | None = None


@dataclass(frozen=True)
class Found:
    """The content of a calibration file, in psface's frame.

    Attributes
    ----------
    lamps : list of dict
        Each as in a rig file.
    files : tuple of Path
        What was read.
    camera : dict
        As in a rig file.
    date : str
        YYYY-MM-DD, if the file says.
    notes : tuple of str
        What was left out or assumed, for the user.
    """

    lamps: list[dict[str, Any]]
    files: tuple[Path, ...]
    camera: dict[str, Any] = field(default_factory=dict)
    date: str = ""
    notes: tuple[str, ...] = ()


def number(text: str) -> float | None:
    """Parse a finite number with a decimal point; None if it is not one."""
    value = float(text) if _NUMBER.fullmatch(text) else np.inf
    return value if np.isfinite(value) else None


def numbered_lines(path: Path) -> list[tuple[int, str]]:
    """Read the lines of a text file that are not blank, with their numbers, stripped."""
    lines = re.split(r"\r\n|\n|\r", read_text(path))
    return [(place, line.strip()) for place, line in enumerate(lines, 1) if line.strip()]


def file_of(source: Path, name: str) -> Path | None:
    """Find a file in a folder, ignoring the case of its name; None if there is none.

    Raises
    ------
    UserError
        If several match.
    """
    matches = [path for path in listed(source) if path.name.lower() == name.lower()]
    if len(matches) > 1:
        raise UserError(f"{source}: {matches[0].name} and {matches[1].name}; remove one")
    return matches[0] if matches else None


def decimals(texts: Sequence[str]) -> int:
    """How many decimals the most exact of some numbers has, written without an exponent."""
    return max(
        (len(text.partition(".")[2]) for text in texts if "e" not in text.lower()), default=9
    )


def split_lengths(
    vectors: np.ndarray, places: int, names: Sequence[str], path: Path, lengths: str | None
) -> tuple[np.ndarray, np.ndarray | None]:
    """Split light vectors (n, 3) into directions and, if lengths mean that, intensities.

    Parameters
    ----------
    places : int
        Decimals of the numbers: a length may differ from 1 by rounding.
    names : sequence of str
        For messages.
    lengths : str or None
        See `Options`.

    Returns
    -------
    directions : (n, 3)
        Unit vectors.
    intensities : (n,) or None
        If all are alike.

    Raises
    ------
    UserError
        If a length is 0, or is not 1 and nobody said what it means.

    Examples
    --------
    >>> split_lengths(np.array([[0, 0, 2.0]]), 1, ["left"], Path("a.lp"), "intensity")
    (array([[0., 0., 1.]]), array([2.]))
    """
    largest = np.abs(vectors).max(axis=1, keepdims=True)
    if not largest.all():
        worst = int(np.argmin(largest))
        raise UserError(f"{path}: lamp {names[worst]} has a direction of length 0")
    # Scaled first, since the squares of extreme numbers overflow; by a power of 2, which is exact.
    size = np.ldexp(1.0, np.frexp(largest)[1] - 1)
    scaled = vectors / size
    length = np.linalg.norm(scaled, axis=1, keepdims=True)
    directions, measured = scaled / length, (length * size)[:, 0]
    if lengths == "intensity":
        return directions, measured
    off = np.abs(measured - 1)
    tolerance = min(max(10.0**-places, ROUNDING), LENGTH_TOLERANCE)
    if lengths is None and off.max() > tolerance:
        worst = int(np.argmax(off))
        raise UserError(
            f"{path}: the vector of lamp {names[worst]} has length {measured[worst]:.4g}; say what "
            "lengths mean: --lengths intensity (the lamp's strength) or --lengths direction "
            "(nothing)"
        )
    return directions, None

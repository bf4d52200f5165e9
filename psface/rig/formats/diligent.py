"""Calibration of the DiLiGenT data set (Shi et al., CVPR 2016) and of folders like it.

``light_directions.txt`` has ``x y z`` and ``light_intensities.txt`` red, green and blue (or one
number) in each line, ``filenames.txt`` the pictures. Its axes are ours: x right, y up, z towards
the camera.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from psface.errors import UserError
from psface.rig.formats.found import (
    Found,
    Options,
    decimals,
    file_of,
    number,
    numbered_lines,
    split_lengths,
)

DIRECTIONS, INTENSITIES, PICTURES = (
    "light_directions.txt", "light_intensities.txt", "filenames.txt",
)  # fmt: skip


def read_diligent(source: Path, options: Options) -> Found:
    """Read a folder's lights; see `psface.rig.formats.rig_formats`.

    Raises
    ------
    UserError
        If a file is malformed, or two differ in their number of lamps.
    """
    folder = source if source.is_dir() else source.parent
    directions = file_of(folder, DIRECTIONS)
    if directions is None:
        raise UserError(f"{folder}: no {DIRECTIONS} in it; restore it")
    texts = _table(directions, (3,))
    notes, files = [], [directions]
    names = [str(i) for i in range(1, len(texts) + 1)]
    if pictures := file_of(folder, PICTURES):
        names = [name for _, name in numbered_lines(pictures)]
        _same_count(directions, texts, pictures, names)
        files.append(pictures)
    else:
        notes.append(f"no {PICTURES}: lamps named by their numbers")
    flat = [text for row in texts for text in row]
    vectors = np.reshape([float(text) for text in flat], (-1, 3))
    units, lengths = split_lengths(vectors, decimals(flat), names, directions, options.lengths)
    strengths: list[object] = [1.0] * len(names) if lengths is None else [*lengths.tolist()]
    if intensities := file_of(folder, INTENSITIES):
        if lengths is not None:
            raise UserError(f"{intensities}: gives intensities already; use --lengths direction")
        rows = _table(intensities, (1, 3))
        _same_count(directions, texts, intensities, rows)
        values = [[float(text) for text in row] for row in rows]
        for name, row in zip(names, values, strict=True):
            if min(row) <= 0:
                raise UserError(f"{intensities}: lamp {name} has an intensity that is not above 0")
        strengths = [row[0] if len(row) == 1 else row for row in values]
        files.append(intensities)
    elif lengths is None:
        notes.append(f"no {INTENSITIES}: lamps taken for equally strong")
    lamps = [
        {"name": name, "direction": direction, "intensity": strength}
        for name, direction, strength in zip(names, units.tolist(), strengths, strict=True)
    ]
    return Found(lamps, tuple(files), notes=tuple(notes))


def _table(path: Path, widths: tuple[int, ...]) -> list[list[str]]:
    """Read rows of numbers, all of one width, as text."""
    rows: list[list[str]] = []
    for place, line in numbered_lines(path):
        words = line.replace(",", " ").split()
        wrong = next((word for word in words if number(word) is None), None)
        if wrong is not None:
            raise UserError(f"{path}, line {place}: `{wrong[:40]}` is not a number")
        if len(words) not in widths or (rows and len(words) != len(rows[0])):
            expected = " or ".join(map(str, widths)) if not rows else len(rows[0])
            raise UserError(f"{path}, line {place}: {len(words)} numbers, expected {expected}")
        rows.append(words)
    if not rows:
        raise UserError(f"{path}: empty; restore it")
    return rows


def _same_count(first: Path, rows: list[list[str]], second: Path, others: list) -> None:
    if len(rows) != len(others):
        raise UserError(
            f"{second}: {len(others)} lines, {first.name} has {len(rows)}; they are not of one rig"
        )

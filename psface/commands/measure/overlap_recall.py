"""``psface measure overlap``: measure the reliability of `overlap` on a set of pictures.

Each picture is changed in known ways: how many are found again? And how many pairs of different
pictures are mistaken for duplicates?
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import click
import cv2
import numpy as np
import pandas as pd

from psface.captures.capture import Capture
from psface.captures.discovery import people_in
from psface.captures.images import as_jpeg, grey, read_frame, to_uint8
from psface.commands.measure.measured_table import table_option, write_measured
from psface.commands.overlap.details import agreement, thumbnail
from psface.commands.overlap.hashing import picture_hash
from psface.commands.overlap.near_hashes import near_pairs
from psface.commands.overlap.overlap_command import Sections
from psface.commands.overlap.overlap_params import OverlapParams
from psface.config import load
from psface.errors import UserError
from psface.parallel import map_in_processes
from psface.running import PATH

OUT = Path("reports/overlap_measured.csv")
COLUMNS = ["pictures", "near_by_hash", "found", "of"]


@click.command(epilog="Example: psface measure overlap pictures/")
@click.argument("root", type=PATH)
@table_option(OUT)
def overlap_recall(root: Path, out: Path) -> None:
    """Measure how many changed pictures `overlap` finds again, and how many pairs of different
    ones it mistakes for duplicates.

    ROOT has a folder per person. Exit status: 0; 1 if there are too few pictures; 2 for wrong
    arguments.
    """
    table = measure(root, load(Sections).overlap)
    write_measured(table, out)
    print(table.to_string(index=False))
    print(f"measure: {root} ({out})")


def measure(root: Path, params: OverlapParams) -> pd.DataFrame:
    """Measure, with columns `COLUMNS`: a row per change of `CHANGES`, with how many pictures are
    near their changed copies by hash, and are found; and a row each for pairs of different pictures
    of one person and of two."""
    captures = [capture for capture in people_in(root) if isinstance(capture, Capture)]
    hashed = [one for one in map_in_processes(_picture, captures, "measure") if one is not None]
    if len(hashed) < 2:
        raise UserError(f"{root}: expected two pictures or more")
    identity, hashes, thumbnails, changed = (list(part) for part in zip(*hashed, strict=True))
    rows: list[tuple[str, int, int, int]] = []
    for number, name in enumerate(CHANGES):
        distance, agreed = np.array([values[number] for values in changed]).T
        near = distance <= params.max_distance
        found = near & (agreed >= params.min_agreement)
        rows.append((name, int(near.sum()), int(found.sum()), len(near)))

    pairs = near_pairs(np.array(hashes, np.uint64), params.max_distance)
    who = np.array(identity)
    same = who[pairs.first] == who[pairs.second]
    found = np.array(
        [
            agreement(thumbnails[i], thumbnails[j]) >= params.min_agreement
            for i, j in zip(pairs.first, pairs.second, strict=True)
        ],
        dtype=bool,
    )
    counts = np.unique(who, return_counts=True)[1]
    of_one = int((counts * (counts - 1) // 2).sum())
    of_two = len(who) * (len(who) - 1) // 2 - of_one
    for name, kind, total in (
        ("different, of one person", same, of_one),
        ("different, of two people", ~same, of_two),
    ):
        rows.append((name, int(kind.sum()), int((found & kind).sum()), total))
    return pd.DataFrame(rows, columns=COLUMNS)


Measured = tuple[str, int, np.ndarray, list[tuple[float, float]]]


def _picture(capture: Capture) -> Measured | None:
    """Identity, hash, thumbnail, and the distance and agreement after each change."""
    image = read_frame(Path(capture.frames[0]), capture.bits, None)
    original = picture_hash(image)
    if original is None:
        return None
    small = thumbnail(image)
    return capture.identity, original, small, list(_changed(image, original, small))


def _changed(image: np.ndarray, original: int, small: np.ndarray) -> Iterator[tuple[float, float]]:
    for change in CHANGES.values():
        changed = change(image)
        hashed = picture_hash(changed)
        distance = 64 if hashed is None else (original ^ hashed).bit_count()
        yield distance, agreement(small, thumbnail(changed))


def _jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    return grey(as_jpeg(to_uint8(image), quality))


def _resized(image: np.ndarray, factor: float) -> np.ndarray:
    return cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)


def _cropped(image: np.ndarray, share: float) -> np.ndarray:
    """Cut off ``share`` of the height and of the width, half on each side."""
    rows, columns = (round(share / 2 * side) for side in image.shape)
    return image[rows : len(image) - rows, columns : image.shape[1] - columns]


def _turned(image: np.ndarray, degrees: float) -> np.ndarray:
    rows, columns = image.shape
    matrix = cv2.getRotationMatrix2D((columns / 2, rows / 2), degrees, 1.0)
    return cv2.warpAffine(image, matrix, (columns, rows), borderMode=cv2.BORDER_REPLICATE)


CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "JPEG, quality 30": lambda image: _jpeg(image, 30),
    "half the size": lambda image: _resized(image, 0.5),
    "0.8 of the brightness": lambda image: 0.8 * image,
    "gamma 0.7": lambda image: image**0.7,
    "3% cut off": lambda image: _cropped(image, 0.03),
    "6% cut off": lambda image: _cropped(image, 0.06),
    "turned by 1 degree": lambda image: _turned(image, 1),
    "turned by 2 degrees": lambda image: _turned(image, 2),
    "turned by 3 degrees": lambda image: _turned(image, 3),
    "3% cut off, 0.8, half, JPEG 50": lambda image: _jpeg(
        _resized(0.8 * _cropped(image, 0.03), 0.5), 50
    ),
    "mirrored": lambda image: image[:, ::-1].copy(),
}

"""``psface identify``: identify people in captures, pictures and video."""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np
from tqdm import tqdm

from psface.captures.capture import Refusal
from psface.captures.media import Picture
from psface.captures.rigged import read_placed_rig
from psface.commands.arguments import (
    FAR,
    format_option,
    gallery_option,
    model_option,
    out_option,
    pictures_option,
    rig_option,
)
from psface.commands.enrol import warn
from psface.errors import UserError
from psface.report.annotated_pictures import COLOUR, Label, Pictures
from psface.report.face_table import Table, face_row
from psface.running import PATH

if TYPE_CHECKING:
    from psface.recognise.gallery import Gallery
    from psface.recognise.matching import Match

TOP = 5  # candidates named for each face
UNKNOWN = (255, 150, 60)  # RGB
BEST = [f"{name}_{rank}" for rank in range(1, TOP + 1) for name in ("candidate", "similarity")]
COLUMNS = [
    "path", "frame", "face", "identity", *BEST, "quality", "x1", "y1", "x2", "y2", "reason",
]  # fmt: skip


@click.command(epilog="Example: psface identify door.mp4 --far 0.1 --pictures")
@click.argument("paths", nargs=-1, required=True, type=PATH, metavar="PATH...")
@model_option
@gallery_option
@click.option(
    "--far", type=FAR, default=0.01, show_default=True,
    help="False accept rate: how often a stranger may be accepted.",
)  # fmt: skip
@rig_option
@out_option("identified")
@format_option
@pictures_option
def identify(
    paths: tuple[Path, ...],
    model: Path,
    gallery: Path,
    far: float,
    rig: Path | None,
    out: Path,
    form: str,
    pictures: bool,
) -> None:
    """Identify people in captures, pictures, folders and video.

    The gallery is made by `psface enrol`. Writes a table with a row per face and per unusable file.
    Exit status: 0; 1 if no face is found; 2 for wrong arguments.
    """
    from psface.recognise.gallery import read_gallery
    from psface.recognise.matching import identify as identify_all
    from psface.recognise.recogniser import Recogniser

    taken_by = None if rig is None else read_placed_rig(rig)
    recogniser = Recogniser(model)
    people = read_gallery(gallery, recogniser.digest)
    # For links, the folders of both the link and its target.
    above = [p for path in paths for p in (path.parent.resolve(), path.resolve().parent)]
    root = Path(os.path.commonpath(above))
    table_path = out / f"faces.{form}"
    outputs = [out / "pictures"]
    faces = known = refused = 0
    with (
        Table(table_path, COLUMNS) as table,
        Pictures(out, pictures, None, root) as written,
        tqdm(desc="identify", unit="picture", mininterval=1.0) as bar,
    ):
        for item in identify_all(recogniser, people, paths, far, outputs, TOP, taken_by):
            bar.update()
            if isinstance(item, Refusal):
                refused += 1
                warn(item)
                table.add({"path": item.name, "reason": item.reason})
                continue
            for number, match in enumerate(item.matches):
                faces, known = faces + 1, known + match.known
                table.add(_row(item.picture, number, match))
            labels = [_label(match) for match in item.matches]
            written.add(item.picture, [match.face for match in item.matches], labels)
    if not faces:
        raise UserError(f"no face in any of {', '.join(map(str, paths))} ({table_path})")
    threshold = people.threshold(far)
    if threshold == math.inf:
        print(f"identify: {faces} faces, {refused} not used ({table_path})")
        print(_no_promise(people, far), file=sys.stderr)
        return
    print(
        f"identify: {known} of {faces} faces known at a false accept rate of {far:g} "
        f"(similarity over {_short(threshold)}), {refused} not used ({table_path})"
    )


def _no_promise(gallery: Gallery, far: float) -> str:
    """The message when no face can be known, with the remedy."""
    people = math.ceil(1 / far) - 1
    more = f"enrol with {people} people or more as --strangers"
    if gallery.least_rate >= 1:
        return f"identify: all faces are unknown, since the gallery can promise no rate: {more}"
    least = math.ceil(gallery.least_rate * 10_000) / 10_000  # up, so that what is printed suffices
    return (
        f"identify: all faces are unknown, since the gallery cannot promise a false accept rate of "
        f"{far:g}: set --far {least:g} or more, or {more}"
    )


def _row(picture: Picture, number: int, match: Match) -> dict[str, object]:
    best: dict[str, object] = {}
    for rank, (name, cosine) in enumerate(zip(match.names, match.cosines, strict=True), start=1):
        best |= {f"candidate_{rank}": name, f"similarity_{rank}": _short(cosine)}
    return {
        **face_row(picture.path, picture.frame, number, match.face),
        "identity": match.names[0] if match.known else "",
        **best,
        "quality": round(match.quality, 3),
    }


def _short(cosine: float | np.floating) -> float:
    """Round to the digits that identify a float32: what is printed is what is compared."""
    return float(str(np.float32(cosine)))


def _label(match: Match) -> Label:
    text = f"{match.names[0] if match.known else 'unknown'} {match.cosines[0]:.2f}"
    return Label(text, COLOUR if match.known else UNKNOWN)

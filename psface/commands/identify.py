"""``psface identify``: identify people in captures, pictures and video."""

from __future__ import annotations

import contextlib
import math
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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
    Bounded,
    format_option,
    gallery_option,
    model_option,
    out_option,
    padding_option,
    pictures_option,
    rig_option,
)
from psface.commands.enrol import warn
from psface.errors import UserError
from psface.liveness.verdict import THRESHOLD
from psface.report.annotated_pictures import COLOUR, Label, Pictures
from psface.report.face_table import GrowingTable, Table, face_row
from psface.running import PATH

if TYPE_CHECKING:
    from psface.recognise.gallery import Gallery
    from psface.recognise.matching import Match, Seen
    from psface.stereo.trust.trust_warning import TrustWarning

TOP = 5  # candidates named for each face
UNKNOWN = (255, 150, 60)  # RGB
BEST = [f"{name}_{rank}" for rank in range(1, TOP + 1) for name in ("candidate", "similarity")]
COLUMNS = [
    "path", "frame", "face", "identity", *BEST, "quality", "live", "live_score", "doubts",
    "x1", "y1", "x2", "y2", "reason",
]  # fmt: skip
SETTLE = 0.5  # s


@click.command(epilog="Example: psface identify door.mp4 --far 0.1 --pictures")
@click.argument("paths", nargs=-1, type=PATH, metavar="[PATH]...")
@model_option
@gallery_option
@click.option(
    "--far", type=FAR, default=0.01, show_default=True,
    help="False accept rate: how often a stranger may be accepted.",
)  # fmt: skip
@rig_option
@padding_option
@out_option("identified")
@format_option
@pictures_option
@click.option(
    "--watch", type=PATH, metavar="FOLDER",
    help="Instead of PATH: answer each capture as it arrives in FOLDER.",
)  # fmt: skip
@click.option(
    "--settle", type=Bounded(0, 3600), metavar="SECONDS",
    help="With --watch: how long files must not have changed where nothing tells how many will "
    f"come.  [default: {SETTLE}]",
)  # fmt: skip
def identify(
    paths: tuple[Path, ...],
    model: Path,
    gallery: Path,
    far: float,
    rig: Path | None,
    padding: float | None,
    out: Path,
    form: str,
    pictures: bool,
    watch: Path | None,
    settle: float | None,
) -> None:
    """Identify people in captures, pictures, folders and video.

    The gallery is made by `psface enrol`. Writes a table with a row per face and per unusable file;
    `live` says whether it is no picture of a face, as `psface liveness` does.
    With --watch, what is in FOLDER is answered first, then what arrives, until Ctrl-C: a line per
    face on stdout, and a row at the end of the table.
    Exit status: 0; 1 if no face is found; 2 for wrong arguments.
    """
    _check_arguments(paths, form, watch, settle)
    from psface.recognise.arrivals import arrivals, check_folder
    from psface.recognise.gallery import read_gallery
    from psface.recognise.matching import identify as identify_all
    from psface.recognise.matching import matched
    from psface.recognise.recogniser import Recogniser

    if watch is not None:
        check_folder(watch)
    taken_by = None if rig is None else read_placed_rig(rig)
    recogniser = Recogniser(model, padding)
    people = read_gallery(gallery, recogniser.digest)
    table_path, outputs = out / f"faces.{form}", [out / "pictures"]
    told: Table | GrowingTable
    if watch is None:
        told = Table(table_path, COLUMNS)
        found = identify_all(recogniser, people, paths, far, outputs, TOP, taken_by)
    else:
        told = GrowingTable(table_path, COLUMNS)
        limits = recogniser.card.limits
        wait_for = SETTLE if settle is None else settle
        arriving = arrivals(watch, limits, taken_by, outputs, wait_for)
        found = matched(recogniser, people, arriving, far, TOP)
        if people.threshold(far) == math.inf:
            print(_no_promise(people, far), file=sys.stderr)
        print(f"identify: watching {watch}; Ctrl-C ends it", file=sys.stderr, flush=True)
    tally = _Tally()
    with (
        told as table,
        Pictures(out, pictures, None, _root([watch] if watch else paths)) as written,
    ):
        if watch is None:
            tally.record(_with_bar(found), table, written)
        else:
            with contextlib.suppress(KeyboardInterrupt):
                tally.record(found, table, written, aloud=True)
    if watch is None and not tally.faces:
        raise UserError(f"no face in any of {', '.join(map(str, paths))} ({table_path})")
    tally.sum_up(people, far, table_path)
    if watch is None and people.threshold(far) == math.inf:
        print(_no_promise(people, far), file=sys.stderr)


def _check_arguments(
    paths: tuple[Path, ...], form: str, watch: Path | None, settle: float | None
) -> None:
    if watch is None and not paths:
        raise click.UsageError("Missing argument 'PATH...', or --watch FOLDER.")
    if watch is None and settle is not None:
        raise click.UsageError("--settle is for --watch FOLDER.")
    if watch is not None and paths:
        raise click.UsageError(
            f"Give PATH... or --watch, not both: what is in {watch} already is answered first."
        )
    if watch is not None and form != "csv":
        raise click.UsageError(f"--format {form}: with --watch, the table is CSV, which can grow.")


def _root(paths: Sequence[Path]) -> Path:
    """The folder above all paths: for links, that of both the link and its target."""
    above = [p for path in paths for p in (path.parent.resolve(), path.resolve().parent)]
    return Path(os.path.commonpath(above))


def _with_bar(found: Iterator[Seen | Refusal]) -> Iterator[Seen | Refusal]:
    with tqdm(desc="identify", unit="picture", mininterval=1.0) as bar:
        for item in found:
            bar.update()
            yield item


@dataclass
class _Tally:
    """How many faces there were, how many of them known, and how many files were not used."""

    faces: int = 0
    known: int = 0
    refused: int = 0

    def record(
        self,
        found: Iterator[Seen | Refusal],
        table: Table | GrowingTable,
        written: Pictures,
        aloud: bool = False,
    ) -> None:
        """Write all that is found, and count it; ``aloud``, print it too."""
        for item in found:
            if isinstance(item, Refusal):
                self.refused += 1
                table.add({"path": item.path or item.name, "reason": item.reason})
                warn(item)
                continue
            for number, match in enumerate(item.matches):
                self.faces, self.known = self.faces + 1, self.known + match.known
                table.add(_row(item.picture, number, match, item.doubts))
                if aloud:
                    _print(_answer(item, match))
            labels = [_label(match) for match in item.matches]
            written.add(item.picture, [match.face for match in item.matches], labels)

    def sum_up(self, gallery: Gallery, far: float, table: Path) -> None:
        """Print the counts."""
        threshold = gallery.threshold(far)
        if threshold == math.inf:
            print(f"identify: {self.faces} faces, {self.refused} not used ({table})")
            return
        print(
            f"identify: {self.known} of {self.faces} faces known at a false accept rate of {far:g} "
            f"(similarity over {_short(threshold)}), {self.refused} not used ({table})"
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


def _answer(seen: Seen, match: Match) -> str:
    """What is printed of a face."""
    frame = "" if seen.picture.frame is None else f", frame {seen.picture.frame}"
    name = match.names[0] if match.known else f"unknown (nearest {match.names[0]})"
    doubts = "".join(f"; doubt: {warning}" for warning in seen.doubts)
    if match.live.verdict(THRESHOLD) == "no":
        doubts = f"; not live: {match.live.reason(THRESHOLD)}{doubts}"
    return (
        f"{seen.picture.path}{frame}: {name}, similarity {match.cosines[0]:.3f}, "
        f"quality {match.quality:.1f}{doubts}"
    )


def _print(text: str) -> None:
    """Print a line at once, with what the terminal cannot show escaped."""
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)


def _row(
    picture: Picture, number: int, match: Match, doubts: Sequence[TrustWarning]
) -> dict[str, object]:
    best: dict[str, object] = {}
    for rank, (name, cosine) in enumerate(zip(match.names, match.cosines, strict=True), start=1):
        best |= {f"candidate_{rank}": name, f"similarity_{rank}": _short(cosine)}
    return {
        **face_row(picture.path, picture.frame, number, match.face),
        "identity": match.names[0] if match.known else "",
        **best,
        "quality": round(match.quality, 3),
        "live": match.live.verdict(THRESHOLD),
        "live_score": None if math.isnan(match.live.score) else round(match.live.score, 4),
        "doubts": " | ".join(f"{warning.code}: {warning}" for warning in doubts),
    }


def _short(cosine: float | np.floating) -> float:
    """Round to the digits that identify a float32: what is printed is what is compared."""
    return float(str(np.float32(cosine)))


def _label(match: Match) -> Label:
    text = f"{match.names[0] if match.known else 'unknown'} {match.cosines[0]:.2f}"
    return Label(text, COLOUR if match.known else UNKNOWN)

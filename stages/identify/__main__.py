"""Who is on captures, pictures and video: python -m stages.identify [enrol] PATH..."""

from __future__ import annotations

import argparse
import math
import os
import sys
from pathlib import Path

import numpy as np
from tqdm import tqdm

from stages.detect.media import Picture
from stages.detect.output import COLOUR, Label, Pictures, Table, face_row
from stages.errors import UserError, run_stage
from stages.evaluate.verification import given_rate
from stages.files import made_folder
from stages.identify import TOP, Match, identify
from stages.identify.enrolment import enrol
from stages.identify.gallery import Gallery, read_gallery, write_gallery
from stages.recognise import Recogniser
from stages.session import Refusal

UNKNOWN = (255, 150, 60)  # RGB
BEST = [f"{name}_{rank}" for rank in range(1, TOP + 1) for name in ("candidate", "similarity")]
COLUMNS = [
    "path", "frame", "face", "identity", *BEST, "quality", "x1", "y1", "x2", "y2", "reason",
]  # fmt: skip


def main() -> None:
    words = sys.argv[1:]
    if words[:1] == ["enrol"]:
        _enrol(_enrol_parser().parse_args(words[1:]))
    else:
        _identify(_parser().parse_args(words))


def _enrol(given: argparse.Namespace) -> None:
    if given.gallery.is_dir():
        raise UserError(f"{given.gallery}: a folder; give --gallery a file")
    made_folder(given.gallery.parent)
    gallery, refusals = enrol(Recogniser(given.model), given.folder, given.strangers)
    for refusal in refusals:
        _warn(refusal)
    write_gallery(given.gallery, gallery)
    if given.strangers is None:
        print(
            "identify: calibrated with the enrolled people themselves; if the model was trained on "
            "them, strangers are accepted more often than promised: give others as --strangers"
        )
    print(
        f"identify: {len(gallery.names)} people enrolled by {gallery.captures.sum()} captures, "
        f"calibrated with {len(gallery.strangers)}, {len(refusals)} not used ({given.gallery})"
    )


def _identify(given: argparse.Namespace) -> None:
    recogniser = Recogniser(given.model)
    gallery = read_gallery(given.gallery, recogniser.digest)
    # Of links, the folders on both sides.
    above = [p for path in given.paths for p in (path.parent.resolve(), path.resolve().parent)]
    root = Path(os.path.commonpath(above))
    table_path = given.out / f"faces.{given.format}"
    made = [given.out / "pictures"]
    faces = known = refused = 0
    with (
        Table(table_path, COLUMNS) as table,
        Pictures(given.out, given.pictures, None, root) as pictures,
        tqdm(desc="identify", unit="picture", mininterval=1.0) as bar,
    ):
        for item in identify(recogniser, gallery, given.paths, given.far, made):
            bar.update()
            if isinstance(item, Refusal):
                refused += 1
                _warn(item)
                table.add({"path": item.session, "reason": item.reason})
                continue
            for number, match in enumerate(item.matches):
                faces, known = faces + 1, known + match.known
                table.add(_row(item.picture, number, match))
            labels = [_label(match) for match in item.matches]
            pictures.add(item.picture, [match.face for match in item.matches], labels)
    if not faces:
        raise UserError(f"no face in any of {', '.join(map(str, given.paths))} ({table_path})")
    threshold = gallery.threshold(given.far)
    if threshold == math.inf:
        print(f"identify: {faces} faces, {refused} not used ({table_path})")
        print(_no_promise(gallery, given.far), file=sys.stderr)
        return
    print(
        f"identify: {known} of {faces} faces known at a false accept rate of {given.far:g} "
        f"(similarity over {_short(threshold)}), {refused} not used ({table_path})"
    )


def _no_promise(gallery: Gallery, far: float) -> str:
    """Why nobody is known, and what to do."""
    people = math.ceil(1 / far) - 1
    more = f"enrol with {people} people or more as --strangers"
    if gallery.least_rate >= 1:
        return f"identify: nobody is called known, since the gallery promises no rate: {more}"
    least = math.ceil(gallery.least_rate * 10_000) / 10_000  # typed as printed, it is accepted
    return (
        f"identify: nobody is called known, since the gallery cannot promise a false accept rate "
        f"of {far:g}: set --far {least:g} or more, or {more}"
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
    """With the digits that tell it from any other: what is printed is what is compared."""
    return float(str(np.float32(cosine)))


def _label(match: Match) -> Label:
    text = f"{match.names[0] if match.known else 'unknown'} {match.cosines[0]:.2f}"
    return Label(text, COLOUR if match.known else UNKNOWN)


def _warn(refusal: Refusal) -> None:
    # A name in it may be no text.
    tqdm.write(refusal.reason.encode(errors="backslashreplace").decode(), file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m stages.identify",
        description="Say who is on captures, pictures, folders and video.",
        epilog="A gallery is made by: python -m stages.identify enrol FOLDER",
    )
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    _common(parser)
    parser.add_argument(
        "--far", type=given_rate, default=0.01,
        help="false accept rate: how often a stranger may be taken for someone (0.01)",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, default=Path("identified"), help="a folder")
    parser.add_argument("--format", choices=("csv", "json"), default="csv")
    parser.add_argument(
        "--pictures", action="store_true", help="write annotated pictures and video"
    )
    return parser


def _enrol_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m stages.identify enrol",
        description="Make a gallery of a folder with a folder for each person.",
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    _common(parser)
    parser.add_argument(
        "--strangers", type=Path, metavar="FOLDER",
        help="people who are not enrolled, nor trained on, to calibrate with",
    )  # fmt: skip
    return parser


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", type=Path, default=Path("models"), metavar="FOLDER")
    parser.add_argument("--gallery", type=Path, default=Path("gallery.safetensors"), metavar="FILE")


if __name__ == "__main__":
    run_stage(main)

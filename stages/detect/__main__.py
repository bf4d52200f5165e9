"""Faces in pictures, folders and video: python -m stages.detect PATH..."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from stages.detect import DETECTORS, build_detector
from stages.detect.media import Picture, Unreadable, find_media, frame_count, read_media
from stages.detect.output import COLUMNS, Pictures, Table, face_row
from stages.errors import UserError, run_stage
from stages.params import MAX_PIXELS
from stages.tables import whole

# Pictures that are read ahead, and that a detector may batch.
AT_ONCE, PIXELS_AT_ONCE = 16, 8_000_000


def main() -> None:
    given = _parser().parse_args()
    thresholds = None if given.thresholds is None else tuple(given.thresholds)
    detector = build_detector(
        given.detector,
        weights=given.weights,
        min_face_size=given.min_face_size,
        thresholds=thresholds,
        scale_factor=given.scale_factor,
        device=given.device,
    )
    made = [given.out / "pictures", given.out / "crops"]
    files = find_media(given.paths, without=made)
    root = Path(os.path.commonpath([file.parent.resolve() for file in files]))
    table_path = given.out / f"faces.{given.format}"
    total, seen, broken = sum(frame_count(file) for file in files), 0, []
    with (
        Table(table_path, COLUMNS) as table,
        Pictures(given.out, given.pictures, given.crops, root) as pictures,
        tqdm(total=total, desc="detect", unit="picture", mininterval=1.0) as bar,
    ):
        for batch in _batches(files, given.bits, given.max_pixels):
            readable = [item for item in batch if isinstance(item, Picture)]
            for item in batch:
                if isinstance(item, Unreadable):
                    broken.append(item)
                    tqdm.write(f"{item.path}: {item.reason}", file=sys.stderr)
            found = detector.detect([picture.image for picture in readable])
            for picture, faces in zip(readable, found, strict=True):
                for number, face in enumerate(faces):
                    table.add(face_row(picture.path, picture.frame, number, face))
                pictures.add(picture, faces)
            seen += len(readable)
            bar.update(len(batch))
        faces_found = table.rows
    if not seen:
        raise UserError(f"none of {len(files)} files can be read; see above")
    print(f"detect: {faces_found} faces in {seen} pictures ({table_path})", end="")
    print(f", {len(broken)} files not read or not to their end" if broken else "")


def _batches(
    files: list[Path], bits: int | None, max_pixels: int
) -> Iterator[list[Picture | Unreadable]]:
    batch: list[Picture | Unreadable] = []
    held = 0
    for file in files:
        for item in read_media(file, bits, max_pixels):
            batch.append(item)
            held += item.image.size // 3 if isinstance(item, Picture) else 0
            if len(batch) == AT_ONCE or held > PIXELS_AT_ONCE:
                yield batch
                batch, held = [], 0
    if batch:
        yield batch


def _side(text: str) -> int:
    side = whole(text)
    if not side:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of pixels")
    return side


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m stages.detect", description="Find faces in pictures, folders and video."
    )
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    parser.add_argument("--out", type=Path, default=Path("detections"), help="a folder")
    parser.add_argument("--format", choices=("csv", "json"), default="csv")
    parser.add_argument(
        "--pictures", action="store_true", help="write annotated pictures and video"
    )
    parser.add_argument(
        "--crops", type=_side, metavar="SIZE", help="write aligned crops of SIZE px"
    )
    parser.add_argument("--detector", choices=list(DETECTORS), default="mtcnn")
    parser.add_argument("--weights", type=Path, metavar="FILE")
    parser.add_argument("--min-face-size", type=float, metavar="PX")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="mtcnn only")
    parser.add_argument(
        "--scale-factor",
        type=float,
        help="between levels of the image pyramid: under 1 for mtcnn, over 1 for opencv-haar",
    )
    parser.add_argument(
        "--bits", type=int, choices=range(9, 17), metavar="N",
        help="how many a camera used of 16-bit files that do not say: 9 to 16",
    )  # fmt: skip
    parser.add_argument(
        "--max-pixels", type=_side, default=MAX_PIXELS, metavar="N",
        help="of a picture: larger ones are not read (%(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--thresholds", type=float, nargs=3, metavar=("P", "R", "O"), help="mtcnn's three networks"
    )
    return parser


if __name__ == "__main__":
    run_stage(main)

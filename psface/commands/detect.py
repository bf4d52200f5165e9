"""``psface detect``: find faces in pictures, folders and video."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import click
from tqdm import tqdm

from psface.captures.media import Picture, Unreadable, find_media, frame_count, read_media
from psface.commands.arguments import (
    bits_option,
    format_option,
    max_pixels_option,
    out_option,
    pictures_option,
)
from psface.detect.detectors import DETECTORS, build_detector
from psface.errors import UserError
from psface.report.annotated_pictures import Pictures
from psface.report.face_table import COLUMNS, Table, face_row
from psface.running import PATH

# Pictures read ahead, which a detector may batch.
AT_ONCE, PIXELS_AT_ONCE = 16, 8_000_000


@click.command(epilog="Example: psface detect holiday/ --pictures --crops 112")
@click.argument("paths", nargs=-1, required=True, type=PATH, metavar="PATH...")
@out_option("detections")
@format_option
@pictures_option
@click.option(
    "--crops", type=click.IntRange(1), metavar="PX", help="Write aligned crops this wide."
)
@click.option("--detector", type=click.Choice(list(DETECTORS)), default="mtcnn", show_default=True)
@click.option("--weights", type=PATH, metavar="FILE", help="Detector weights, if not the default.")
@click.option("--min-face-size", type=float, metavar="PX", help="Ignore smaller faces.")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), help="Device; mtcnn only.")
@click.option(
    "--scale-factor", type=float,
    help="Ratio of image pyramid levels: under 1 for mtcnn, over 1 for opencv-haar.",
)  # fmt: skip
@bits_option
@max_pixels_option
@click.option("--thresholds", type=float, nargs=3, help="Thresholds of mtcnn's three networks.")
def detect(
    paths: tuple[Path, ...],
    out: Path,
    form: str,
    pictures: bool,
    crops: int | None,
    detector: str,
    bits: int | None,
    max_pixels: int,
    **options: object,
) -> None:
    """Find the faces in pictures, folders and video.

    Writes a table with a row per face. Exit status: 0; 1 if nothing can be read; 2 for wrong
    arguments.
    """
    finder = build_detector(detector, **options)
    outputs = [out / "pictures", out / "crops"]
    files = find_media(paths, without=outputs)
    root = Path(os.path.commonpath([file.parent.resolve() for file in files]))
    table_path = out / f"faces.{form}"
    total, seen, broken = sum(frame_count(file) for file in files), 0, []
    with (
        Table(table_path, COLUMNS) as table,
        Pictures(out, pictures, crops, root) as written,
        tqdm(total=total, desc="detect", unit="picture", mininterval=1.0) as bar,
    ):
        for batch in _batches(files, bits, max_pixels):
            readable = [item for item in batch if isinstance(item, Picture)]
            for item in batch:
                if isinstance(item, Unreadable):
                    broken.append(item)
                    tqdm.write(f"{item.path}: {item.reason}", file=sys.stderr)
            detections = finder.detect([picture.image for picture in readable])
            for picture, faces in zip(readable, detections, strict=True):
                for number, face in enumerate(faces):
                    table.add(face_row(picture.path, picture.frame, number, face))
                written.add(picture, faces)
            seen += len(readable)
            bar.update(len(batch))
        faces_found = table.rows
    if not seen:
        raise UserError(f"none of {len(files)} files can be read; see above")
    print(f"detect: {faces_found} faces in {seen} pictures ({table_path})", end="")
    print(f", {len(broken)} files not read to their end" if broken else "")


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

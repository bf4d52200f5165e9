"""A picture of some crops, to check stereo and alignment by eye."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from PIL import Image, ImageDraw

from psface.faces.arrays import open_crops
from psface.faces.modalities import Map
from psface.faces.stored_planes import in_floats
from psface.files import reading
from psface.report.fonts import label_font
from psface.report.map_colours import as_images

SHOWN = 14
ROWS: dict[Map, str] = {
    "raw": "one frame", "albedo": "albedo", "normalmap": "normals", "depthmap": "depth",
}  # fmt: skip
TEXT, GAP, LEAST = 11, 3, 64  # px: the font, between crops, and a column's least width


def draw_faces(faces: Path, path: Path) -> None:
    """Draw evenly spaced faces in columns, under their people's names; rows are raw and, if there
    are any, albedo, normals as colours and depth."""
    rows = []
    for name in ROWS:
        if not (faces / f"{name}.npy").exists():
            continue
        array = open_crops(faces / f"{name}.npy")
        chosen = np.unique(np.linspace(0, len(array) - 1, SHOWN).astype(int))
        rows.append((ROWS[name], as_images(name, in_floats(array[chosen]))))
    with reading(faces / "faces.parquet", "crop"):
        people = pq.read_table(faces / "faces.parquet", columns=["identity"])["identity"]
    _sheet(rows, [people[int(row)].as_py() for row in chosen]).save(path)


def _sheet(rows: list[tuple[str, np.ndarray]], columns: list[str]) -> Image.Image:
    """Images (N, S, S, 3) in rows, with a name each, and their columns' names."""
    font = label_font(TEXT)
    side = rows[0][1].shape[1]
    width = max(side, LEAST)
    left = max(int(font.getlength(name)) for name, _ in rows) + 3 * GAP
    top = TEXT + 3 * GAP
    size = (left + len(columns) * (width + GAP), top + len(rows) * (side + GAP))
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    for number, name in enumerate(columns):
        x = left + number * (width + GAP) + width // 2
        draw.text((x, GAP), _fitting(name, width), "black", font, anchor="ma")
    for number, (name, images) in enumerate(rows):
        y = top + number * (side + GAP)
        draw.text((left - 2 * GAP, y + side // 2), name, "black", font, anchor="rm")
        for column, image in enumerate(images):
            x = left + column * (width + GAP) + (width - side) // 2
            sheet.paste(Image.fromarray(image), (x, y))
    return sheet


def _fitting(name: str, width: int) -> str:
    """A name, without its middle if it is too long for a column."""
    font, short = label_font(TEXT), name
    for kept in range(len(name) - 1, 0, -1):
        if font.getlength(short) <= width:
            break
        short = f"{name[: kept - kept // 2]}…{name[len(name) - kept // 2 :]}"
    return short

"""The sheet of crops, with names on its rows and columns."""

import numpy as np
from PIL import Image

from psface.report.face_sheet import LEAST, SHOWN, TEXT, _fitting, _sheet, draw_faces
from psface.report.fonts import label_font
from tests.packed_faces import write_faces


def test_names_that_are_too_long_lose_their_middle():
    assert _fitting("0001", 64) == "0001"
    short = _fitting("a-very-long-name-of-a-person-17", 64)
    assert short.startswith("a-") and short.endswith("17") and "…" in short
    assert label_font(TEXT).getlength(short) <= 64


def test_rows_and_columns_have_names():
    images = np.full((3, 70, 70, 3), (90, 0, 200), np.uint8)
    sheet = np.asarray(_sheet([("albedo", images), ("normals", images)], ["a", "b", "c"]))
    dark = (sheet < 60).all(axis=2)  # text, not images
    shown = (sheet == (90, 0, 200)).all(axis=2)
    top, left = np.argwhere(shown).min(axis=0)
    assert dark[:top, left:].any() and dark[top:, :left].any() and not dark[top:, left:].any()
    assert shown.sum() == 6 * 70 * 70


def test_a_packed_set(tmp_path):
    table = write_faces(tmp_path, people=20)
    draw_faces(tmp_path, tmp_path / "faces.png")
    with Image.open(tmp_path / "faces.png") as sheet:
        assert sheet.width > min(len(table), SHOWN) * LEAST and sheet.height > 64

"""A small capture in the Photoface layout, written by hand."""

import os
import time
from pathlib import Path

import cv2
import numpy as np

from psface.captures.capture import Capture, Refusal
from psface.captures.capture_table import read_captures
from psface.captures.images import to_uint8
from psface.captures.ingest_params import IngestParams
from stages.ingest import ingest
from tests.shapes import FOUR_LIGHTS, lit, sphere

SIZE = 64
# Of the four lights of `FOUR_LIGHTS`: slant from the axis and azimuth clockwise from image-up.
ROWS = ("90-35.264 360-135;", "90-35.264 360-45;", "90-35.264 360-315;", "90-35.264 360-225;")
LABELS = "male, no, none, 1, ok,  , blankstare, \n"
LANDMARKS = {
    "left_eye": (24, 26),
    "right_eye": (40, 26),
    "nose": (32, 35),
    "mouth_left": (26, 44),
    "mouth_right": (38, 44),
}


def capture_frames(seed: int = 0) -> np.ndarray:
    """A textured ball under four lights, (4, SIZE, SIZE) uint8."""
    normal, _, mask = sphere(SIZE, 0.45 * SIZE)
    texture = np.random.default_rng(seed).random((SIZE // 4, SIZE // 4))
    albedo = 0.4 + 0.4 * cv2.resize(texture, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
    return to_uint8(lit(normal, FOUR_LIGHTS, albedo * mask))


def write_capture(folder: Path, seed: int = 0) -> Path:
    """Write ``im0.bmp``..``im3.bmp``, ``LightSource.m`` and ``metadataII.txt``; returns folder."""
    folder.mkdir(parents=True)
    for index, frame in enumerate(capture_frames(seed)):
        cv2.imwrite(str(folder / f"im{index}.bmp"), frame)
    write_lights(folder, ROWS)
    (folder / "metadataII.txt").write_text(LABELS)
    return folder


def write_lights(folder: Path, rows: tuple[str, ...]) -> None:
    (folder / "LightSource.m").write_text("\n".join(["LightAngle = [", *rows, "];", ""]))


def write_landmarks(folder: Path) -> None:
    lines = [f"{name},{x},{y}" for name, (x, y) in LANDMARKS.items()]
    (folder / "landmarks.csv").write_text("\n".join(["name,x,y", *lines, ""]))


def settle(folder: Path, age: float = 3600) -> None:
    """Make all files under a folder an hour old: those just written count as still changing."""
    for path in folder.rglob("*"):
        if path.is_file():
            os.utime(path, (time.time() // 1 - age,) * 2)


def ingested(params: IngestParams, seed: int, folder: Path) -> tuple[list[Capture], list[Refusal]]:
    """What `ingest` accepts and refuses, with its tables in ``folder``."""
    table = folder / "sessions.parquet"
    _, _, refused = ingest(params, seed, table, folder / "rejected.csv")
    return list(read_captures(table)), refused

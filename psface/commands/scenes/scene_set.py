"""scenes: annotated pictures of simulated people on varied backgrounds, for face detectors."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from psface.commands.scenes.background import draw_background
from psface.commands.scenes.figure import Figure, draw_figure
from psface.commands.scenes.scenes_params import ScenesParams
from psface.detect.annotations import Annotated, write_wider
from psface.parallel import map_in_processes

LABELS = "label.txt"
PARTS = ("train", "test")
COVERED = 0.1  # share of a face: a person who would hide more of another is placed elsewhere
TRIES = 12


def scenes(params: ScenesParams, seed: int, out: Path) -> int:
    """Write ``out/train`` and ``out/test``: pictures and ``label.txt``.

    No person is in both. The labels are in the WIDER FACE format with landmarks
    (`psface.detect.annotations`).

    Returns
    -------
    int
        Number of faces.
    """
    shutil.rmtree(out, ignore_errors=True)
    faces = 0
    for part, count in zip(PARTS, (params.train, params.test), strict=True):
        first = 0 if part == "train" else params.train
        work = partial(_write_scene, params, seed, out / part)
        annotated = list(map_in_processes(work, range(first, first + count), f"scenes {part}"))
        write_wider(out / part / LABELS, annotated)
        faces += sum(len(picture.boxes) for picture in annotated)
    return faces


def _write_scene(params: ScenesParams, seed: int, folder: Path, number: int) -> Annotated:
    image, boxes, landmarks = render_scene(params, seed, number)
    path = folder / "pictures" / f"{number:05}.jpg"
    path.parent.mkdir(parents=True, exist_ok=True)
    quality = int(np.random.default_rng([seed, number, 1]).integers(60, 96))
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    path.write_bytes(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes())
    return Annotated(path, boxes, landmarks, np.zeros(len(boxes), bool))


def render_scene(
    params: ScenesParams, seed: int, number: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Render picture ``number``, which depends only on the seed and its number.

    Returns
    -------
    image, boxes, landmarks : (H, W, 3) uint8 RGB, (n, 4), (n, 5, 2)
    """
    rng = np.random.default_rng([seed, number])
    canvas = draw_background(rng, params.height, params.width)
    count = int(rng.integers(0, params.faces + 1))
    low, high = np.log(params.smallest), np.log(params.largest)
    sizes = np.exp(rng.uniform(low, high, count))
    figures: list[Figure] = []
    # The farthest first, so that nearer people cover them.
    for index, size in enumerate(np.sort(sizes)):
        figure = draw_figure(rng, seed, number * params.faces + index, float(size))
        for _ in range(TRIES):
            placed = figure.moved(*_place(rng, figure, params))
            if all(_apart(placed, other) for other in figures):
                canvas = placed.over(canvas)
                figures.append(placed)
                break
    image = _photographed(rng, canvas)
    boxes = np.array([figure.box for figure in figures]).reshape(-1, 4)
    return image, boxes, np.array([figure.landmarks for figure in figures]).reshape(-1, 5, 2)


def _place(rng: np.random.Generator, figure: Figure, params: ScenesParams) -> tuple[float, float]:
    """Draw a shift that puts the whole face into the picture, if it fits."""
    size = figure.box[2:] - figure.box[:2]
    slack = np.maximum(np.array([params.width, params.height]) - size, 1)
    x, y = rng.uniform(0, slack) - figure.box[:2]
    return float(x), float(y)


def _apart(new: Figure, old: Figure) -> bool:
    """Whether the new figure leaves the face behind it visible."""
    low, high = np.maximum(new.box[:2], old.box[:2]), np.minimum(new.box[2:], old.box[2:])
    return not (high > low).all() and new.cover(old.box) < COVERED


def _photographed(rng: np.random.Generator, canvas: np.ndarray) -> np.ndarray:
    """Apply exposure, light colour, blur and noise; convert to 8 bits."""
    out: np.ndarray = canvas * rng.uniform(0.6, 1.25) * rng.uniform(0.88, 1.12, 3)
    if rng.random() < 0.1:
        out = np.repeat(out.mean(axis=2, keepdims=True), 3, axis=2)
    if rng.random() < 0.5:
        out = cv2.GaussianBlur(out, (0, 0), rng.uniform(0.3, 1.2))
    out = out + rng.normal(0, rng.uniform(0.002, 0.025), out.shape)
    return np.clip(out * 255 + 0.5, 0, 255).astype(np.uint8)

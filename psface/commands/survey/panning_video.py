"""Make a video from photographs by panning and zooming over them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from psface.captures.media import read_picture
from psface.detect.annotations import Annotated
from psface.detect.face import rgb8
from psface.faces.alignment import smoothed
from psface.files import replacing

WIDTH, HEIGHT, FRAME_RATE = 640, 360, 25.0
FRAMES_EACH = 50  # per photograph
NEAREST = 0.5  # share of the photograph in view at the closest zoom


def make_video(pictures: Sequence[Annotated], path: Path, frames: int) -> None:
    """Write ``frames`` frames; photographs repeat if there are too few."""
    with replacing(path) as partial:
        code = cv2.VideoWriter.fourcc(*"mp4v")
        writer = cv2.VideoWriter(str(partial), code, FRAME_RATE, (WIDTH, HEIGHT))
        for start in range(0, frames, FRAMES_EACH):
            number = start // FRAMES_EACH
            image = read_picture(pictures[number % len(pictures)].path)
            bgr = cv2.cvtColor(rgb8(image), cv2.COLOR_RGB2BGR)
            for at in range(min(FRAMES_EACH, frames - start)):
                view = _view(bgr.shape, at / FRAMES_EACH, number)
                writer.write(cv2.warpAffine(smoothed(bgr, view[0, 0]), view, (WIDTH, HEIGHT)))
        writer.release()


def _view(shape: Sequence[int], time: float, number: int) -> np.ndarray:
    """Transform (2, 3) from photograph to frame: around its centre, zooming in and back out."""
    height, width = shape[:2]
    visible = 1 - (1 - NEAREST) * np.sin(np.pi * time) ** 2
    scale = max(WIDTH / width, HEIGHT / height) / visible
    angle = np.pi * (time + number)
    slack = np.maximum([width - WIDTH / scale, height - HEIGHT / scale], 0)
    centre = np.array([width, height]) / 2 + slack / 2 * [np.cos(angle), np.sin(angle)]
    offset = np.array([WIDTH, HEIGHT]) / 2 - scale * centre
    return np.array([[scale, 0, offset[0]], [0, scale, offset[1]]])

"""The faces of a picture, with their landmarks."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import cv2
import numpy as np

from psface.detect.face import Face
from psface.detect.mtcnn.cascade import MTCNN

# Pictures are looked at with a longer side of LONGEST px at most, and faces of SMALLEST px there
# are found: time is the same for all, and someone far behind is no second face.
LONGEST, SMALLEST = 640, 20
# Where no face is found, it may be cut too close, or hidden under noise or the dots of a print:
# a border (share of the longer side) and a Gaussian (px) for every try.
TRIES = ((0.0, 0.0), (0.3, 0.0), (0.3, 2.0))


def find_faces(image: np.ndarray) -> list[Face]:
    """The faces of a picture (H, W, 3), uint8 or uint16 RGB; the largest first.

    Boxes and landmarks are in the picture's pixels. The landmarks of the largest are steadied
    (`MTCNN.landmarks`).
    """
    scale = min(1.0, LONGEST / max(image.shape[:2]))
    small = image
    if scale < 1:
        size = tuple(max(1, round(side * scale)) for side in image.shape[1::-1])
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    for share, sigma in TRIES:
        border = round(share * max(small.shape[:2]))
        framed = cv2.copyMakeBorder(small, border, border, border, border, cv2.BORDER_CONSTANT)
        if sigma:
            framed = cv2.GaussianBlur(framed, (0, 0), sigma)
        end = np.array(framed.shape[1::-1]) - border
        faces = [face for face in _mtcnn().detect([framed])[0] if _inside(face, border, end)]
        if faces:
            break
    faces.sort(key=lambda face: -(face.box[2:] - face.box[:2]).prod())
    if faces:
        faces[0] = replace(faces[0], landmarks=_mtcnn().landmarks([framed], faces[0].box))
    return [_in_picture(face, border, scale) for face in faces]


def _inside(face: Face, low: int, high: np.ndarray) -> bool:
    """Whether the face's middle is in the picture, rather than in the border."""
    middle = (face.box[:2] + face.box[2:]) / 2
    return bool((middle >= low).all() and (middle < high).all())


def _in_picture(face: Face, border: int, scale: float) -> Face:
    assert face.landmarks is not None  # MTCNN gives them
    points = (face.landmarks - border + 0.5) / scale - 0.5
    return Face((face.box - border) / scale, face.score, points)


@lru_cache(maxsize=1)
def _mtcnn() -> MTCNN:
    return MTCNN(SMALLEST)

"""Find the faces of a picture, with their landmarks."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import cv2
import numpy as np

from psface.detect.face import Face
from psface.detect.mtcnn.cascade import MTCNN

# Pictures are reduced to a longer side of LONGEST px at most, and faces from SMALLEST px there are
# found: every picture takes the same time, and a distant bystander is not a second face.
LONGEST, SMALLEST = 640, 20
# A face may be missed because it is cropped too tightly, or hidden by noise or the dots of a print:
# each try adds a border (share of the longer side) and a Gaussian (px).
TRIES = ((0.0, 0.0), (0.3, 0.0), (0.3, 2.0))


def find_faces(image: np.ndarray) -> list[Face]:
    """Find the faces of a picture (H, W, 3), uint8 or uint16 RGB; the largest first.

    Boxes and landmarks are in pixels of the picture. The landmarks of the largest face are the
    steadier ones of `MTCNN.landmarks`.
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
    """Whether the centre of the face is in the picture rather than in the border."""
    centre = (face.box[:2] + face.box[2:]) / 2
    return bool((centre >= low).all() and (centre < high).all())


def _in_picture(face: Face, border: int, scale: float) -> Face:
    assert face.landmarks is not None  # MTCNN always returns them
    points = (face.landmarks - border + 0.5) / scale - 0.5
    return Face((face.box - border) / scale, face.score, points)


@lru_cache(maxsize=1)
def _mtcnn() -> MTCNN:
    return MTCNN(SMALLEST)

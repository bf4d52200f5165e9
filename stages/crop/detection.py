"""Which face of a session to crop, and where its landmarks are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from stages.crop.mtcnn import MTCNN, Face
from stages.params import CropParams


@dataclass(frozen=True)
class Found:
    """Landmarks (5, 2) in pixels of frame 0, which image gave them, and the detector's score."""

    landmarks: np.ndarray
    image: str
    score: float


def find_face(
    frames: np.ndarray, albedo: np.ndarray, given: np.ndarray | None, params: CropParams
) -> Found | None:
    """Look for the session's face; the mean image first, since it has no hard shadows.

    Then the single frames and the albedo; at last the given landmarks, if the capture has any.
    The landmarks of a found face are those that the mean image and all frames agree on.

    Parameters
    ----------
    frames : (n, H, W) float32 in [0, 1]
        Registered.
    albedo : (H, W) float32
    given : (5, 2) or None

    Returns
    -------
    Found or None
        The face nearest the rig's axis, the image's centre.
    """
    for name, image in _images(frames, albedo):
        faces = detect_padded(image, params)
        if faces:
            centre = np.array([(image.shape[1] - 1) / 2, (image.shape[0] - 1) / 2])
            face = min(faces, key=lambda f: np.hypot(*((f.box[:2] + f.box[2:]) / 2 - centre)))
            return Found(_agreed_landmarks(frames, face.box, params), name, face.score)
    return None if given is None else Found(given, "given", 0.0)


def detect_padded(image: np.ndarray, params: CropParams) -> list[Face]:
    """Detect on ``image`` inside a black border, which a tightly cropped face needs."""
    border = _border(image, params)
    return [
        Face(face.box - border, face.score, face.landmarks - border)
        for face in _detector(params.min_face_size).detect(_pad(image, border))
    ]


def _agreed_landmarks(frames: np.ndarray, box: np.ndarray, params: CropParams) -> np.ndarray:
    border = _border(frames[0], params)
    images = [_pad(image, border) for image in (frames.mean(axis=0), *frames)]
    return _detector(params.min_face_size).landmarks(images, box + border) - border


def _border(image: np.ndarray, params: CropParams) -> int:
    return round(params.padding * max(image.shape))


def _pad(image: np.ndarray, border: int) -> np.ndarray:
    return cv2.copyMakeBorder(image, border, border, border, border, cv2.BORDER_CONSTANT)


@lru_cache(maxsize=1)
def _detector(min_face_size: int) -> MTCNN:
    return MTCNN(min_face_size)


def _images(frames: np.ndarray, albedo: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    yield "mean", frames.mean(axis=0)
    for index, frame in enumerate(frames):
        yield f"frame {index}", frame
    yield "albedo", np.clip(albedo / max(np.percentile(albedo, 99), 1e-6), 0, 1)

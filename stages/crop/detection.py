"""Which face of a session to crop, and where its landmarks are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from stages.detect import Detector, Face, build_detector
from stages.detect.mtcnn import MTCNN
from stages.params import CropParams


@dataclass(frozen=True)
class Found:
    """Landmarks (5, 2) in pixels of frame 0, which image gave them, and the detector's score."""

    landmarks: np.ndarray
    image: str
    score: float


def find_face(
    frames: np.ndarray, albedo: np.ndarray | None, given: np.ndarray | None, params: CropParams
) -> Found | None:
    """Look for the session's face; the mean image first, since it has no hard shadows.

    Then the single frames and the albedo; at last the given landmarks, if the capture has any.
    The landmarks of a found face are those that the mean image and all frames agree on.

    Parameters
    ----------
    frames : (n, H, W) float32 in [0, 1]
        Registered.
    albedo : (H, W) float32 or None
        Of a session that has one.
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
    [faces] = _detector(params).detect([_pad(image, border)])
    return [
        Face(f.box - border, f.score, None if f.landmarks is None else f.landmarks - border)
        for f in faces
    ]


def _agreed_landmarks(frames: np.ndarray, box: np.ndarray, params: CropParams) -> np.ndarray:
    border = _border(frames[0], params)
    images = [_pad(image, border) for image in (frames.mean(axis=0), *frames)]
    mtcnn, box = _mtcnn(params), box + border
    if params.detector != "mtcnn":  # whose boxes have another size and place about the face
        box = mtcnn.refine(images[0], box)
    return mtcnn.landmarks(images, box) - border


def _border(image: np.ndarray, params: CropParams) -> int:
    return round(params.padding * max(image.shape))


def _pad(image: np.ndarray, border: int) -> np.ndarray:
    # Frames that were shifted by parts of a pixel may be a little out of [0, 1].
    framed = cv2.copyMakeBorder(image, border, border, border, border, cv2.BORDER_CONSTANT)
    return np.clip(framed, 0, 1)


def _detector(params: CropParams) -> Detector:
    if params.detector == "mtcnn":
        return _mtcnn(params)
    return _other(params.detector, params.min_face_size, params.detector_weights)


@lru_cache(maxsize=1)
def _other(name: str, min_face_size: int, weights: str) -> Detector:
    return build_detector(
        name, min_face_size=min_face_size, weights=Path(weights) if weights else None
    )


def _mtcnn(params: CropParams) -> MTCNN:
    own = params.detector_weights if params.detector == "mtcnn" else ""
    return _networks(params.min_face_size, own)


@lru_cache(maxsize=1)
def _networks(min_face_size: int, weights: str) -> MTCNN:
    return MTCNN(min_face_size, weights=Path(weights) if weights else None)


def _images(frames: np.ndarray, albedo: np.ndarray | None) -> Iterator[tuple[str, np.ndarray]]:
    yield "mean", frames.mean(axis=0)
    for index, frame in enumerate(frames):
        yield f"frame {index}", frame
    if albedo is not None:
        yield "albedo", np.clip(albedo / max(np.percentile(albedo, 99), 1e-6), 0, 1)

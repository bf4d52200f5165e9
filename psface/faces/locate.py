"""Find the face of a capture to crop, and its landmarks."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from psface.detect.detectors import build_detector
from psface.detect.face import Detector, Face
from psface.faces.alignment import TEMPLATE
from psface.faces.crop_params import CropParams
from psface.percentiles import percentile

if TYPE_CHECKING:
    from psface.detect.mtcnn.cascade import MTCNN


def find_face(
    frames: np.ndarray, albedo: np.ndarray | None, landmarks: np.ndarray | None, params: CropParams
) -> tuple[Face, str] | None:
    """Find the capture's face, first on the mean image, since it has no hard shadows.

    Next come the single frames and the albedo; last, the capture's own landmarks, if it has any.
    A detected face gets the landmarks that the mean image and all frames agree on.

    Parameters
    ----------
    frames : (n, H, W) float32 in [0, 1]
        Registered.
    albedo : (H, W) float32 or None
        If the capture has one.
    landmarks : (5, 2) or None

    Returns
    -------
    (Face, str) or None
        The face nearest to the image's centre, and the name of the image it was found on.
    """
    if params.detector == "aligned":
        face = _whole(frames[0])
        return None if face is None else (face, "template")
    for name, image in _images(frames, albedo):
        faces = detect_padded(image, params)
        if faces:
            centre = np.array([(image.shape[1] - 1) / 2, (image.shape[0] - 1) / 2])
            face = min(faces, key=lambda f: np.hypot(*((f.box[:2] + f.box[2:]) / 2 - centre)))
            agreed = _agreed_landmarks(frames, face.box, params)
            return Face(face.box, face.score, agreed), name
    if landmarks is None:
        return None
    box = np.concatenate([landmarks.min(axis=0), landmarks.max(axis=0)])
    return Face(box, 0.0, landmarks), "given"


def find_faces(image: np.ndarray, params: CropParams) -> list[Face]:
    """Find all faces of a picture (H, W) float32 in [0, 1], with landmarks as in `find_face`."""
    if params.detector == "aligned":
        face = _whole(image)
        return [] if face is None else [face]
    return [
        Face(face.box, face.score, _agreed_landmarks(image[None], face.box, params))
        for face in detect_padded(image, params)
    ]


def _whole(image: np.ndarray) -> Face | None:
    """Return the face of a picture (H, W) that is already a crop; None if it is not square."""
    height, width = image.shape
    if height != width:
        return None
    return Face(np.array([0, 0, width, height]), 1.0, TEMPLATE * width)


def detect_padded(image: np.ndarray, params: CropParams) -> list[Face]:
    """Detect on ``image`` inside a black border, which tightly cropped faces need; if nothing is
    found, without it, since a border occasionally hides a face."""
    wide = _border(image, params)
    for border in (wide, 0) if wide else (0,):
        [faces] = _detector(params).detect([_pad(image, border)])
        if faces:
            return [
                Face(f.box - border, f.score, None if f.landmarks is None else f.landmarks - border)
                for f in faces
            ]
    return []


def _agreed_landmarks(frames: np.ndarray, box: np.ndarray, params: CropParams) -> np.ndarray:
    border = _border(frames[0], params)
    images = [_pad(image, border) for image in (frames.mean(axis=0), *frames)]
    mtcnn, box = _mtcnn(params), box + border
    if params.detector != "mtcnn":  # other boxes differ in size and position
        box = mtcnn.refine(images[0], box)
    return mtcnn.landmarks(images, box) - border


def _border(image: np.ndarray, params: CropParams) -> int:
    return round(params.padding * max(image.shape))


def _pad(image: np.ndarray, border: int) -> np.ndarray:
    # Frames shifted by fractions of a pixel may slightly exceed [0, 1].
    padded = cv2.copyMakeBorder(image, border, border, border, border, cv2.BORDER_CONSTANT)
    return np.clip(padded, 0, 1)


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
    weights = params.detector_weights if params.detector == "mtcnn" else ""
    return _networks(params.min_face_size, weights)


@lru_cache(maxsize=1)
def _networks(min_face_size: int, weights: str) -> MTCNN:
    # Torch takes a second to load, and no face may have to be found.
    from psface.detect.mtcnn.cascade import MTCNN

    return MTCNN(min_face_size, weights=Path(weights) if weights else None)


def _images(frames: np.ndarray, albedo: np.ndarray | None) -> Iterator[tuple[str, np.ndarray]]:
    yield "mean", frames.mean(axis=0)
    for index, frame in enumerate(frames):
        yield f"frame {index}", frame
    if albedo is not None:
        yield "albedo", np.clip(albedo / max(percentile(albedo, 99), 1e-6), 0, 1)

"""MediaPipe's BlazeFace: Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face Detection on
Mobile GPUs", arXiv 1907.05047."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np

from psface.detect.detectors import missing, no_weights
from psface.detect.face import Face, Facts, OneByOne
from psface.errors import UserError


class MediaPipe(OneByOne):
    """Eyes and nose; the mouth corners are NaN, since it finds only the middle of the mouth."""

    def __init__(
        self, min_face_size: float = 10, weights: Path | None = None, threshold: float = 0.5
    ) -> None:
        try:
            self.mediapipe = importlib.import_module("mediapipe")
            tasks = importlib.import_module("mediapipe.tasks.python")
        except ImportError as error:
            # Its dependencies would bring in a second OpenCV.
            install = "pip install --no-deps mediapipe==1.2.2 && pip install absl-py flatbuffers"
            raise missing("mediapipe", install) from error
        if weights is None:
            raise no_weights(
                "mediapipe", "blaze_face_short_range.tflite", "ai.google.dev/edge/mediapipe"
            )
        self.min_face_size = min_face_size
        options = tasks.vision.FaceDetectorOptions(
            base_options=tasks.BaseOptions(model_asset_path=str(weights)),
            min_detection_confidence=threshold,
        )
        try:
            self.net = tasks.vision.FaceDetector.create_from_options(options)
        except (RuntimeError, ValueError, OSError) as error:
            raise UserError(f"{weights}: not a MediaPipe face detector ({error})") from error
        self.weights = weights

    @property
    def facts(self) -> Facts:
        return Facts("Apache-2.0", weight_bytes=self.weights.stat().st_size)

    def faces_of(self, image: np.ndarray) -> list[Face]:
        height, width, _ = image.shape
        result = self.net.detect(
            self.mediapipe.Image(image_format=self.mediapipe.ImageFormat.SRGB, data=image)
        )
        faces = []
        for detection in result.detections:
            box = detection.bounding_box
            points = np.full((5, 2), np.nan, np.float32)
            points[:3] = [(p.x * width, p.y * height) for p in detection.keypoints[:3]]
            left, top = box.origin_x, box.origin_y
            sides = np.array([left, top, left + box.width, top + box.height], np.float32)
            faces.append(Face(sides, float(detection.categories[0].score), points))
        return faces

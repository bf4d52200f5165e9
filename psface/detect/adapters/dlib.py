"""dlib's detectors.

HOG: Dalal & Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005, by the
structural SVM of King, "Max-Margin Object Detection", arXiv 1502.00046. CNN: the same loss on a
small network, "mmod_human_face_detector".
"""

from __future__ import annotations

import importlib
import importlib.util
import math
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from psface.detect.detectors import INSTALL, missing, no_weights
from psface.detect.face import Face, Facts, OneByOne
from psface.errors import UserError

WINDOW = 70  # px; the smallest box of both without enlarging the image, for a face of about 80 px


class Hog(OneByOne):
    """Frontal faces; no landmarks."""

    def __init__(self, min_face_size: float = WINDOW, threshold: float = 0.0) -> None:
        self.net = _dlib("dlib-hog").get_frontal_face_detector()
        self.threshold, self.min_face_size = threshold, min_face_size
        self.enlarged = _doublings(min_face_size)

    @property
    def facts(self) -> Facts:
        return Facts("BSL-1.0")

    def faces_of(self, image: np.ndarray) -> list[Face]:
        boxes, scores, _ = self.net.run(image, self.enlarged, self.threshold)
        return [Face(_box(box), score) for box, score in zip(boxes, scores, strict=True)]


class Cnn(OneByOne):
    """Faces at many angles, slowly without a GPU; no landmarks.

    ``weights`` defaults to the file in the ``face_recognition_models`` package.
    """

    def __init__(
        self, min_face_size: float = WINDOW, weights: Path | None = None, threshold: float = 0.0
    ) -> None:
        dlib = _dlib("dlib-cnn")
        file = weights or _packaged()
        try:
            self.net = dlib.cnn_face_detection_model_v1(str(file))
        except RuntimeError as error:
            raise UserError(f"{file}: not dlib's mmod_human_face_detector.dat ({error})") from error
        self.threshold, self.min_face_size = threshold, min_face_size
        self.enlarged = _doublings(min_face_size)
        self.file = file

    @property
    def facts(self) -> Facts:
        return Facts("CC0-1.0", weight_bytes=self.file.stat().st_size)

    def faces_of(self, image: np.ndarray) -> list[Face]:
        return [
            Face(_box(detection.rect), detection.confidence)
            for detection in self.net(image, self.enlarged)
            if detection.confidence > self.threshold
        ]


def _dlib(name: str) -> ModuleType:
    try:
        return importlib.import_module("dlib")
    except ImportError as error:
        raise missing(name) from error


def _packaged() -> Path:
    spec = importlib.util.find_spec("face_recognition_models")
    if spec is None or spec.origin is None:
        raise no_weights(
            "dlib-cnn", "mmod_human_face_detector.dat", f"dlib.net/files, or `{INSTALL}`"
        )
    return Path(spec.origin).parent / "models" / "mmod_human_face_detector.dat"


def _doublings(min_face_size: float) -> int:
    """How often to double the image so that a face of that size fills the window."""
    return max(0, math.ceil(math.log2(WINDOW / min_face_size)))


def _box(rectangle: Any) -> np.ndarray:
    # dlib's right and bottom are the last pixel of the box.
    sides = rectangle.left(), rectangle.top(), rectangle.right() + 1, rectangle.bottom() + 1
    return np.array(sides, np.float32)

"""OpenCV's detectors.

Haar: Viola & Jones, "Rapid Object Detection using a Boosted Cascade of Simple Features", CVPR 2001.
YuNet: Wu et al., "YuNet: A Tiny Millisecond-level Face Detector", Machine Intelligence Research 20,
2023.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from psface.detect.detectors import no_weights
from psface.detect.face import Face, Facts, OneByOne
from psface.detect.onnx_runtime import count_parameters
from psface.errors import UserError


class Haar(OneByOne):
    """Frontal faces by the cascade that ships with OpenCV; no landmarks."""

    def __init__(
        self, min_face_size: float = 20, scale_factor: float = 1.1, min_neighbors: int = 5
    ) -> None:
        if scale_factor <= 1:
            raise UserError(f"scale_factor={scale_factor}: must be over 1 for opencv-haar")
        self.min_face_size = max(1, round(min_face_size))  # OpenCV takes whole pixels
        self.scale_factor, self.min_neighbors = scale_factor, min_neighbors
        self.file = Path(cv2.__file__).parent / "data" / "haarcascade_frontalface_default.xml"
        self.cascade = cv2.CascadeClassifier(str(self.file))

    @property
    def facts(self) -> Facts:
        stumps = self.file.read_text(encoding="utf-8").count("<internalNodes>")
        # Each stump has a threshold and two leaves.
        return Facts("Intel", 3 * stumps, self.file.stat().st_size)

    def faces_of(self, image: np.ndarray) -> list[Face]:
        smallest = int(self.min_face_size)
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        boxes, _, weights = self.cascade.detectMultiScale3(
            cv2.equalizeHist(grey),
            scaleFactor=self.scale_factor,
            minNeighbors=self.min_neighbors,
            minSize=(smallest, smallest),
            outputRejectLevels=True,
        )
        return [
            Face(np.array([x, y, x + w, y + h], np.float32), float(weight))
            for (x, y, w, h), weight in zip(boxes, weights, strict=True)
        ]


class YuNet(OneByOne):
    """YuNet by OpenCV's own implementation; five landmarks."""

    def __init__(
        self, min_face_size: float = 10, weights: Path | None = None, threshold: float = 0.6
    ) -> None:
        self.min_face_size = min_face_size
        if weights is None:
            raise no_weights(
                "opencv-yunet", "face_detection_yunet_2023mar.onnx", "github.com/opencv/opencv_zoo"
            )
        try:
            self.net = cv2.FaceDetectorYN.create(str(weights), "", (320, 320), threshold, 0.3, 5000)
        except cv2.error as error:
            raise UserError(f"{weights}: not YuNet's ONNX file") from error
        self.weights = weights

    @property
    def facts(self) -> Facts:
        return Facts("MIT", count_parameters(self.weights), self.weights.stat().st_size)

    def faces_of(self, image: np.ndarray) -> list[Face]:
        bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        self.net.setInputSize((bgr.shape[1], bgr.shape[0]))
        try:
            _, rows = self.net.detect(bgr)
        except cv2.error as error:
            raise UserError(f"{self.weights}: not YuNet's ONNX file") from error
        faces = []
        for row in [] if rows is None else rows:
            x, y, width, height = row[:4]
            box = np.array([x, y, x + width, y + height], np.float32)
            faces.append(Face(box, float(row[14]), row[4:14].reshape(5, 2)))
        return faces

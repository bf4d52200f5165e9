"""YOLO detectors trained on faces with five landmarks: YOLO5Face (Qi et al., arXiv 2105.12931) and
the pose models of the ultralytics family (YOLOv8-face and later), as ONNX files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from psface.detect.detectors import no_weights
from psface.detect.face import Face, Facts, OneByOne
from psface.detect.onnx_runtime import best_faces, count_parameters, open_session
from psface.errors import UserError

GREY = 114  # of the border around an image that is not square
SIDE = 640  # px, if the model's input size is dynamic


class YoloFace(OneByOne):
    """Five landmarks; ``weights`` is an ONNX file."""

    def __init__(
        self,
        min_face_size: float = 10,
        weights: Path | None = None,
        threshold: float = 0.5,
        nms: float = 0.45,
    ) -> None:
        if weights is None:
            raise no_weights(
                "yolo-face",
                "yolov8n-face.onnx",
                "github.com/derronqi/yolov8-face or github.com/deepcam-cn/yolov5-face, exported "
                "with the boxes decoded",
            )
        self.min_face_size, self.threshold, self.nms = min_face_size, threshold, nms
        self.weights = weights
        self.session = open_session("yolo-face", weights)
        model_input = self.session.get_inputs()[0]
        self.input = model_input.name
        dynamic = [not isinstance(side, int) for side in model_input.shape[2:]]
        self.size = (SIDE, SIDE) if any(dynamic) else tuple(model_input.shape[2:])

    @property
    def facts(self) -> Facts:
        # The ultralytics family's licence; YOLO5Face's is GPL-3.0.
        size = self.weights.stat().st_size
        return Facts("AGPL-3.0", count_parameters(self.weights), size)

    def faces_of(self, image: np.ndarray) -> list[Face]:
        letterboxed, scale, border = _letterbox(image, self.size)
        batch = letterboxed.transpose(2, 0, 1)[None].astype(np.float32) / 255
        outputs = self.session.run(None, {self.input: batch})
        decoded = _decode(outputs[0]) if outputs else None
        if decoded is None:
            shapes = [list(output.shape) for output in outputs]
            raise UserError(
                f"{self.weights}: outputs {shapes} are not those of a YOLO face detector with "
                "decoded boxes and five landmarks"
            )
        boxes, scores, points = decoded
        return best_faces(
            (boxes - np.tile(border, 2)) / scale,
            scores,
            (points - border) / scale,
            self.threshold,
            self.nms,
            self.min_face_size,
        )


def _letterbox(image: np.ndarray, size: Sequence[int]) -> tuple[np.ndarray, float, np.ndarray]:
    """Return the image scaled into ``size`` (height, width), the scale, and its corner (x, y)."""
    height, width = image.shape[:2]
    scale = min(size[0] / height, size[1] / width)
    inner = max(1, round(width * scale)), max(1, round(height * scale))
    border = np.array([(size[1] - inner[0]) // 2, (size[0] - inner[1]) // 2])
    out = np.full((*size, 3), GREY, np.uint8)
    x, y = border
    out[y : y + inner[1], x : x + inner[0]] = cv2.resize(image, inner)
    return out, scale, border


def _decode(output: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Decode boxes, scores and landmarks of either family; None if the output is neither's."""
    if output.ndim != 3:
        return None
    if output.shape[2] == 16:  # YOLO5Face: centre, size, objectness, five points, class
        rows = output[0]
        scores, points = rows[:, 4] * rows[:, 15], rows[:, 5:15].reshape(-1, 5, 2)
    elif output.shape[1] in (15, 20):  # ultralytics: centre, size, score, five points
        rows = output[0].T
        scores, points = rows[:, 4], rows[:, 5:].reshape(len(rows), 5, -1)[..., :2]
    else:
        return None
    half = rows[:, 2:4] / 2
    return np.concatenate([rows[:, :2] - half, rows[:, :2] + half], axis=1), scores, points

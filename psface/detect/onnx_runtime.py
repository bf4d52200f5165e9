"""Detectors that come as ONNX files: open them, and select faces from their outputs."""

from __future__ import annotations

import importlib
import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from psface.detect.detectors import missing
from psface.detect.face import Face
from psface.errors import UserError


def open_session(name: str, weights: Path | bytes) -> Any:
    """Open an onnxruntime session on a GPU if the installed runtime supports it, else on the CPU.

    Raises
    ------
    UserError
        If onnxruntime is missing or the file is not an ONNX model. None of its content is executed.
    """
    try:
        runtime = importlib.import_module("onnxruntime")
    except ImportError as error:
        raise missing(f"onnxruntime, which {name} needs,") from error
    model, label = (weights, name) if isinstance(weights, bytes) else (str(weights), str(weights))
    try:
        return runtime.InferenceSession(model, providers=runtime.get_available_providers())
    except Exception as error:  # the runtime's own exceptions share no narrower base
        reason = str(error).splitlines()[0]
        raise UserError(f"{label}: not an ONNX model of {name} ({reason})") from error


def count_parameters(weights: Path | bytes) -> int | None:
    """Count a model's parameters; None if the onnx package is not installed."""
    try:
        onnx = importlib.import_module("onnx")
    except ImportError:
        return None
    data = weights if isinstance(weights, bytes) else weights.read_bytes()
    arrays = onnx.load_from_string(data).graph.initializer
    return sum(math.prod(array.dims) for array in arrays)


def best_faces(
    boxes: np.ndarray,
    scores: np.ndarray,
    landmarks: np.ndarray,
    threshold: float,
    nms: float,
    min_face_size: float,
) -> list[Face]:
    """Select faces over the threshold and not too small, by non-maximum suppression.

    ``boxes`` is (n, 4), ``scores`` (n,), ``landmarks`` (n, 5, 2); highest score first.
    """
    sides = boxes[:, 2:] - boxes[:, :2]
    kept = (scores > threshold) & (sides.max(axis=1, initial=0) >= min_face_size)
    boxes, scores, landmarks, sides = boxes[kept], scores[kept], landmarks[kept], sides[kept]
    corners = np.concatenate([boxes[:, :2], sides], axis=1)
    chosen = cv2.dnn.NMSBoxes(corners.tolist(), scores.tolist(), threshold, nms)
    return [
        Face(boxes[i].astype(np.float32), float(scores[i]), landmarks[i].astype(np.float32))
        for i in chosen
    ]

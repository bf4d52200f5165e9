"""MTCNN in torch, with the weights that the ``mtcnn`` package ships.

Zhang et al., "Joint Face Detection and Alignment using Multi-task Cascaded Convolutional
Networks", IEEE SPL 23(10), 2016. Three networks: P-Net proposes boxes on an image pyramid, R-Net
refines them, O-Net refines again and finds five landmarks. The package runs on TensorFlow; this
port needs the package's three weight files alone and follows its arithmetic box for box.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import cv2
import joblib
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from stages.errors import UserError

SCALE_FACTOR = 0.709
CELL, STRIDE = 12, 2  # P-Net's receptive field and step, px of a pyramid level
P_THRESHOLD, R_THRESHOLD, O_THRESHOLD = 0.6, 0.7, 0.8
# Boxes on which the landmarks of a found face are asked for again: scale, and move in sides.
VIEWS = np.array(
    [(scale, 0, 0) for scale in (0.85, 0.9, 0.95, 1, 1.05)]
    + [(1, 0.05, 0), (1, -0.05, 0), (1, 0, 0.05), (1, 0, -0.05)]
)
MIRRORED = [1, 0, 2, 4, 3]  # which landmark each one is in the mirrored face
# The weight files are pickles: only these very bytes are unpickled.
SHA256 = {
    "pnet": "ea6b0c3e685ebee3165326ad6484acc95f2ef78f1c94fbf40a55704fa989f7b5",
    "rnet": "cb00e6460f3c98b0bfafaba3c0a0ded4bdf6e62cee7174d969e8670d7e757fee",
    "onet": "94f6ea2f4cf985275ee958cdd762d17b6009348a4fb9d8c6be39ba73ffd22ca3",
}

Weights = Iterator[np.ndarray]  # of one network, in the order of its layers
Layer = TypeVar("Layer", bound=nn.Module)


@dataclass(frozen=True)
class Face:
    """One detected face, in pixels of the image (x right, y down).

    Attributes
    ----------
    box : (4,) float32
        x1, y1, x2, y2.
    score : float
        Probability of being a face.
    landmarks : (5, 2) float32
        In the order of `stages.session.LANDMARKS`.
    """

    box: np.ndarray
    score: float
    landmarks: np.ndarray


class MTCNN:
    """The cascade, on the CPU, for faces of at least ``min_face_size`` pixels."""

    def __init__(self, min_face_size: int) -> None:
        self.min_face_size = min_face_size
        weights = {name: _load_weights(name) for name in SHA256}
        networks = (_pnet(weights["pnet"]), _rnet(weights["rnet"]), _onet(weights["onet"]))
        # Pooling takes a tenth of the time on the CPU.
        self.pnet, self.rnet, self.onet = (_channels_last(network) for network in networks)

    @torch.inference_mode()
    def detect(self, image: np.ndarray) -> list[Face]:
        """Faces of a grey image, the surest first.

        Parameters
        ----------
        image : (H, W) float32 in [0, 1]
        """
        normalised = _normalised(image)
        boxes, scores = self._propose(normalised)
        if not len(boxes):
            return []
        boxes = _square(boxes)

        regression, probability = _heads(self.rnet(_patches(normalised, boxes, 24)), 2)
        boxes, scores = _shift(boxes, regression), probability
        kept = scores > R_THRESHOLD
        boxes, scores = _suppress(boxes[kept], scores[kept], 0.7)
        if not len(boxes):
            return []
        boxes = _square(boxes)

        output = self.onet(_patches(normalised, boxes, 48))
        points = _points(output, boxes)
        regression, scores = _heads(torch.cat([output[:, :4], output[:, 14:]], dim=1), 2)
        boxes = _shift(boxes, regression)
        kept = scores > O_THRESHOLD
        rows, scores = _suppress(
            torch.cat([boxes, points.flatten(1)], dim=1)[kept], scores[kept], 0.7, by_smaller=True
        )
        return [
            Face(row[:4], float(score), row[4:].reshape(5, 2))
            for row, score in zip(rows.numpy(), scores.numpy(), strict=True)
        ]

    @torch.inference_mode()
    def landmarks(self, images: Sequence[np.ndarray], box: np.ndarray) -> np.ndarray:
        """The five landmarks of one face that stands still in several images.

        The median of what O-Net says of each image on `VIEWS` of the box, each mirrored as well:
        steadier than one detection, whose landmarks move with the light and with the box.

        Parameters
        ----------
        images : sequence of (H, W) float32 in [0, 1]
        box : (4,)
            x1, y1, x2, y2, as `detect` gives it.

        Returns
        -------
        (5, 2) float32
        """
        centre, side = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]).max()
        scale, move = VIEWS[:, :1], VIEWS[:, 1:]
        low = centre + side * (move - scale / 2)
        boxes = torch.from_numpy(np.concatenate([low, low + side * scale], axis=1)).float()
        patches = torch.cat([_patches(_normalised(image), boxes, 48) for image in images])
        boxes = boxes.repeat(len(images), 1)
        straight = _points(self.onet(patches), boxes)
        turned = _points(self.onet(patches.flip(3)), boxes)[:, MIRRORED]
        # Boxes count from the image's edge, landmarks from the middle of its first pixel.
        turned[..., 0] = boxes[:, :1] + boxes[:, 2:3] - 1 - turned[..., 0]
        return np.median(torch.cat([straight, turned]).numpy(), axis=0)

    def _propose(self, image: np.ndarray) -> tuple[Tensor, Tensor]:
        boxes, scores = [torch.empty(0, 4)], [torch.empty(0)]
        scale = CELL / self.min_face_size
        height, width = image.shape
        while min(int(height * scale), int(width * scale)) >= CELL:
            size = int(width * scale), int(height * scale)
            level = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
            found, probability = self._propose_level(torch.from_numpy(level))
            found, probability = _suppress(found / scale, probability, 0.5)
            boxes.append(found)
            scores.append(probability)
            scale *= SCALE_FACTOR
        return _suppress(torch.cat(boxes), torch.cat(scores), 0.7)

    def _propose_level(self, level: Tensor) -> tuple[Tensor, Tensor]:
        output = self.pnet(level.expand(1, 3, -1, -1))
        regression, probability = _heads(output, 2)
        row, column = torch.nonzero(probability[0] > P_THRESHOLD, as_tuple=True)
        corner = torch.stack([column, row], dim=1).float() * STRIDE + 1
        boxes = torch.cat([corner, corner + CELL - 1], dim=1)
        boxes = boxes + regression[0, :, row, column].T * (CELL - 1)
        return boxes, probability[0, row, column]


def _normalised(image: np.ndarray) -> np.ndarray:
    return ((image.astype(np.float32) * 255) - 127.5) / 128


def _points(output: Tensor, boxes: Tensor) -> Tensor:
    """O-Net's landmarks, (n, 5, 2) in pixels of the image."""
    shares = output[:, 4:14].reshape(-1, 2, 5).transpose(1, 2)  # five x, then five y
    size = boxes[:, 2:] - boxes[:, :2] + 1
    return shares * size[:, None] + boxes[:, None, :2] - 1


def _heads(output: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """Split a network's output into box regression and face probability."""
    return output[:, :4], output[:, -classes:].softmax(dim=1)[:, 1]


def _square(boxes: Tensor) -> Tensor:
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]).amax(dim=1, keepdim=True) / 2
    return torch.cat([centre - half, centre + half], dim=1)


def _shift(boxes: Tensor, regression: Tensor) -> Tensor:
    size = boxes[:, 2:] - boxes[:, :2] + 1
    return boxes + regression * size.repeat(1, 2)


def _suppress(
    rows: Tensor, scores: Tensor, threshold: float, by_smaller: bool = False
) -> tuple[Tensor, Tensor]:
    """Non-maximum suppression as the package does it, sorted by score.

    Not greedy: a box goes if any box of higher score overlaps it, even one that goes itself.
    ``rows`` begin with a box; ``by_smaller`` divides the overlap by the smaller of the two areas
    in place of their union.
    """
    order = scores.argsort(descending=True, stable=True)
    rows, scores = rows[order], scores[order]
    low, high = rows[:, :2], rows[:, 2:4]
    area = (high - low).prod(dim=1)
    overlap = torch.minimum(high[:, None], high) - torch.maximum(low[:, None], low)
    shared = overlap.clamp(min=0).prod(dim=2)
    whole = torch.minimum(area[:, None], area) if by_smaller else area[:, None] + area - shared
    suppressed = (shared / whole > threshold).triu(diagonal=1).any(dim=0)
    return rows[~suppressed], scores[~suppressed]


def _patches(image: np.ndarray, boxes: Tensor, size: int) -> Tensor:
    """Boxes cut out and scaled to (n, 3, size, size); zero outside the image."""
    height, width = image.shape
    limits = torch.tensor([width, height], dtype=torch.float32)
    steps = torch.linspace(0, 1, size)
    # The package gives boxes as a share of the image but samples on pixel centres, hence L - 1.
    first = boxes[:, :2] / limits * (limits - 1)
    last = boxes[:, 2:] / limits * (limits - 1)
    x = first[:, :1] + (last - first)[:, :1] * steps
    y = first[:, 1:] + (last - first)[:, 1:] * steps
    grid = torch.stack(
        [
            (x / (width - 1) * 2 - 1)[:, None, :].expand(-1, size, -1),
            (y / (height - 1) * 2 - 1)[:, :, None].expand(-1, -1, size),
        ],
        dim=-1,
    )
    source = torch.from_numpy(image).expand(len(boxes), 1, -1, -1)
    sampled = functional.grid_sample(source, grid, align_corners=True, padding_mode="border")
    inside = (grid.abs() <= 1).all(dim=-1)
    return (sampled * inside[:, None]).expand(-1, 3, -1, -1)


def _load_weights(name: str) -> list[np.ndarray]:
    spec = importlib.util.find_spec("mtcnn")  # found, not imported: importing wants TensorFlow
    if spec is None or spec.origin is None:
        raise UserError("the mtcnn package is not installed; run `make setup`")
    path = Path(spec.origin).parent / "assets" / "weights" / f"{name}.lz4"
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != SHA256[name]:
        raise UserError(f"{path}: not the weights of mtcnn 1.0.0; run `make setup`")
    return joblib.load(io.BytesIO(data))


def _pnet(weights: list[np.ndarray]) -> nn.Module:
    w = iter(weights)
    trunk = nn.Sequential(
        _conv(w), _prelu(w), nn.MaxPool2d(2, 2, ceil_mode=True), _conv(w), _prelu(w), _conv(w),
        _prelu(w),
    )  # fmt: skip
    return nn.Sequential(trunk, _Fork(_conv(w), _conv(w))).eval()


def _rnet(weights: list[np.ndarray]) -> nn.Module:
    w = iter(weights)
    trunk = nn.Sequential(
        _conv(w), _prelu(w), nn.MaxPool2d(3, 2, ceil_mode=True),
        _conv(w), _prelu(w), nn.MaxPool2d(3, 2),
        _conv(w), _prelu(w), nn.Flatten(), _dense_after_flatten(w), _prelu(w),
    )  # fmt: skip
    return nn.Sequential(trunk, _Fork(_dense(w), _dense(w))).eval()


def _onet(weights: list[np.ndarray]) -> nn.Module:
    w = iter(weights)
    trunk = nn.Sequential(
        _conv(w), _prelu(w), nn.MaxPool2d(3, 2, ceil_mode=True),
        _conv(w), _prelu(w), nn.MaxPool2d(3, 2),
        _conv(w), _prelu(w), nn.MaxPool2d(2, 2, ceil_mode=True),
        _conv(w), _prelu(w), nn.Flatten(), _dense_after_flatten(w), _prelu(w),
    )  # fmt: skip
    return nn.Sequential(trunk, _Fork(_dense(w), _dense(w), _dense(w))).eval()


class _Fork(nn.Module):
    """Several heads on one trunk, their outputs side by side."""

    def __init__(self, *heads: nn.Module) -> None:
        super().__init__()
        self.heads = nn.ModuleList(heads)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([head(x) for head in self.heads], dim=1)


def _conv(w: Weights) -> nn.Conv2d:
    kernel, bias = next(w), next(w)
    high, _, inputs, outputs = kernel.shape
    layer = nn.Conv2d(inputs, outputs, high)
    return _filled(layer, kernel.transpose(3, 2, 0, 1), bias)


def _dense(w: Weights) -> nn.Linear:
    kernel, bias = next(w), next(w)
    return _filled(nn.Linear(*kernel.shape), kernel.T, bias)


def _dense_after_flatten(w: Weights) -> nn.Linear:
    """Keras flattened (W, H, C) of a 3x3 map; torch flattens (C, H, W)."""
    kernel, bias = next(w), next(w)
    inputs, outputs = kernel.shape
    reordered = kernel.reshape(3, 3, inputs // 9, outputs).transpose(3, 2, 1, 0)
    return _filled(nn.Linear(inputs, outputs), reordered.reshape(outputs, -1), bias)


def _prelu(w: Weights) -> nn.PReLU:
    slope = next(w).reshape(-1)
    return _filled(nn.PReLU(len(slope)), slope)


def _channels_last(network: nn.Module) -> nn.Module:
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _filled(layer: Layer, weight: np.ndarray, bias: np.ndarray | None = None) -> Layer:
    state = {"weight": torch.from_numpy(np.ascontiguousarray(weight, dtype=np.float32))}
    if bias is not None:
        state["bias"] = torch.from_numpy(bias.astype(np.float32))
    layer.load_state_dict(state)
    return layer

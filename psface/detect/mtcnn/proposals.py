"""P-Net over an image pyramid."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache

import cv2
import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor
from torch.nn import functional

from psface.detect.mtcnn.boxes import suppress
from psface.detect.mtcnn.inference import for_inference
from psface.detect.mtcnn.networks import CENTRE, SIDES, SPREAD, Cascaded

CELL, STRIDE = SIDES["pnet"], 2  # P-Net's window and its step, px of a pyramid level
LEVEL_NMS = 0.5
# P-Net processes levels in strips of about this many pixels: its widest layer then fits the
# processor's cache, and memory is bounded for any size of picture.
STRIP_PIXELS = {"cpu": 45_000, "cuda": 8_000_000}


def scales(shape: Sequence[int], min_face_size: float, factor: float) -> Iterator[float]:
    """Yield the scales of the pyramid of an image (H, W, ...); in the first level, a face of
    ``min_face_size`` fills a cell."""
    scale = CELL / min_face_size
    while min(int(shape[0] * scale), int(shape[1] * scale)) >= CELL:
        yield scale
        scale *= factor


def level(image: np.ndarray, scale: float) -> np.ndarray:
    """Return a pyramid level (h, w, C): each pixel the mean over its area of ``image`` (H, W, C).

    Made from the image itself: shrinking step by step would move some faces by several pixels.
    """
    height, width, channels = image.shape
    size = int(width * scale), int(height * scale)
    if scale < 1 and image.dtype == np.float32:
        # OpenCV shrinks all rows before it adds them up; the reverse order is less work.
        rows = _areas(height, size[1]) @ image.reshape(height, -1)
        image = rows.reshape(-1, width, channels)
    out = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return out.reshape(size[1], size[0], channels)


@lru_cache(maxsize=256)
def _areas(length: int, shrunk: int) -> csr_array:
    """Share of each row of an image in each row of the shrunk image, (shrunk, length)."""
    edges = np.arange(shrunk + 1) * (length / shrunk)
    low, high = edges[:-1, None], edges[1:, None]
    # The rows that a shrunk row can reach; the last may be beyond the image.
    reach = np.arange(int(np.ceil(length / shrunk)) + 1)
    rows = np.floor(low).astype(np.int64) + reach
    shared = np.clip(np.minimum(high, rows + 1) - np.maximum(low, rows), 0, None)
    shared[rows >= length] = 0
    index = np.broadcast_to(np.arange(shrunk)[:, None], rows.shape), np.minimum(rows, length - 1)
    weights = (shared * (shrunk / length)).astype(np.float32)
    return csr_array((weights.ravel(), (index[0].ravel(), index[1].ravel())), (shrunk, length))


class Proposals:
    """P-Net on every window of images; ``threshold`` is on the probability of a face."""

    def __init__(self, network: Cascaded, threshold: float, device: torch.device) -> None:
        network = for_inference(network, device)
        self.trunk, heads = network.trunk, network.heads
        # The input is raw pixels: the first layer normalises them.
        first = self.trunk[0].get_parameter("weight").div_(SPREAD)
        self.trunk[0].get_parameter("bias").sub_(CENTRE * first.sum(dim=(1, 2, 3)))
        # Only the difference between the two classes matters.
        weight, bias = (heads["score"].get_parameter(name) for name in ("weight", "bias"))
        self.weight, self.bias = (weight[1:] - weight[:1]).flatten(1), bias[1] - bias[0]
        self.box_weight = heads["box"].get_parameter("weight").flatten(1)
        self.box_bias = heads["box"].get_parameter("bias")
        self.logit = math.log(threshold / (1 - threshold))
        self.device = device

    @torch.inference_mode()
    def __call__(
        self, images: list[np.ndarray], scale: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Find the candidates in one level of images (H, W, C) of one size and type.

        Returns
        -------
        image, boxes, scores : (n,) int64, (n, 4) float32, (n,) float32
            Boxes are in pixels of the images; scores are logits.
        """
        owner, boxes, scores = self._level(np.stack([level(image, scale) for image in images]))
        kept = [np.empty(0, np.int64)]
        for number in range(len(images)):
            rows = np.flatnonzero(owner == number)
            kept.append(rows[suppress(boxes[rows], scores[rows], LEVEL_NMS)])
        chosen = np.concatenate(kept)
        return owner[chosen], boxes[chosen] / np.float32(scale), scores[chosen]

    def _level(self, levels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Find the candidates in levels (B, h, w, C), in pixels of the level."""
        count, height, width, _ = levels.shape
        strip = max(1, STRIP_PIXELS[self.device.type] // (count * width * STRIDE))
        rows = -(-(height - 2) // STRIDE) - 4  # of P-Net's output
        parts = []
        for top in range(0, rows, strip):
            bottom = min(top + strip, rows)
            part = levels[:, STRIDE * top : STRIDE * (bottom - 1) + CELL]
            outputs = self._strip(torch.from_numpy(part).to(self.device))
            owner, row, column, score, box = (output.cpu().numpy() for output in outputs)
            corner = np.stack([column, row + top], axis=1).astype(np.float32) * STRIDE + 1
            boxes = np.concatenate([corner, corner + CELL - 1], axis=1) + box * (CELL - 1)
            parts.append((owner, boxes, score))
        owner, boxes, scores = (np.concatenate(p) for p in zip(*parts, strict=True))
        return owner, boxes, scores

    def _strip(self, x: Tensor) -> tuple[Tensor, ...]:
        x = x.float().expand(-1, -1, -1, 3).permute(0, 3, 1, 2)
        x = self.trunk(x.contiguous(memory_format=torch.channels_last)).permute(0, 2, 3, 1)
        logits = functional.linear(x, self.weight).squeeze(-1) + self.bias
        # Boxes are computed only where there are faces.
        owner, row, column = torch.nonzero(logits > self.logit, as_tuple=True)
        box = functional.linear(x[owner, row, column], self.box_weight, self.box_bias)
        return owner, row, column, logits[owner, row, column], box

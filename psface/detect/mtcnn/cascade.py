"""MTCNN in torch: P-Net proposes boxes on an image pyramid, R-Net refines them, O-Net refines them
again and finds five landmarks.

Zhang et al., "Joint Face Detection and Alignment using Multi-task Cascaded Convolutional
Networks", IEEE SPL 23(10), 2016. The default weights are those of the ``mtcnn`` package, whose
results on TensorFlow this reproduces box for box.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
import torch
from torch import Tensor

from psface.detect.face import MIRRORED, Face, Facts, as_arrays, pixels
from psface.detect.mtcnn.boxes import shift, square, suppress
from psface.detect.mtcnn.inference import for_inference
from psface.detect.mtcnn.networks import SIDES, Networks, load_networks
from psface.detect.mtcnn.proposals import Proposals, scales
from psface.detect.mtcnn.windows import cut
from psface.errors import UserError
from psface.threads import map_in_threads

NMS = 0.7
# Images of one size are batched, up to about this many pixels.
BATCH_PIXELS = {"cpu": 500_000, "cuda": 16_000_000}
# Larger images are scaled in 8 bits to save memory; the rounding moves a box by a pixel or so.
EXACT_PIXELS = 16_000_000
# Per batch of R-Net and O-Net; few on the CPU, so that every core gets some.
WINDOWS = {"cpu": 32, "cuda": 4096}
# Boxes on which a face's landmarks are estimated again: scale, and offset in sides. More boxes
# scatter no less.
VIEWS = np.array([(0.9, 0.05, 0), (0.9, -0.05, 0), (0.9, 0, 0.05), (0.9, 0, -0.05)])
REFINEMENTS = 3  # of another detector's box

Item = TypeVar("Item")
Result = TypeVar("Result")


@contextmanager
def _exact() -> Iterator[None]:
    """Run without gradients and, on a GPU, in full float32: TF32, torch's default for
    convolutions, moves boxes by most of a pixel."""
    with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        yield


@dataclass
class _Batch:
    """Images of one size and type, processed together, and the windows still under consideration.

    ``owner`` (n,) is the index of the image that each of ``boxes`` (n, 4) is in.
    """

    numbers: list[int]
    images: list[np.ndarray]
    pixels: Tensor
    owner: np.ndarray
    boxes: np.ndarray


class MTCNN:
    """The MTCNN cascade.

    Parameters
    ----------
    min_face_size : float
        Pixels; smaller faces are not searched for. Time goes with its inverse square.
    thresholds : (float, float, float)
        Probabilities at which P-Net, R-Net and O-Net pass a window on.
    scale_factor : float
        Between levels of the pyramid, under 1.
    weights : Path, Networks or None
        A safetensors file from `psface train-detector`, or the networks themselves; by default the
        ``mtcnn`` package's.
    device : str
        ``cpu`` or ``cuda``.

    Raises
    ------
    UserError
        If one of these is invalid.
    """

    def __init__(
        self,
        min_face_size: float = 20,
        thresholds: tuple[float, float, float] = (0.6, 0.7, 0.8),
        scale_factor: float = 0.709,
        weights: Path | Networks | None = None,
        device: str = "cpu",
    ) -> None:
        if not min_face_size > 0:
            raise UserError(f"min_face_size={min_face_size}: give a number of pixels over 0")
        if not 0 < scale_factor < 1:
            raise UserError(f"scale_factor={scale_factor}: must be between 0 and 1 for mtcnn")
        if not all(0 < threshold < 1 for threshold in thresholds):
            raise UserError(f"thresholds={thresholds}: each must be between 0 and 1")
        if device != "cpu" and not torch.cuda.is_available():
            raise UserError(f"device={device}: no GPU that torch can use")
        self.min_face_size, self.thresholds = min_face_size, thresholds
        self.scale_factor, self.device = scale_factor, torch.device(device)
        networks = weights if isinstance(weights, Networks) else load_networks(weights)
        self.parameters = sum(parameter.numel() for parameter in networks.parameters())
        self.propose = Proposals(networks.pnet, thresholds[0], self.device)
        self.rnet, self.onet = (
            for_inference(network, self.device) for network in (networks.rnet, networks.onet)
        )

    @property
    def facts(self) -> Facts:
        return Facts("MIT", self.parameters, 4 * self.parameters)

    @_exact()
    def detect(self, images: Sequence[np.ndarray]) -> list[list[Face]]:
        """Detect the faces of each image, highest score first; see `psface.detect.face.Detector`.

        Images of one size and type are batched together.
        """
        images = as_arrays(images)
        batches = self._windows(images, "onet")
        out: list[list[Face]] = [[] for _ in images]
        for batch, outputs in zip(batches, self._run("onet", batches), strict=True):
            points = _points(outputs["landmarks"], batch.boxes)
            boxes, scores = shift(batch.boxes, outputs["box"]), outputs["score"]
            kept = _best(batch.owner, boxes, scores, self.thresholds[2], by_smaller=True)
            for row in kept:
                face = Face(boxes[row], float(scores[row]), points[row])
                out[batch.numbers[batch.owner[row]]].append(face)
        return out

    @_exact()
    def windows(
        self, images: Sequence[np.ndarray], network: Literal["rnet", "onet"]
    ) -> list[np.ndarray]:
        """Return the squares (n, 4) of each image that the network would see."""
        out = [np.empty((0, 4), np.float32) for _ in images]
        for batch in self._windows(images, network):
            for index, number in enumerate(batch.numbers):
                out[number] = batch.boxes[batch.owner == index]
        return out

    def _windows(
        self, images: Sequence[np.ndarray], network: Literal["rnet", "onet"]
    ) -> list[_Batch]:
        batches = self._batches([pixels(image) for image in images])
        self._propose(batches)
        if network == "rnet":
            return batches
        for batch, outputs in zip(batches, self._run("rnet", batches), strict=True):
            boxes = shift(batch.boxes, outputs["box"])
            kept = _best(batch.owner, boxes, outputs["score"], self.thresholds[1])
            batch.owner, batch.boxes = batch.owner[kept], square(boxes[kept])
        return batches

    def _batches(self, images: Sequence[np.ndarray]) -> list[_Batch]:
        by_shape: dict[tuple[object, ...], list[int]] = {}
        for number, image in enumerate(images):
            by_shape.setdefault((image.shape, image.dtype), []).append(number)
        batches = []
        for numbers in by_shape.values():
            height, width, _ = images[numbers[0]].shape
            step = max(1, BATCH_PIXELS[self.device.type] // (height * width))
            for start in range(0, len(numbers), step):
                chosen = numbers[start : start + step]
                stack = np.stack([images[number] for number in chosen])
                exact = height * width <= EXACT_PIXELS
                arrays = list(stack.astype(np.float32) if exact else stack)
                empty = np.empty(0, np.int64), np.empty((0, 4), np.float32)
                stacked = torch.from_numpy(stack).to(self.device)
                batches.append(_Batch(chosen, arrays, stacked, *empty))
        return batches

    def _propose(self, batches: list[_Batch]) -> None:
        """Set each batch's windows to those that P-Net proposes."""
        levels = [
            (batch, scale)
            for batch in batches
            for scale in scales(batch.pixels.shape[1:], self.min_face_size, self.scale_factor)
        ]
        proposals = self._map(lambda task: self.propose(task[0].images, task[1]), levels)
        of_batch: dict[int, list[tuple[np.ndarray, ...]]] = {}
        for (batch, _), candidates in zip(levels, proposals, strict=True):
            of_batch.setdefault(id(batch), []).append(candidates)
        for batch in batches:
            if parts := of_batch.get(id(batch)):
                owner, boxes, scores = (np.concatenate(part) for part in zip(*parts, strict=True))
                kept = _best(owner, boxes, scores)
                batch.owner, batch.boxes = owner[kept], square(boxes[kept])

    def _run(
        self, name: Literal["rnet", "onet"], batches: list[_Batch]
    ) -> Iterator[dict[str, np.ndarray]]:
        """Yield a network's outputs on each batch's windows, the score as a probability."""
        network = self.rnet if name == "rnet" else self.onet
        at_once = WINDOWS[self.device.type]
        starts = [range(0, max(len(batch.boxes), 1), at_once) for batch in batches]
        tasks = [
            (batch, slice(start, start + at_once))
            for batch, offsets in zip(batches, starts, strict=True)
            for start in offsets
        ]

        def run(task: tuple[_Batch, slice]) -> dict[str, np.ndarray]:
            batch, part = task
            out = network(cut(batch.pixels, batch.owner[part], batch.boxes[part], SIDES[name]))
            out["score"] = out["score"].softmax(dim=1)[:, 1]
            return {name: value.cpu().numpy() for name, value in out.items()}

        outputs = iter(self._map(run, tasks))
        for offsets in starts:
            parts = [next(outputs) for _ in offsets]
            yield {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """Apply ``function`` to every item; on the CPU in threads of our own: layers this small
        gain almost nothing from torch's, and the last digits would depend on their number."""

        def work(item: Item) -> Result:
            with torch.inference_mode():
                return function(item)

        return list(map_in_threads(work, items) if self.device.type == "cpu" else map(work, items))

    @_exact()
    def refine(self, image: np.ndarray, box: np.ndarray) -> np.ndarray:
        """Return the box (4,) that O-Net would give a face, from a rough box around it."""
        stack = torch.from_numpy(pixels(image)[None]).to(self.device)
        rough = box[None].astype(np.float32)
        for _ in range(REFINEMENTS):
            rough = square(rough)
            window = cut(stack, np.zeros(1, np.int64), rough, SIDES["onet"])
            [out] = self._map(self.onet, [window])
            rough = shift(rough, out["box"].cpu().numpy())
        return rough[0]

    @_exact()
    def landmarks(self, images: Sequence[np.ndarray], box: np.ndarray) -> np.ndarray:
        """Estimate the five landmarks of one face that does not move between several images.

        The median of O-Net's estimates over all images and `VIEWS` of the box, plain and mirrored:
        steadier than one detection, whose landmarks vary with the light and the box.

        Parameters
        ----------
        images : sequence of images of one size
            As for `psface.detect.face.pixels`.
        box : (4,)
            x1, y1, x2, y2, as from `detect`.

        Returns
        -------
        (5, 2) float32
        """
        centre, side = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]).max()
        scale, move = VIEWS[:, :1], VIEWS[:, 1:]
        low = centre + side * (move - scale / 2)
        boxes = np.concatenate([low, low + side * scale], axis=1).astype(np.float32)
        stack = torch.from_numpy(np.stack([pixels(image) for image in images])).to(self.device)
        owner = np.repeat(np.arange(len(images)), len(VIEWS))
        boxes = np.tile(boxes, (len(images), 1))
        windows = cut(stack, owner, boxes, SIDES["onet"])
        # Few at once: their largest layer then fits the processor's cache.
        both = torch.cat([windows, windows.flip(3)]).split(WINDOWS[self.device.type] // 2)
        outputs = self._map(self.onet, both)
        shares = torch.cat([out["landmarks"] for out in outputs]).cpu().numpy()
        plain, mirrored = (_points(half, boxes) for half in np.split(shares, 2))
        mirrored = mirrored[:, MIRRORED]
        # Boxes count from the image's edge, landmarks from the centre of its first pixel.
        mirrored[..., 0] = boxes[:, :1] + boxes[:, 2:3] - 1 - mirrored[..., 0]
        return np.median(np.concatenate([plain, mirrored]), axis=0)


def _best(
    owner: np.ndarray,
    boxes: np.ndarray,
    scores: np.ndarray,
    threshold: float = -np.inf,
    by_smaller: bool = False,
) -> np.ndarray:
    """Rows that score over the threshold and survive non-maximum suppression in their image."""
    kept = [np.empty(0, np.int64)]
    for image in np.unique(owner):
        rows = np.flatnonzero((owner == image) & (scores > threshold))
        kept.append(rows[suppress(boxes[rows], scores[rows], NMS, by_smaller)])
    return np.concatenate(kept)


def _points(shares: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """O-Net's landmarks, (n, 5, 2) in pixels of the image."""
    shares = shares.reshape(-1, 2, 5).transpose(0, 2, 1)  # five x, then five y
    size = boxes[:, 2:] - boxes[:, :2] + 1
    return shares * size[:, None] + boxes[:, None, :2] - 1

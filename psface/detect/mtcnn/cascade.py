"""MTCNN in torch: P-Net proposes boxes on an image pyramid, R-Net refines them, O-Net refines them
again and finds five landmarks.

Zhang et al., "Joint Face Detection and Alignment using Multi-task Cascaded Convolutional
Networks", IEEE SPL 23(10), 2016. By default with the weights that the ``mtcnn`` package ships,
whose arithmetic on TensorFlow this follows box for box.
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
# Images of one size go through together, as many as have about this many pixels.
BATCH_PIXELS = {"cpu": 500_000, "cuda": 16_000_000}
# Larger ones are scaled in 8 bits, whose rounding moves a box by a pixel or so, to save memory.
EXACT_PIXELS = 16_000_000
# That R-Net and O-Net see at a time; few on the CPU, for all its cores to have some.
WINDOWS = {"cpu": 32, "cuda": 4096}
# Boxes on which the landmarks of a found face are asked for again: scale, and move in sides.
VIEWS = np.array(
    [(scale, 0, 0) for scale in (0.85, 0.9, 0.95, 1, 1.05)]
    + [(1, 0.05, 0), (1, -0.05, 0), (1, 0, 0.05), (1, 0, -0.05)]
)
REFINEMENTS = 3  # of another detector's box

Item = TypeVar("Item")
Result = TypeVar("Result")


@contextmanager
def _exact() -> Iterator[None]:
    """Without gradients, and on a GPU with all bits of float32: with fewer, which are torch's
    default for convolutions, boxes move by most of a pixel."""
    with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        yield


@dataclass
class _Batch:
    """Images of one size and type that go through together, and the windows still in the running.

    ``owner`` (n,) says which of the images each of ``boxes`` (n, 4) lies in.
    """

    numbers: list[int]
    images: list[np.ndarray]
    pixels: Tensor
    owner: np.ndarray
    boxes: np.ndarray


class MTCNN:
    """The cascade.

    Parameters
    ----------
    min_face_size : float
        Pixels: smaller faces are not looked for. Time goes with its inverse square.
    thresholds : (float, float, float)
        Probabilities at which P-Net, R-Net and O-Net pass a window on.
    scale_factor : float
        Between levels of the pyramid, under 1.
    weights : Path, Networks or None
        A safetensors file of one's own training, or the networks themselves; by default the
        ``mtcnn`` package's.
    device : str
        ``cpu`` or ``cuda``.

    Raises
    ------
    UserError
        If one of these cannot be.
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
            raise UserError(f"scale_factor={scale_factor}: mtcnn's lies between 0 and 1")
        if not all(0 < threshold < 1 for threshold in thresholds):
            raise UserError(f"thresholds={thresholds}: each lies between 0 and 1")
        if device != "cpu" and not torch.cuda.is_available():
            raise UserError(f"device={device}: there is no GPU that torch can use here")
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
        """The faces of each image, the surest first; see `psface.detect.face.Detector`.

        Images of one size and type share the networks' batches.
        """
        images = as_arrays(images)
        batches = self._windows(images, "onet")
        out: list[list[Face]] = [[] for _ in images]
        for batch, found in zip(batches, self._run("onet", batches), strict=True):
            points = _points(found["landmarks"], batch.boxes)
            boxes, scores = shift(batch.boxes, found["box"]), found["score"]
            left = _best(batch.owner, boxes, scores, self.thresholds[2], by_smaller=True)
            for row in left:
                face = Face(boxes[row], float(scores[row]), points[row])
                out[batch.numbers[batch.owner[row]]].append(face)
        return out

    @_exact()
    def windows(
        self, images: Sequence[np.ndarray], network: Literal["rnet", "onet"]
    ) -> list[np.ndarray]:
        """The squares (n, 4) that the network would be shown of each image."""
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
        for batch, found in zip(batches, self._run("rnet", batches), strict=True):
            boxes = shift(batch.boxes, found["box"])
            left = _best(batch.owner, boxes, found["score"], self.thresholds[1])
            batch.owner, batch.boxes = batch.owner[left], square(boxes[left])
        return batches

    def _batches(self, images: Sequence[np.ndarray]) -> list[_Batch]:
        alike: dict[tuple[object, ...], list[int]] = {}
        for number, image in enumerate(images):
            alike.setdefault((image.shape, image.dtype), []).append(number)
        batches = []
        for numbers in alike.values():
            height, width, _ = images[numbers[0]].shape
            step = max(1, BATCH_PIXELS[self.device.type] // (height * width))
            for start in range(0, len(numbers), step):
                chosen = numbers[start : start + step]
                stack = np.stack([images[number] for number in chosen])
                exact = height * width <= EXACT_PIXELS
                given = list(stack.astype(np.float32) if exact else stack)
                none = np.empty(0, np.int64), np.empty((0, 4), np.float32)
                stacked = torch.from_numpy(stack).to(self.device)
                batches.append(_Batch(chosen, given, stacked, *none))
        return batches

    def _propose(self, batches: list[_Batch]) -> None:
        """Give each batch P-Net's windows."""
        levels = [
            (batch, scale)
            for batch in batches
            for scale in scales(batch.pixels.shape[1:], self.min_face_size, self.scale_factor)
        ]
        found = self._map(lambda task: self.propose(task[0].images, task[1]), levels)
        of_batch: dict[int, list[tuple[np.ndarray, ...]]] = {}
        for (batch, _), candidates in zip(levels, found, strict=True):
            of_batch.setdefault(id(batch), []).append(candidates)
        for batch in batches:
            if parts := of_batch.get(id(batch)):
                owner, boxes, scores = (np.concatenate(part) for part in zip(*parts, strict=True))
                left = _best(owner, boxes, scores)
                batch.owner, batch.boxes = owner[left], square(boxes[left])

    def _run(
        self, name: Literal["rnet", "onet"], batches: list[_Batch]
    ) -> Iterator[dict[str, np.ndarray]]:
        """A network's outputs on each batch's windows, the score as a probability."""
        network = self.rnet if name == "rnet" else self.onet
        at_once = WINDOWS[self.device.type]
        starts = [range(0, max(len(batch.boxes), 1), at_once) for batch in batches]
        tasks = [
            (batch, slice(start, start + at_once))
            for batch, own in zip(batches, starts, strict=True)
            for start in own
        ]

        def run(task: tuple[_Batch, slice]) -> dict[str, np.ndarray]:
            batch, part = task
            out = network(cut(batch.pixels, batch.owner[part], batch.boxes[part], SIDES[name]))
            out["score"] = out["score"].softmax(dim=1)[:, 1]
            return {name: value.cpu().numpy() for name, value in out.items()}

        found = iter(self._map(run, tasks))
        for own in starts:
            parts = [next(found) for _ in own]
            yield {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """``function`` of every item; on the CPU on threads of ours, since layers as small as
        these gain next to nothing from torch's."""

        def work(item: Item) -> Result:
            with torch.inference_mode():
                return function(item)

        return list(map_in_threads(work, items) if self.device.type == "cpu" else map(work, items))

    @_exact()
    def refine(self, image: np.ndarray, box: np.ndarray) -> np.ndarray:
        """The box (4,) that O-Net would have about a face, from some box about it."""
        stack = torch.from_numpy(pixels(image)[None]).to(self.device)
        rough = box[None].astype(np.float32)
        for _ in range(REFINEMENTS):
            rough = square(rough)
            shares = self.onet(cut(stack, np.zeros(1, np.int64), rough, SIDES["onet"]))["box"]
            rough = shift(rough, shares.cpu().numpy())
        return rough[0]

    @_exact()
    def landmarks(self, images: Sequence[np.ndarray], box: np.ndarray) -> np.ndarray:
        """The five landmarks of one face that stands still in several images.

        The median of what O-Net says of each image on `VIEWS` of the box, each mirrored as well:
        steadier than one detection, whose landmarks move with the light and with the box.

        Parameters
        ----------
        images : sequence of images of one size
            As `psface.detect.face.pixels` takes them.
        box : (4,)
            x1, y1, x2, y2, as `detect` gives it.

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
        straight, turned = (
            _points(self.onet(seen)["landmarks"].cpu().numpy(), boxes)
            for seen in (windows, windows.flip(3))
        )
        turned = turned[:, MIRRORED]
        # Boxes count from the image's edge, landmarks from the middle of its first pixel.
        turned[..., 0] = boxes[:, :1] + boxes[:, 2:3] - 1 - turned[..., 0]
        return np.median(np.concatenate([straight, turned]), axis=0)


def _best(
    owner: np.ndarray,
    boxes: np.ndarray,
    scores: np.ndarray,
    threshold: float = -np.inf,
    by_smaller: bool = False,
) -> np.ndarray:
    """Rows that score over the threshold and survive non-maximum suppression in their image."""
    left = [np.empty(0, np.int64)]
    for image in np.unique(owner):
        mine = np.flatnonzero((owner == image) & (scores > threshold))
        left.append(mine[suppress(boxes[mine], scores[mine], NMS, by_smaller)])
    return np.concatenate(left)


def _points(shares: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """O-Net's landmarks, (n, 5, 2) in pixels of the image."""
    shares = shares.reshape(-1, 2, 5).transpose(0, 2, 1)  # five x, then five y
    size = boxes[:, 2:] - boxes[:, :2] + 1
    return shares * size[:, None] + boxes[:, None, :2] - 1

"""Detected faces, and the images and interface of all detectors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Protocol

import numpy as np

MIRRORED = [1, 0, 2, 4, 3]  # index of each landmark in the mirrored face


@dataclass(frozen=True)
class Face:
    """One detected face, in pixels of the image (x right, y down).

    Attributes
    ----------
    box : (4,) float32
        x1, y1, x2, y2; may extend beyond the image.
    score : float
        Confidence, on the detector's own scale; higher is surer.
    landmarks : (5, 2) float32 or None
        In the order of `psface.captures.capture.LANDMARKS`; None if the detector has none.
    """

    box: np.ndarray
    score: float
    landmarks: np.ndarray | None = None


@dataclass(frozen=True)
class Facts:
    """Licence and size of a detector.

    Attributes
    ----------
    licence : str
        SPDX name of the weights' licence.
    parameters : int or None
        Number of parameters; None if the package does not report it.
    weight_bytes : int or None
        Size of the weights file; None if the weights are part of the library.
    """

    licence: str
    parameters: int | None = None
    weight_bytes: int | None = None


class Detector(Protocol):
    """Interface of all detectors. Images are as for `pixels`; sizes may differ."""

    @property
    def facts(self) -> Facts: ...

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Face]]:
        """Detect the faces of each image, highest score first."""
        ...


class OneByOne(ABC):
    """A detector whose package takes one image at a time; drops faces whose box's longer side is
    under ``min_face_size`` px."""

    min_face_size: float

    @property
    @abstractmethod
    def facts(self) -> Facts: ...

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Face]]:
        """Detect the faces of each image, highest score first; see `Detector`."""
        return [
            sorted(filter(self._large, self.faces_of(rgb8(image))), key=lambda face: -face.score)
            for image in as_arrays(images)
        ]

    def _large(self, face: Face) -> bool:
        return bool((face.box[2:] - face.box[:2]).max() >= self.min_face_size)

    @abstractmethod
    def faces_of(self, image: np.ndarray) -> list[Face]:
        """Detect the faces of an image (H, W, 3) uint8 RGB of any size, in any order."""


def as_arrays(images: Iterable[Any]) -> list[np.ndarray]:
    """Convert a list of images, arrays or PIL images, to arrays of pixels.

    Raises
    ------
    TypeError
        If it is a single image, or contains something that is not an image.
    """
    if isinstance(images, (np.ndarray, str, PurePath)) or not isinstance(images, Iterable):
        raise TypeError("expected a list of images; for a single image, pass [image]")
    return [_as_array(image) for image in images]


def _as_array(image: Any) -> np.ndarray:
    if isinstance(image, np.ndarray):
        return image
    if isinstance(image, (str, PurePath)):
        raise TypeError(
            f"{image}: a path, not an image; read it with psface.captures.media.read_picture"
        )
    if hasattr(image, "__array_interface__") and hasattr(image, "mode"):  # PIL's
        plain = image.mode in ("L", "RGB", "RGBA", "I;16")
        return np.asarray(image if plain else image.convert("RGB"))
    raise TypeError(f"{type(image).__name__}: not an image; pass arrays of pixels, grey or RGB")


def overlaps(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the intersection over union (n, m) of boxes (n, 4) and (m, 4)."""
    low, high = np.maximum(a[:, None, :2], b[:, :2]), np.minimum(a[:, None, 2:], b[:, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (a, b)]
    union = areas[0][:, None] + areas[1] - shared
    return shared / np.where(union > 0, union, 1)


def pixels(image: np.ndarray) -> np.ndarray:
    """Convert an image to the one form that detectors work on.

    Parameters
    ----------
    image : (H, W), (H, W, 1), (H, W, 3) or (H, W, 4)
        Grey or RGB; a fourth channel is dropped; bool, uint8, uint16, or float in [0, 1].

    Returns
    -------
    (H, W, 1) or (H, W, 3)
        uint8, or float32 in [0, 255] where 8 bits would lose precision.

    Raises
    ------
    ValueError
        If the image is none of these.
    """
    if image.ndim == 2:
        image = image[..., None]
    if image.ndim != 3 or image.shape[2] not in (1, 3, 4) or 0 in image.shape:
        raise ValueError(f"image of shape {image.shape}; expected (H, W), (H, W, 3) or (H, W, 4)")
    image = np.ascontiguousarray(image[..., :3])
    if image.dtype == np.uint8:
        return image
    if image.dtype == np.bool_:
        return image.astype(np.uint8) * np.uint8(255)
    if image.dtype == np.uint16:
        return image.astype(np.float32) * np.float32(255 / 65535)
    if not np.issubdtype(image.dtype, np.floating):
        raise ValueError(f"image of type {image.dtype}; expected 8 or 16 bits, or float in [0, 1]")
    low, high = float(image.min()), float(image.max())
    if not (low >= -1e-3 and high <= 1 + 1e-3):  # NaN fails too
        raise ValueError(f"float image from {low:g} to {high:g}; expected [0, 1]")
    return image.astype(np.float32) * np.float32(255)


def rgb8(image: np.ndarray) -> np.ndarray:
    """Convert an image to (H, W, 3) uint8, for detectors that take nothing else."""
    image = pixels(image)
    if image.dtype != np.uint8:
        image = np.clip(image + 0.5, 0, 255).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(image, (*image.shape[:2], 3)))

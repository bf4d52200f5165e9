"""Apply a trained model to captures and pictures, from its card alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from torch import nn

from psface.captures.capture import Capture
from psface.faces.arrays import INFERENCE_BATCH
from psface.faces.cropping import Crop
from psface.model.card import load_model
from psface.model.device import default_device
from psface.model.embedding import Embedded, converted, embed
from psface.model.onnx_model import is_exported, load_exported
from psface.model.shipped import PRETRAINED
from psface.recognise.preprocessing import crop_for
from psface.vectors import unit


class Recogniser:
    """A trained model.

    Parameters
    ----------
    folder : Path
        Holds ``card.json`` and ``weights.safetensors`` or, if exported, ``model.onnx``; by default,
        the model that psface ships.
    padding : float, optional
        In place of the card's ``crop.padding``: tight crops need a border to be found in.

    Attributes
    ----------
    card : Card
        Defines how captures are cropped.
    digest : str
        Hash of the card, which names the weights: only embeddings of the same model can be
        compared. An exported model has the digest of its original.

    Raises
    ------
    UserError
        If there is no usable model.

    Examples
    --------
    >>> from psface.captures.discovery import read_capture_at
    >>> recogniser = Recogniser(Path("models"))
    >>> capture = read_capture_at(Path("face.png"))
    >>> recogniser.embed([recogniser.crop(capture)]).identity.shape
    (1, 16)
    >>> round(recogniser.compare(capture, capture), 3)
    1.0
    """

    def __init__(self, folder: Path | str = PRETRAINED, padding: float | None = None) -> None:
        folder = Path(folder)
        self.network: nn.Module
        if is_exported(folder):
            self.network, self.card = load_exported(folder)
        else:
            network, self.card = load_model(folder, default_device())
            self.network = converted(network)
        self.digest = self.card.digest
        self.card = self.card.padded(padding)

    def crop(self, capture: Capture) -> Crop:
        """Crop the face of a capture or picture as the model expects it.

        Raises
        ------
        UserError
            If the model cannot use it, or no face is found; the message says why.
        """
        return crop_for(capture, self.card)

    def embed(self, crops: Iterable[Crop]) -> Embedded:
        """Embed one or more crops, each together with its mirror image."""
        return self.embed_stored(self.card.stacked(crop.planes) for crop in crops)

    def embed_stored(self, values: Iterable[np.ndarray]) -> Embedded:
        """Like `embed`, from the stacked planes (C, S, S) of crops."""
        return embed(self.network, self.card, _batches(values))

    def compare(self, first: Capture, second: Capture) -> float:
        """The cosine of two captures' embeddings, from -1 to 1: higher is more similar.

        Raises
        ------
        UserError
            If either cannot be used.
        """
        crops = [self.crop(capture) for capture in (first, second)]
        one, other = (unit(self.embed([crop]).identity)[0] for crop in crops)
        return float(one @ other)


def _batches(values: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    batch: list[np.ndarray] = []
    for crop in values:
        batch.append(crop.astype(np.float32))
        if len(batch) == INFERENCE_BATCH:
            yield np.stack(batch)
            batch = []
    if batch:
        yield np.stack(batch)

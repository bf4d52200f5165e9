"""recognise: a trained model on captures and pictures, by its card alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from torch import nn

from stages.recognise.cutting import Cut, cut_picture, cut_session
from stages.recognise.onnx import is_exported, load_exported
from stages.train.data import INFERENCE_BATCH
from stages.train.model import Embedded, default_device, embed, load_model

__all__ = ["Cut", "Recogniser", "cut_picture", "cut_session"]


class Recogniser:
    """A trained model.

    Parameters
    ----------
    folder : Path
        Holds ``card.json`` beside ``weights.safetensors`` or, exported, ``model.onnx``.

    Attributes
    ----------
    card : Card
        With which captures become crops: `cut_session`, `cut_picture`.
    digest : str
        Hash of the card, which names the weights: embeddings of another model mean nothing to this
        one. An exported model has the digest of its original.

    Raises
    ------
    UserError
        If there is no usable model.
    """

    def __init__(self, folder: Path) -> None:
        self.network: nn.Module
        if is_exported(folder):
            self.network, self.card = load_exported(folder)
        else:
            self.network, self.card = load_model(folder, default_device())
        self.digest = self.card.digest

    def embed(self, values: Iterable[np.ndarray]) -> Embedded:
        """What the network says of crops (C, S, S), of which there must be one or more; each is
        seen with its mirror image."""
        return embed(self.network, self.card, _batches(values))


def _batches(values: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    batch: list[np.ndarray] = []
    for crop in values:
        batch.append(crop.astype(np.float32))
        if len(batch) == INFERENCE_BATCH:
            yield np.stack(batch)
            batch = []
    if batch:
        yield np.stack(batch)

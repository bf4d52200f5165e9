"""Embed the faces of a data set here or, if an engine is in use, by its workers."""

from __future__ import annotations

from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from torch import nn

from psface.errors import UserError
from psface.faces.arrays import Faces, parted
from psface.model.card import Card, load_model
from psface.model.device import default_device
from psface.model.embedding import Embedded, embed
from psface.parallel import is_elsewhere, map_in_processes


def embed_rows(model: Path, faces: Path, rows: np.ndarray) -> Embedded:
    """Run a model on packed crops.

    Parameters
    ----------
    model, faces : Path
        Folders of the model and of the crops.
    rows : (N,) int
        Which crops, N at least 1.

    Raises
    ------
    UserError
        If a folder cannot be used, or a worker sees another model in it.
    """
    network, card = load_model(model, default_device())
    if not is_elsewhere():  # threads share one network
        return embed(network, card, Faces(faces, card.maps).batches(rows))
    work = partial(_embed_part, model, faces, card.weights)
    parts = list(map_in_processes(work, parted(rows), "embed"))
    return Embedded(
        np.concatenate([part.identity for part in parts]),
        {t: np.concatenate([part.attributes[t] for part in parts]) for t in card.tasks},
    )


def _embed_part(model: Path, faces: Path, weights: str, rows: np.ndarray) -> Embedded:
    network, card = _loaded(model, weights)
    return embed(network, card, [Faces(faces, card.maps).read(rows)])


@lru_cache(maxsize=1)  # by its digest: a worker may outlive a training
def _loaded(model: Path, weights: str) -> tuple[nn.Module, Card]:
    network, card = load_model(model, default_device())
    if card.weights != weights:
        raise UserError(f"{model}: another model than the one to be evaluated; share the folder")
    return network, card

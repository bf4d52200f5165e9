"""From captures to unit embeddings, and from pairs to cosines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from psface.captures.capture import Capture, Refusal
from psface.errors import UserError
from psface.faces.cropping import Crop
from psface.measures.folds import NEVER
from psface.model.card import Card
from psface.recognise.pair_lists import PairSet
from psface.recognise.preprocessing import crop_for
from psface.recognise.recogniser import Recogniser
from psface.vectors import unit


def name_of(capture: Capture | Refusal) -> str:
    """What a capture is called in tables."""
    return str(capture.place) if isinstance(capture, Capture) else capture.name


def crop_or_refusal(capture: Capture | Refusal, card: Card) -> Crop | Refusal:
    """The face of a capture, or why there is none."""
    if isinstance(capture, Refusal):
        return capture
    try:
        return crop_for(capture, card)
    except UserError as error:
        return Refusal("", name_of(capture), str(error))


def card_for(pairs: PairSet, card: Card) -> Card:
    """The card, by which the pictures of a set of aligned crops are taken as they are."""
    if not pairs.aligned:
        return card
    crop = card.crop.model_copy(update={"detector": "aligned"})
    return card.model_copy(update={"crop": crop})


def embed_crops(recogniser: Recogniser, crops: Sequence[Crop | Refusal | None]) -> np.ndarray:
    """(N, D) unit vectors, not-a-number where there is no face."""
    usable = np.array([isinstance(crop, Crop) for crop in crops])
    faces = (crop for crop in crops if isinstance(crop, Crop))
    found = unit(recogniser.embed(faces).identity) if usable.any() else np.empty((0, 1))
    out = np.full((len(crops), found.shape[1]), np.nan, np.float32)
    out[usable] = found
    return out


def pair_scores(first: np.ndarray, second: np.ndarray, pairs: PairSet) -> np.ndarray:
    """(P,) cosines of the pairs, the first of each out of one set of faces and the second out of
    another."""
    parts = np.array_split(np.arange(len(pairs.same)), len(pairs.same) // 65_536 + 1)
    cosine = np.concatenate(
        [(first[pairs.first[p]] * second[pairs.second[p]]).sum(axis=1) for p in parts]
    )
    return np.nan_to_num(cosine, nan=NEVER)

"""Unit embeddings of captures, and cosines of pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from psface.captures.capture import Capture, Refusal
from psface.errors import UserError
from psface.faces.cropping import Crop
from psface.measures.folds import NEVER
from psface.measures.verification import Verification
from psface.model.card import Card
from psface.parallel import map_in_processes
from psface.recognise.pair_lists import PairSet
from psface.recognise.preprocessing import crop_for
from psface.recognise.recogniser import Recogniser
from psface.vectors import unit


@dataclass(frozen=True)
class ScoredPairs:
    """Pairs that a model has seen.

    Attributes
    ----------
    pairs : PairSet
    card : Card
        By which its captures became crops.
    names : list of str
        Of the captures, in tables.
    crops : list of Crop or Refusal
        Of each capture.
    faces : (N, D) float32
        Unit embeddings, NaN where there is no face.
    verification : Verification
        The pairs with their cosines; rejected, -1, where a face is missing.
    """

    pairs: PairSet
    card: Card
    names: list[str]
    crops: list[Crop | Refusal]
    faces: np.ndarray
    verification: Verification

    @property
    def failures(self) -> list[Refusal]:
        """Captures that cannot be used."""
        return [crop for crop in self.crops if isinstance(crop, Refusal)]


def score_pairs(recogniser: Recogniser, pairs: PairSet) -> ScoredPairs:
    """Crop and embed every capture of some pairs, and compare the pairs.

    Raises
    ------
    UserError
        If no capture can be used.
    """
    card = _card_for(pairs, recogniser.card)
    work = partial(_crop_or_refusal, card=card)
    crops = list(map_in_processes(work, pairs.captures, "verify"))
    if all(isinstance(crop, Refusal) for crop in crops):
        first = next(crop for crop in crops if isinstance(crop, Refusal))
        raise UserError(f"no capture can be used; first refusal: {first.reason}")
    names = [name_of(capture) for capture in pairs.captures]
    faces = embed_crops(recogniser, crops)
    verification = pairs.verification(pair_scores(faces, faces, pairs))
    return ScoredPairs(pairs, card, names, crops, faces, verification)


def name_of(capture: Capture | Refusal) -> str:
    """The name of a capture in tables."""
    return str(capture.place) if isinstance(capture, Capture) else capture.name


def _crop_or_refusal(capture: Capture | Refusal, card: Card) -> Crop | Refusal:
    """Crop the face of a capture, or say why not."""
    if isinstance(capture, Refusal):
        return capture
    try:
        crop = crop_for(capture, card)
    except UserError as error:
        return Refusal("", name_of(capture), str(error))
    return replace(crop, planes={name: crop.planes[name] for name in card.maps})  # no more memory


def _card_for(pairs: PairSet, card: Card) -> Card:
    """The card, changed to use pictures as they are if the set holds aligned crops."""
    if not pairs.aligned:
        return card
    crop = card.crop.model_copy(update={"detector": "aligned"})
    return card.model_copy(update={"crop": crop})


def embed_crops(recogniser: Recogniser, crops: Sequence[Crop | Refusal | None]) -> np.ndarray:
    """(N, D) unit embeddings, NaN where there is no face."""
    usable = np.array([isinstance(crop, Crop) for crop in crops])
    faces = (crop for crop in crops if isinstance(crop, Crop))
    embeddings = unit(recogniser.embed(faces).identity) if usable.any() else np.empty((0, 1))
    out = np.full((len(crops), embeddings.shape[1]), np.nan, np.float32)
    out[usable] = embeddings
    return out


def pair_scores(first: np.ndarray, second: np.ndarray, pairs: PairSet) -> np.ndarray:
    """(P,) cosines of the pairs, with their first and second faces from separate sets."""
    parts = np.array_split(np.arange(len(pairs.same)), len(pairs.same) // 65_536 + 1)
    cosine = np.concatenate(
        [(first[pairs.first[p]] * second[pairs.second[p]]).sum(axis=1) for p in parts]
    )
    return np.nan_to_num(cosine, nan=NEVER)

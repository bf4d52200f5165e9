"""From captures to unit embeddings, and from pairs to cosines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from stages.errors import UserError
from stages.images import decode
from stages.pairs import unit
from stages.recognise import Cut, Recogniser
from stages.recognise.cutting import (
    Frames,
    check_kind,
    cut_frames,
    load,
    no_face,
    picture_frames,
    picture_session,
    place_of,
)
from stages.session import Refusal, Session
from stages.train.model import Card
from stages.verify.pairs import Encoded, PairSet
from stages.verify.protocol import NEVER


def name_of(capture: Session | Refusal | Encoded) -> str:
    """What a capture is called in tables."""
    if isinstance(capture, Session):
        return str(place_of(capture))
    return capture.name if isinstance(capture, Encoded) else capture.session


def cut_capture(capture: Session | Refusal | Encoded, card: Card) -> Cut | Refusal:
    """The face of a capture, or why there is none."""
    if isinstance(capture, Refusal):
        return capture
    name = name_of(capture)
    try:
        cut = cut_frames(frames_of(capture, card), card_for(capture, card))
    except UserError as error:
        return Refusal("", name, str(error))
    return Refusal("", name, no_face(name, card)) if cut is None else cut


def frames_of(capture: Session | Encoded, card: Card) -> Frames:
    """The frames of a capture.

    Raises
    ------
    UserError
        If the model cannot do with it.
    """
    if isinstance(capture, Session):
        return load(capture, card)
    check_kind(picture_session("", Path(capture.name)), card)
    limits = card.limits
    image = decode(capture.data, Path(capture.name), limits.bits, limits.max_pixels)
    return picture_frames(image, card.crop)


def card_for(capture: Session | Encoded, card: Card) -> Card:
    """The card, by which pictures of verification sets are taken as they are."""
    if isinstance(capture, Session):
        return card
    crop = card.crop.model_copy(update={"detector": "aligned"})
    return card.model_copy(update={"crop": crop})


def embed_cuts(recogniser: Recogniser, cuts: Sequence[Cut | Refusal | None]) -> np.ndarray:
    """(N, D) unit vectors, not-a-number where there is no face."""
    usable = np.array([isinstance(cut, Cut) for cut in cuts])
    values = (cut.values for cut in cuts if isinstance(cut, Cut))
    found = unit(recogniser.embed(values).identity) if usable.any() else np.empty((0, 1))
    faces = np.full((len(cuts), found.shape[1]), np.nan, np.float32)
    faces[usable] = found
    return faces


def pair_scores(first: np.ndarray, second: np.ndarray, pairs: PairSet) -> np.ndarray:
    """(P,) cosines of the pairs, the first of each out of one set of faces and the second out of
    another."""
    parts = np.array_split(np.arange(len(pairs.same)), len(pairs.same) // 65_536 + 1)
    cosine = np.concatenate(
        [(first[pairs.first[p]] * second[pairs.second[p]]).sum(axis=1) for p in parts]
    )
    return np.nan_to_num(cosine, nan=NEVER)

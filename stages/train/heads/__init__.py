"""Heads: what turns identity embeddings into a loss.

To add one: a file with a module that is built from ``(embedding, weights, params)`` and called
with ``(embeddings, labels)``, its name below, and its section in `stages.params.HeadsParams`.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from stages.params import TrainParams
from stages.train.heads.arcface import ArcFace
from stages.train.heads.cosface import CosFace
from stages.train.heads.curricularface import CurricularFace
from stages.train.heads.magface import MagFace
from stages.train.heads.triplet import Triplet

HEADS: dict[str, Any] = {
    "magface": MagFace,
    "arcface": ArcFace,
    "cosface": CosFace,
    "curricularface": CurricularFace,
    "triplet": Triplet,
}


def build_head(params: TrainParams, embedding: int, weights: Tensor) -> nn.Module:
    """The head ``params.head`` for embeddings of that size; ``weights`` (classes,)."""
    return HEADS[params.head](embedding, weights, getattr(params.heads, params.head))

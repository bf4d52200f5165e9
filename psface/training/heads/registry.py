"""Heads: what turns identity embeddings into a loss, by the name that ``train.head`` gives them.

To add one: a module with a class that is built from ``(embedding, weights, params)`` and called
with ``(embeddings, labels)``, its line below, and its section in
`psface.training.heads.head_params`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from psface.registry import named

if TYPE_CHECKING:
    from torch import Tensor, nn

    from psface.training.train_params import TrainParams

HEADS = {
    "magface": "psface.training.heads.magface:MagFace",
    "arcface": "psface.training.heads.arcface:ArcFace",
    "cosface": "psface.training.heads.cosface:CosFace",
    "curricularface": "psface.training.heads.curricularface:CurricularFace",
    "triplet": "psface.training.heads.triplet:Triplet",
}


def build_head(params: TrainParams, embedding: int, weights: Tensor) -> nn.Module:
    """The head ``params.head`` for embeddings of that size; ``weights`` (classes,)."""
    return named(HEADS[params.head])(embedding, weights, getattr(params.heads, params.head))

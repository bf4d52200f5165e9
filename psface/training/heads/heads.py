"""Heads, which turn identity embeddings into a loss, by their name in ``train.head``.

To add one, write a class that is constructed from ``(embedding, weights, params)`` and called with
``(embeddings, labels)``, and add a line below and a section in `psface.training.heads.head_params`.
"""

from __future__ import annotations

HEADS = {
    "magface": "psface.training.heads.magface:MagFace",
    "arcface": "psface.training.heads.arcface:ArcFace",
    "cosface": "psface.training.heads.cosface:CosFace",
    "curricularface": "psface.training.heads.curricularface:CurricularFace",
    "triplet": "psface.training.heads.triplet:Triplet",
}

"""Heads: what turns identity embeddings into a loss, by the name that ``train.head`` gives them.

To add one: a module with a class that is built from ``(embedding, weights, params)`` and called
with ``(embeddings, labels)``, its line below, and its section in
`psface.training.heads.head_params`.
"""

from __future__ import annotations

HEADS = {
    "magface": "psface.training.heads.magface:MagFace",
    "arcface": "psface.training.heads.arcface:ArcFace",
    "cosface": "psface.training.heads.cosface:CosFace",
    "curricularface": "psface.training.heads.curricularface:CurricularFace",
    "triplet": "psface.training.heads.triplet:Triplet",
}

"""Triplet loss on the hardest positive and the hardest negative of a batch.

Hermans et al., "In Defense of the Triplet Loss for Person Re-Identification", 2017, eq. 5,
https://arxiv.org/abs/1703.07737.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from psface.training.heads.head_params import TripletParams


class Triplet(nn.Module):
    """``max(0, margin + d(a, farthest positive) - d(a, nearest negative))``, averaged.

    d is the euclidean distance between embeddings of length 1. Anchors without a positive or
    without a negative in the batch are left out. Weighted by the anchors' class weights.
    """

    weights: Tensor

    def __init__(self, embedding: int, weights: Tensor, params: TripletParams) -> None:
        super().__init__()
        self.margin = params.margin
        self.register_buffer("weights", weights)

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """The loss () of (B, D) embeddings with (B,) labels."""
        unit = functional.normalize(embeddings)
        # Clamped at the cosine's rounding error: the root's gradient is infinite at zero.
        distance = (2 - 2 * unit @ unit.T).clamp(min=1e-6).sqrt()
        same = labels[:, None] == labels
        positive = same & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
        usable = positive.any(dim=1) & ~same.all(dim=1)
        if not usable.any():
            return embeddings.sum() * 0
        farthest = distance.masked_fill(~positive, -torch.inf).amax(dim=1)
        nearest = distance.masked_fill(same, torch.inf).amin(dim=1)
        weights = self.weights[labels[usable]]
        losses = functional.relu(self.margin + (farthest - nearest)[usable])
        return (weights * losses).sum() / weights.sum()

"""What the heads on cosines to class centres have in common."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from psface.training.heads.head_params import MarginParams

# Where the cosine's rounding would leave [-1, 1], the sine's gradient would be infinite.
EDGE = 1e-6


class CosineHead(nn.Module):
    """Class-weighted cross-entropy of scaled cosines between embeddings and class centres.

    A head says by `with_margin` what becomes of the cosines, and by `regulariser` what is added
    to the loss. It needs a ``scale``.
    """

    weights: Tensor
    scale: float

    def __init__(self, embedding: int, weights: Tensor) -> None:
        """``weights`` (classes,) weigh the identities; they are used as they are."""
        super().__init__()
        self.register_buffer("weights", weights)
        self.centres = nn.Parameter(torch.empty(len(weights), embedding))
        nn.init.normal_(self.centres)

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """The loss () of (B, D) embeddings with (B,) labels."""
        cosines = functional.linear(
            functional.normalize(embeddings), functional.normalize(self.centres)
        )
        target = cosines.gather(1, labels[:, None]).squeeze(1)
        logits = self.with_margin(cosines, target, labels, embeddings)
        losses = functional.cross_entropy(self.scale * logits, labels, reduction="none")
        weights = self.weights[labels]
        return (weights * losses).sum() / weights.sum() + self.regulariser(embeddings)

    def with_margin(
        self, cosines: Tensor, target: Tensor, labels: Tensor, embeddings: Tensor
    ) -> Tensor:
        """Logits (B, classes) before scaling; ``target`` (B,) are the labels' own cosines."""
        raise NotImplementedError

    def regulariser(self, embeddings: Tensor) -> Tensor:
        return embeddings.new_zeros(())


class MarginHead(CosineHead):
    """A `CosineHead` of one fixed margin."""

    def __init__(self, embedding: int, weights: Tensor, params: MarginParams) -> None:
        super().__init__(embedding, weights)
        self.scale, self.margin = params.scale, params.margin


def put_target(cosines: Tensor, labels: Tensor, target: Tensor) -> Tensor:
    """``cosines`` with the labels' own replaced by ``target`` (B,)."""
    return cosines.scatter(1, labels[:, None], target[:, None])


def add_angle(cosine: Tensor, angle: Tensor) -> Tensor:
    """cos(theta + angle) from cos(theta); past pi it goes on falling, as a straight line.

    That line is ArcFace's "easy margin off": ``cos(theta) - angle sin(angle)``.
    """
    inside = cosine.clamp(-1 + EDGE, 1 - EDGE)
    sine = (1 - inside * inside).sqrt()
    turned = cosine * angle.cos() - sine * angle.sin()
    beyond = cosine - angle * (math.pi - angle).sin()
    return torch.where(cosine > (math.pi - angle).cos(), turned, beyond)

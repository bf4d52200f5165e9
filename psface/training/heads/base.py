"""Base classes of the heads on cosines to class centres."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from psface.training.heads.head_params import MarginParams

# Keeps cosines off -1 and 1, where the sine's gradient is infinite.
EDGE = 1e-6


class CosineHead(nn.Module):
    """Class-weighted cross-entropy of scaled cosines between embeddings and class centres.

    A head changes the cosines in `with_margin` and adds to the loss in `regulariser`. It needs a
    ``scale``.
    """

    weights: Tensor
    scale: float

    def __init__(self, embedding: int, weights: Tensor) -> None:
        """``weights`` (classes,) weight the identities; they are used unchanged."""
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
        """Logits (B, classes) before scaling; ``target`` (B,) holds the labels' cosines."""
        raise NotImplementedError

    def regulariser(self, embeddings: Tensor) -> Tensor:
        return embeddings.new_zeros(())


class MarginHead(CosineHead):
    """A `CosineHead` with a fixed margin."""

    def __init__(self, embedding: int, weights: Tensor, params: MarginParams) -> None:
        super().__init__(embedding, weights)
        self.scale, self.margin = params.scale, params.margin


def put_target(cosines: Tensor, labels: Tensor, target: Tensor) -> Tensor:
    """Replace the labels' cosines by ``target`` (B,)."""
    return cosines.scatter(1, labels[:, None], target[:, None])


def add_angle(cosine: Tensor, angle: Tensor) -> Tensor:
    """cos(theta + angle) from cos(theta); past pi it continues to fall, linearly.

    That line is ArcFace's "easy margin off": ``cos(theta) - angle sin(angle)``.
    """
    inside = cosine.clamp(-1 + EDGE, 1 - EDGE)
    sine = (1 - inside * inside).sqrt()
    turned = cosine * angle.cos() - sine * angle.sin()
    beyond = cosine - angle * (math.pi - angle).sin()
    return torch.where(cosine > (math.pi - angle).cos(), turned, beyond)

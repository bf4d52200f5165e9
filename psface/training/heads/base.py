"""Base classes of the heads on cosines to class centres."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from psface.training import ranks
from psface.training.heads.head_params import MarginParams

# Keeps cosines off -1 and 1, where the sine's gradient is infinite.
EDGE = 1e-6


class CosineHead(nn.Module):
    """Class-weighted cross-entropy of scaled cosines between embeddings and class centres.

    A head changes the label's cosine in `with_margin`, and may change the others in `negatives`; it
    adds to the loss in `regulariser`. It needs a ``scale``.

    Each rank holds a part of the centres. With ``sampled`` below 1, a training step uses those of
    the people in the batch and a random sample of the others: Partial FC (An et al., "Killing Two
    Birds with One Stone: Efficient and Robust Training of Face Recognition CNNs by Partial FC",
    CVPR 2022, section 3.3, https://arxiv.org/abs/2203.15565; first used on Glint360K, An et al.,
    "Partial FC: Training 10 Million Identities on a Single Machine", 2020). Their gradient is
    sparse, for `psface.training.row_adamw`.
    """

    weights: Tensor
    scale: float
    sampled = 1.0

    def __init__(self, embedding: int, weights: Tensor) -> None:
        """``weights`` (classes,) weight the identities; they are used unchanged."""
        super().__init__()
        self.register_buffer("weights", weights)
        # Of about unit length: Adam moves each number by the learning rate, whatever its size, so
        # that long centres would hardly turn. The same on all ranks.
        centres = nn.init.normal_(torch.empty(len(weights), embedding), std=embedding**-0.5)
        self.own = ranks.share(len(weights))
        self.centres = nn.Parameter(centres if ranks.count() == 1 else centres[self.own].clone())

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """The loss () of (B, D) embeddings with (B,) labels."""
        centres, columns = self._chosen(labels)
        cosines = functional.linear(
            functional.normalize(ranks.shared(embeddings)), functional.normalize(centres)
        )
        here = columns >= 0
        own = cosines.gather(1, columns.clamp(min=0)[:, None]).squeeze(1)
        target = self.with_margin(ranks.summed(torch.where(here, own, 0.0)), embeddings)
        negatives = self.negatives(cosines, target)
        losses = _cross_entropy(self.scale * negatives, self.scale * target, columns)
        weights = self.weights[labels]
        return (weights * losses).sum() / weights.sum() + self.regulariser(embeddings)

    def with_margin(self, target: Tensor, embeddings: Tensor) -> Tensor:
        """The label's logit (B,) before scaling, from its cosine ``target`` (B,)."""
        raise NotImplementedError

    def negatives(self, cosines: Tensor, target: Tensor) -> Tensor:
        """Logits (B, n) of other classes before scaling, from their cosines; ``target`` (B,) is the
        label's logit. What stands in a label's own column is not used."""
        return cosines

    def regulariser(self, embeddings: Tensor) -> Tensor:
        return embeddings.new_zeros(())

    def _chosen(self, labels: Tensor) -> tuple[Tensor, Tensor]:
        """The centres (n, D) of a step that this rank holds, and each label's index among them
        (B,), -1 if another rank has it."""
        place = labels - self.own.start
        here = (place >= 0) & (place < len(self.centres))
        if self.sampled == 1 or not self.training:
            return self.centres, torch.where(here, place, -1)
        # Drawn by all ranks, so that their generators stay in step.
        seed = int(torch.randint(2**62, ())) + ranks.number()
        device = self.centres.device
        generator = torch.Generator(device).manual_seed(seed)
        held = len(self.centres)
        order = torch.rand(held + 1, generator=generator, device=device)
        order[torch.where(here, place, held)] = 2.0  # the labels come first
        size = min(max(round(self.sampled * held), len(labels)), held)
        chosen = order[:held].topk(size, sorted=False).indices.sort().values
        centres = functional.embedding(chosen, self.centres, sparse=True)
        return centres, torch.where(here, torch.searchsorted(chosen, place), -1)


def _cross_entropy(negatives: Tensor, target: Tensor, columns: Tensor) -> Tensor:
    """Cross-entropy (B,) of logits that are spread over ranks: ``negatives`` (B, n) of this rank's
    classes, and ``target`` (B,) of the labels, which stand in its ``columns`` (B,) or nowhere (-1).
    """
    column = columns.clamp(min=0)[:, None]
    if ranks.count() == 1:
        logits = negatives.scatter(1, column, target[:, None])
        return functional.cross_entropy(logits, columns, reduction="none")
    here = (columns >= 0)[:, None]
    own = torch.zeros_like(negatives, dtype=torch.bool).scatter(1, column, here)
    others = negatives.masked_fill(own, -torch.inf)
    top = ranks.largest(torch.maximum(others.detach().amax(1), target.detach()))
    total = ranks.summed((others - top[:, None]).exp().sum(1)) + (target - top).exp()
    return total.log() + top - target


class MarginHead(CosineHead):
    """A `CosineHead` with a fixed margin."""

    def __init__(self, embedding: int, weights: Tensor, params: MarginParams) -> None:
        super().__init__(embedding, weights)
        self.scale, self.margin = params.scale, params.margin


def add_angle(cosine: Tensor, angle: Tensor) -> Tensor:
    """cos(theta + angle) from cos(theta); past pi it continues to fall, linearly.

    That line is ArcFace's "easy margin off": ``cos(theta) - angle sin(angle)``.
    """
    inside = cosine.clamp(-1 + EDGE, 1 - EDGE)
    sine = (1 - inside * inside).sqrt()
    turned = cosine * angle.cos() - sine * angle.sin()
    beyond = cosine - angle * (math.pi - angle).sin()
    return torch.where(cosine > (math.pi - angle).cos(), turned, beyond)

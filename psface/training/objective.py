"""The training objective: identity heads, attribute losses and their weights."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from psface.model.network.multitask import Outputs
from psface.registry import named
from psface.training.heads.base import CosineHead
from psface.training.heads.heads import HEADS
from psface.training.losses import focal_loss
from psface.training.train_params import TrainParams


class Objective(nn.Module):
    """The weighted sum of the identity loss and the attribute losses.

    Several branches are also supervised individually: under the fused loss alone, the branch that
    learns fastest leaves the others little to learn from.
    """

    def __init__(
        self,
        params: TrainParams,
        branches: int,
        person_weights: Tensor,
        class_weights: dict[str, Tensor],
    ) -> None:
        """``person_weights`` (people,) and ``class_weights`` (classes,) of each task."""
        super().__init__()
        self.params = params
        single = [params.embedding] * branches if branches > 1 else []
        self.heads = nn.ModuleList(
            build_head(params, width, person_weights)
            for width in (params.embedding * branches, *single)
        )
        self.class_weights = nn.ParameterDict(
            {task: nn.Parameter(w, requires_grad=False) for task, w in class_weights.items()}
        )

    def centres(self) -> dict[str, nn.Parameter]:
        """The class centres, by their names in the state; each rank holds some of each."""
        return {
            f"heads.{number}.centres": head.centres
            for number, head in enumerate(self.heads)
            if isinstance(head, CosineHead)
        }

    def forward(
        self, out: Outputs, identities: Tensor, labels: dict[str, Tensor]
    ) -> dict[str, Tensor]:
        """Losses by name, and their weighted sum as ``total``.

        Parameters
        ----------
        identities : (B,) int64
        labels : dict of str to (B,) int64
        """
        embeddings = (out.identity, *out.branches)[: len(self.heads)]
        parts = [h(e.float(), identities) for h, e in zip(self.heads, embeddings, strict=True)]
        losses = {"identity": torch.stack(parts).sum()}
        for task, weights in self.class_weights.items():
            for kind, logits in (("", out.attributes), ("_remainder", out.remainders)):
                if task in logits:
                    losses[task + kind] = focal_loss(
                        logits[task].float(), labels[task], weights, self.params.focal_gamma
                    )
        weighted = [self._weigh(name, loss) for name, loss in losses.items()]
        return {"total": torch.stack(weighted).sum(), **losses}

    def _weigh(self, name: str, loss: Tensor) -> Tensor:
        task = name.removesuffix("_remainder")
        return loss if task == "identity" else self.params.task_weights[task] * loss


def build_head(params: TrainParams, embedding: int, weights: Tensor) -> nn.Module:
    """Build the head ``params.head``; ``embedding`` is its input width, ``weights`` (classes,)."""
    head = named(HEADS[params.head])(embedding, weights, getattr(params.heads, params.head))
    if isinstance(head, CosineHead):
        head.sampled = params.sample_centres
    return head


def reversal_strength(weight: float, progress: float) -> float:
    """``weight`` times 2 / (1 + exp(-10 p)) - 1, from zero at the start of training, p = 0, to
    nearly one at its end, p = 1 (Ganin & Lempitsky, ICML 2015, section 4.2)."""
    return weight * (2 / (1 + math.exp(-10 * progress)) - 1)

"""What training minimises: identity heads, attribute losses, and how they are weighed."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from stages.params import TrainParams
from stages.train.heads import build_head
from stages.train.losses import focal_loss
from stages.train.network import Outputs


class Objective(nn.Module):
    """The sum of the identity loss and of the attribute losses, weighed.

    Several branches are also supervised one by one: left to the fused loss alone, the branch that
    learns quickest leaves the others little to learn from.

    With ``task_weighting: uncertainty``, each loss L of identity and the attributes becomes
    ``exp(-s) L + s / 2`` with a learned s, the logarithm of the task's variance (Kendall et al.,
    "Multi-Task Learning Using Uncertainty to Weigh Losses", CVPR 2018, eq. 10).
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
        own = [params.embedding] * branches if branches > 1 else []
        self.heads = nn.ModuleList(
            build_head(params, width, person_weights)
            for width in (params.embedding * branches, *own)
        )
        self.class_weights = nn.ParameterDict(
            {task: nn.Parameter(w, requires_grad=False) for task, w in class_weights.items()}
        )
        self.log_variances = nn.ParameterDict(
            {name: nn.Parameter(torch.zeros(())) for name in ("identity", *class_weights)}
            if params.task_weighting == "uncertainty"
            else {}
        )

    def forward(
        self, out: Outputs, identities: Tensor, labels: dict[str, Tensor], active: Sequence[str]
    ) -> dict[str, Tensor]:
        """Losses by name, and their weighed sum as ``total``.

        Parameters
        ----------
        identities : (B,) int64
        labels : dict of str to (B,) int64
        active : sequence of str
            Which of ``identity`` and the tasks count; the others are not even computed.
        """
        losses: dict[str, Tensor] = {}
        if "identity" in active:
            embeddings = (out.identity, *out.branches)[: len(self.heads)]
            parts = [h(e.float(), identities) for h, e in zip(self.heads, embeddings, strict=True)]
            losses["identity"] = torch.stack(parts).sum()
        for task, weights in self.class_weights.items():
            if task in active:
                for kind, logits in (("", out.attributes), ("_remainder", out.remainders)):
                    if task in logits:
                        losses[task + kind] = focal_loss(
                            logits[task].float(), labels[task], weights, self.params.focal_gamma
                        )
        weighed = [self._weigh(name, loss) for name, loss in losses.items()]
        return {"total": torch.stack(weighed).sum(), **losses}

    def _weigh(self, name: str, loss: Tensor) -> Tensor:
        task = name.removesuffix("_remainder")
        if task in self.log_variances:
            s = self.log_variances[task]
            # The adversary follows its task's weight but does not pull on it.
            return (-s).exp() * loss + s / 2 if task == name else (-s.detach()).exp() * loss
        return loss if task == "identity" else self.params.task_weights[task] * loss


def reversal_strength(weight: float, progress: float) -> float:
    """``weight`` times 2 / (1 + exp(-10 p)) - 1, from zero at the start of training, p = 0, to
    nearly one at its end, p = 1 (Ganin & Lempitsky, ICML 2015, section 4.2)."""
    return weight * (2 / (1 + math.exp(-10 * progress)) - 1)


def stage_tasks(tasks: Sequence[str], epoch: int, epochs: int) -> list[str]:
    """What staged training works on in ``epoch`` (from 1): tasks in their order, then identity.

    All that came before stays in the list; the last entry is the one being learned.
    """
    order = [*tasks, "identity"]
    return order[: 1 + (epoch - 1) * len(order) // epochs]

"""The multi-task network: a branch per map, feature separation in a chain over the tasks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from stages.train.network.attention import Attention, reverse_gradient
from stages.train.network.iresnet import IResNet


@dataclass(frozen=True)
class Outputs:
    """What a forward pass gives.

    Attributes
    ----------
    identity : (B, embedding * branches)
        Identity embedding; its length is the magnitude that MagFace reads.
    branches : tuple of (B, embedding)
        Identity embedding of each branch.
    attributes : dict of str to (B, classes)
        Logits of each task from what its attention took.
    remainders : dict of str to (B, classes)
        Logits of each task from what was passed on, behind gradient reversal.
    """

    identity: Tensor
    branches: tuple[Tensor, ...]
    attributes: dict[str, Tensor]
    remainders: dict[str, Tensor]


class Branch(nn.Module):
    """Backbone and separation chain of one input: an embedding per task.

    The chain takes ``x_task = attention(x)`` for a task and passes ``x - x_task`` on to the next;
    identity comes last and gets what no attribute claimed.
    """

    def __init__(self, channels: int, side: int, tasks: list[str], embedding: int, dropout: float):
        super().__init__()
        self.backbone = IResNet(channels)
        width = self.backbone.out_channels
        self.attention = nn.ModuleDict({task: Attention(width) for task in [*tasks, "identity"]})
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        cells = math.ceil(side / 32) ** 2
        self.embed = nn.Sequential(
            nn.Flatten(),
            nn.BatchNorm1d(width * cells),
            nn.Dropout(dropout),
            nn.Linear(width * cells, embedding, bias=False),
            nn.BatchNorm1d(embedding),
        )

    def forward(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor], dict[str, Tensor]]:
        """(B, C, side, side) to the identity embedding (B, embedding), and per task what was
        taken and what was passed on, (B, 512) each."""
        x = self.backbone(x)
        taken: dict[str, Tensor] = {}
        passed_on: dict[str, Tensor] = {}
        for task, attention in self.attention.items():
            mine = attention(x)
            if task == "identity":
                return self.embed(mine), taken, passed_on
            x = x - mine
            taken[task], passed_on[task] = self.pool(mine), self.pool(x)
        raise AssertionError("identity ends every chain")


class Network(nn.Module):
    """Branches on groups of input channels, their embeddings concatenated per task.

    Parameters
    ----------
    channels : list of int
        Input channels of each branch; one branch of all channels is early fusion.
    side : int
        Height and width of the input.
    classes : dict of str to int
        Number of classes of each attribute task, in the order of the chain.
    embedding : int
        Size of the identity embedding, per branch.
    """

    def __init__(
        self,
        channels: list[int],
        side: int,
        classes: dict[str, int],
        embedding: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.channels = channels
        self.branches = nn.ModuleList(
            Branch(count, side, list(classes), embedding, dropout) for count in channels
        )
        width = IResNet.out_channels * len(channels)
        self.heads = nn.ModuleDict({t: nn.Linear(width, n) for t, n in classes.items()})
        self.adversaries = nn.ModuleDict({t: nn.Linear(width, n) for t, n in classes.items()})

    def forward(self, x: Tensor, reversal: float = 0.0) -> Outputs:
        """(B, sum of channels, side, side) to `Outputs`; ``reversal`` scales the gradient that
        the adversaries send back into the branches."""
        parts = [
            branch(group.contiguous(memory_format=torch.channels_last))
            for branch, group in zip(self.branches, x.split(self.channels, dim=1), strict=True)
        ]
        identities, taken, passed_on = zip(*parts, strict=True)
        return Outputs(
            torch.cat(_of_one_length(identities), dim=1),
            identities,
            {t: head(_join(taken, t)) for t, head in self.heads.items()},
            {
                t: head(reverse_gradient(_join(passed_on, t), reversal))
                for t, head in self.adversaries.items()
            },
        )


def _of_one_length(parts: tuple[Tensor, ...]) -> list[Tensor]:
    """Embeddings (B, D) scaled, row by row, to the root mean square of their lengths.

    The cosine of the concatenation is then the mean of the branches' cosines. Else the branch that
    is most off its ground, and shouts, would outvote the others.
    """
    lengths = torch.stack([part.float().norm(dim=1, keepdim=True) for part in parts])
    common = lengths.square().mean(dim=0).sqrt()
    return [part * common / n.clamp(min=1e-6) for part, n in zip(parts, lengths, strict=True)]


def _join(parts: tuple[dict[str, Tensor], ...], task: str) -> Tensor:
    return torch.cat([part[task] for part in parts], dim=1)

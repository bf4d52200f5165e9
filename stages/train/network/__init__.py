"""The multi-task network: a branch per map, feature separation in a chain over the tasks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from stages.train.network import insightface, iresnet
from stages.train.network.attention import Attention, reverse_gradient
from stages.train.network.insightface import IR, IRSE
from stages.train.network.iresnet import IResNet
from stages.train.network.layers import Neck

BACKBONES: dict[str, type[IResNet | IR | IRSE]] = {
    **dict.fromkeys(iresnet.BLOCKS, IResNet),
    **{name: IRSE if name.startswith("irse") else IR for name in insightface.BLOCKS},
}


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
        Logits of each task from what was passed on, behind gradient reversal; none where nothing
        is separated, or the adversaries would work against the heads, whose features they share.
    """

    identity: Tensor
    branches: tuple[Tensor, ...]
    attributes: dict[str, Tensor]
    remainders: dict[str, Tensor]


class Branch(nn.Module):
    """Backbone and separation chain of one input: an embedding per task.

    The chain takes ``x_task = attention(x)`` for a task and passes ``x - x_task`` on to the next;
    identity comes last and gets what no attribute claimed. Without attention, or without a task
    to separate from, identity and tasks all read the backbone's features as they are.
    """

    def __init__(
        self,
        backbone: str,
        channels: int,
        side: int,
        tasks: list[str],
        embedding: int,
        dropout: float,
        attention: bool,
    ) -> None:
        super().__init__()
        self.backbone = BACKBONES[backbone](backbone, channels)
        self.width = self.backbone.out_channels
        self.tasks = tasks
        chain = [*tasks, "identity"] if attention and tasks else []
        self.attention = nn.ModuleDict({name: Attention(self.width) for name in chain})
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        cells = math.ceil(side / self.backbone.stride) ** 2
        self.neck = Neck(self.width, cells, embedding, dropout)

    def forward(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor], dict[str, Tensor]]:
        """(B, C, side, side) to the identity embedding (B, embedding), and per task what was
        taken and, with attention, what was passed on, (B, width) each."""
        x = self.backbone(x)
        if not self.attention:
            return self.neck(x), dict.fromkeys(self.tasks, self.pool(x)), {}
        taken: dict[str, Tensor] = {}
        passed_on: dict[str, Tensor] = {}
        for task in self.tasks:
            mine = self.attention[task](x)
            x = x - mine
            taken[task], passed_on[task] = self.pool(mine), self.pool(x)
        return self.neck(self.attention["identity"](x)), taken, passed_on


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
    backbone : str
        One of `BACKBONES`.
    attention : bool
        Whether tasks are separated; see `Branch`.

    Attributes
    ----------
    erased : (embedding * branches, sum of classes - 1) buffer
        Orthonormal directions that are taken out of the identity embedding; zero until
        `stages.train.erasure` fills it.
    """

    erased: Tensor

    def __init__(
        self,
        channels: list[int],
        side: int,
        classes: dict[str, int],
        embedding: int,
        dropout: float,
        backbone: str = "iresnet18",
        attention: bool = True,
    ) -> None:
        super().__init__()
        self.channels = channels
        branches = [
            Branch(backbone, count, side, list(classes), embedding, dropout, attention)
            for count in channels
        ]
        self.branches = nn.ModuleList(branches)
        width = sum(branch.width for branch in branches)
        self.heads = nn.ModuleDict({t: nn.Linear(width, n) for t, n in classes.items()})
        self.adversaries = nn.ModuleDict(
            {t: nn.Linear(width, n) for t, n in classes.items()} if attention else {}
        )
        directions = sum(count - 1 for count in classes.values())
        self.register_buffer("erased", torch.zeros(embedding * len(channels), directions))

    def forward(self, x: Tensor, reversal: float = 0.0) -> Outputs:
        """(B, sum of channels, side, side) to `Outputs`; ``reversal`` scales the gradient that
        the adversaries send back into the branches."""
        parts = [
            branch(group.contiguous(memory_format=torch.channels_last))
            for branch, group in zip(self.branches, x.split(self.channels, dim=1), strict=True)
        ]
        identities, taken, passed_on = zip(*parts, strict=True)
        identity = torch.cat(_of_one_length(identities), dim=1)
        return Outputs(
            self._without_erased(identity),
            identities,
            {t: head(_join(taken, t)) for t, head in self.heads.items()},
            {
                t: head(reverse_gradient(_join(passed_on, t), reversal))
                for t, head in self.adversaries.items()
            },
        )

    def _without_erased(self, identity: Tensor) -> Tensor:
        """Turned out of the erased directions; its length, which tells quality, stays."""
        if self.training:  # before anything is erased
            return identity
        with torch.autocast(identity.device.type, enabled=False):  # half precision leaves a trace
            identity = identity.float()
            clean = identity - identity @ self.erased @ self.erased.T
            left = clean.norm(dim=1, keepdim=True).clamp(min=1e-6)
            return clean * (identity.norm(dim=1, keepdim=True) / left)

    def freeze(self, tasks: list[str]) -> None:
        """Let these tasks' attention, head and adversary stop learning, and all others learn."""
        separated = [b.attention for b in self.branches if isinstance(b, Branch)]
        for modules in (self.heads, self.adversaries, *separated):
            for task, module in modules.items():
                module.requires_grad_(task not in tasks)


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

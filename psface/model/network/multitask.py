"""The multi-task network: a branch per map, and feature separation in a chain of tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from psface.model.network.attention import Attention, reverse_gradient
from psface.model.network.backbones import build_backbone, cells_along
from psface.model.network.layers import Neck


@dataclass(frozen=True)
class Outputs:
    """Outputs of a forward pass.

    Attributes
    ----------
    identity : (B, embedding * branches)
        Identity embedding; its norm is MagFace's magnitude.
    branches : tuple of (B, embedding)
        Identity embedding of each branch.
    attributes : dict of str to (B, classes)
        Logits of each task from the features its attention took.
    remainders : dict of str to (B, classes)
        Logits of each task from the features passed on, after gradient reversal; empty without
        separation, where the adversaries would share the heads' features and work against them.
    """

    identity: Tensor
    branches: tuple[Tensor, ...]
    attributes: dict[str, Tensor]
    remainders: dict[str, Tensor]


@dataclass(frozen=True)
class Separated:
    """Outputs of a branch.

    Attributes
    ----------
    identity : (B, width, h, w)
        Features that no attribute claimed.
    taken, passed_on : dict of str to (B, width)
        Per task, the features its attention took and, with attention, those it left.
    """

    identity: Tensor
    taken: dict[str, Tensor]
    passed_on: dict[str, Tensor]

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        return self.identity, *self.taken.values(), *self.passed_on.values()

    def like(self, tensors: Sequence[Tensor]) -> Separated:
        """Return the same structure with other ``tensors``."""
        identity, *pooled = tensors
        count = len(self.taken)
        return Separated(
            identity,
            dict(zip(self.taken, pooled[:count], strict=True)),
            dict(zip(self.passed_on, pooled[count:], strict=True)),
        )


class Branch(nn.Module):
    """Backbone and separation chain of one input: an embedding per task.

    The chain takes ``x_task = attention(x)`` for a task and passes ``x - x_task`` on to the next;
    identity comes last and gets what no attribute claimed. Without attention, or without a task
    to separate from, identity and tasks all use the backbone's features unchanged. The neck,
    which computes the embedding, is run by the `Network`.
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
        self.backbone = build_backbone(backbone, channels)
        self.width = self.backbone.out_channels
        self.tasks = tasks
        chain = [*tasks, "identity"] if attention and tasks else []
        self.attention = nn.ModuleDict({name: Attention(self.width) for name in chain})
        cells = cells_along(self.backbone, side) ** 2
        self.neck = Neck(self.width, cells, embedding, dropout)

    def forward(self, x: Tensor) -> Separated:
        """Return the features of each task and of identity, from (B, C, side, side)."""
        x = self.backbone(x).permute(0, 2, 3, 1)  # a view: channels are last in memory
        taken: dict[str, Tensor] = {}
        passed_on: dict[str, Tensor] = {}
        if not self.attention:
            taken = dict.fromkeys(self.tasks, x.mean((1, 2)))
            return Separated(x.permute(0, 3, 1, 2), taken, passed_on)
        for task in self.tasks:
            claimed = self.attention[task](x)
            x = x - claimed
            taken[task], passed_on[task] = claimed.mean((1, 2)), x.mean((1, 2))
        return Separated(self.attention["identity"](x).permute(0, 3, 1, 2), taken, passed_on)


class Network(nn.Module):
    """Branches on groups of input channels, with their embeddings concatenated per task.

    Parameters
    ----------
    channels : list of int
        Input channels of each branch; one branch with all channels is early fusion.
    side : int
        Height and width of the input.
    classes : dict of str to int
        Number of classes of each attribute task, in the order of the chain.
    embedding : int
        Size of the identity embedding, per branch.
    backbone : str
        One of `psface.model.network.backbones.BACKBONES`.
    attention : bool
        Whether tasks are separated; see `Branch`.

    Attributes
    ----------
    erased : (embedding * branches, k) buffer
        Orthonormal directions removed from the identity embedding: none until training has found
        them (`psface.training.erasure`).
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
        self.register_buffer("erased", torch.zeros(embedding * len(channels), 0))
        for weight in self.parameters():  # the fastest layout for convolutions
            if weight.ndim == 4:  # copied, as `contiguous` leaves those of one channel alone
                layout = torch.empty_like(weight, memory_format=torch.channels_last)
                weight.data = layout.copy_(weight.data)

    def forward(self, x: Tensor, reversal: float = 0.0) -> Outputs:
        """Return the `Outputs` for (B, sum of channels, side, side); ``reversal`` scales the
        gradient from the adversaries into the branches."""
        return self.combine(self.separate(x), reversal)

    def separate(self, x: Tensor) -> list[Separated]:
        """Return each branch's outputs for (B, sum of channels, side, side)."""
        groups = x.split(self.channels, dim=1)
        return [branch(group) for branch, group in zip(self.branches, groups, strict=True)]

    def combine(self, parts: Sequence[Separated], reversal: float = 0.0) -> Outputs:
        """Combine the outputs of all branches."""
        identities = tuple(
            neck(part.identity) for neck, part in zip(self.necks(), parts, strict=True)
        )
        return Outputs(
            self._without_erased(torch.cat(_of_one_length(identities), dim=1)),
            identities,
            {t: head(torch.cat([p.taken[t] for p in parts], 1)) for t, head in self.heads.items()},
            {
                t: head(reverse_gradient(torch.cat([p.passed_on[t] for p in parts], 1), reversal))
                for t, head in self.adversaries.items()
            },
        )

    def necks(self) -> list[nn.Module]:
        """The neck of each branch."""
        return [branch.neck for branch in self.branches]  # type: ignore[misc]

    def _without_erased(self, identity: Tensor) -> Tensor:
        """Remove the erased directions. The norm of what is left measures quality: an unusual
        expression or pose lies in the directions that are erased, and leaves less of the person."""
        if self.training:  # nothing is erased yet
            return identity
        identity = identity.float()
        if not self.erased.shape[1]:
            return identity
        with torch.autocast(identity.device.type, enabled=False):  # half precision leaves a trace
            return identity - identity @ self.erased @ self.erased.T


def _of_one_length(parts: tuple[Tensor, ...]) -> list[Tensor]:
    """Scale embeddings (B, D), row by row, to the root mean square of their lengths.

    The cosine of the concatenation is then the mean of the branches' cosines. Otherwise a branch
    that is out of its domain, with a large norm, would outvote the others.
    """
    lengths = torch.stack([part.float().norm(dim=1, keepdim=True) for part in parts])
    common = lengths.square().mean(dim=0).sqrt()
    return [part * common / n.clamp(min=1e-6) for part, n in zip(parts, lengths, strict=True)]

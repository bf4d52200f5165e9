"""What the network does with a whole batch, of which each rank has some rows.

Only the necks need this: a backbone is normalised over the rows of a shard, which one rank has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from psface.model.network.multitask import Network, Outputs
from psface.training import ranks


@dataclass
class Rows:
    """Numbers of rows that the ranks have of the current batch."""

    sizes: list[int] = field(default_factory=list)

    @property
    def own(self) -> slice:
        start = sum(self.sizes[: ranks.number()])
        return slice(start, start + self.sizes[ranks.number()])


def over_whole_batches(network: Network, rows: Rows) -> None:
    """Make the necks of a network in training compute as if one process had the whole batch."""
    if ranks.count() == 1:
        return
    for neck in network.necks():
        for name, module in neck.named_children():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                setattr(neck, name, WholeBatchNorm(module, rows))
            elif isinstance(module, nn.Dropout):
                setattr(neck, name, WholeDropout(module.p, rows))


class WholeBatchNorm(nn.modules.batchnorm._BatchNorm):
    """Batch normalisation by the mean and variance over the rows of all ranks.

    ``nn.SyncBatchNorm`` does the same on GPUs alone. It takes over the weights of ``plain``.
    """

    def __init__(self, plain: nn.BatchNorm1d | nn.BatchNorm2d, rows: Rows) -> None:
        super().__init__(plain.num_features, plain.eps, plain.momentum)
        self._parameters, self._buffers = plain._parameters, plain._buffers
        self.rows = rows

    def _check_input_dim(self, input: Tensor) -> None:
        """(rows, C) and (rows, C, H, W) are both fine."""

    def forward(self, input: Tensor) -> Tensor:
        if not self.training:
            return super().forward(input)
        x = input.to(torch.promote_types(input.dtype, torch.float32))
        axes = [0, *range(2, x.ndim)]
        shape = [-1, *[1] * (x.ndim - 2)]
        size = sum(self.rows.sizes) * x.shape[2:].numel()
        mean = ranks.total(x.sum(axes)) / size
        centred = x - mean.view(shape)
        variance = ranks.total(centred.square().sum(axes)) / size
        self._keep(mean.detach(), variance.detach() * size / (size - 1))
        scale = self.weight.to(x.dtype) * (variance + self.eps).rsqrt()
        return (centred * scale.view(shape) + self.bias.to(x.dtype).view(shape)).to(input.dtype)

    def _keep(self, mean: Tensor, variance: Tensor) -> None:
        assert self.running_mean is not None and self.running_var is not None
        assert self.num_batches_tracked is not None and self.momentum is not None
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
        self.running_var.lerp_(variance.to(self.running_var.dtype), self.momentum)
        self.num_batches_tracked += 1


class WholeDropout(nn.Dropout):
    """Dropout that draws for the rows of all ranks and applies its own: what it drops does not
    depend on the number of ranks, and their random generators stay in step."""

    def __init__(self, p: float, rows: Rows) -> None:
        super().__init__(p)
        self.rows = rows

    def forward(self, input: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return input
        noise = input.new_empty(sum(self.rows.sizes), *input.shape[1:])
        noise.bernoulli_(1 - self.p).div_(1 - self.p)
        return input * noise[self.rows.own]


def of_all_ranks(out: Outputs, sizes: Sequence[int]) -> Outputs:
    """The outputs for a whole batch, on every rank, from each rank's for its own rows."""
    if ranks.count() == 1:
        return out
    parts = [out.identity, *out.branches, *out.attributes.values(), *out.remainders.values()]
    wide = [part.to(torch.promote_types(part.dtype, torch.float32)) for part in parts]
    whole = ranks.gathered(torch.cat(wide, 1), sizes).split([part.shape[1] for part in parts], 1)
    identity, *rest = whole
    branches, logits = rest[: len(out.branches)], rest[len(out.branches) :]
    count = len(out.attributes)
    return Outputs(
        identity,
        tuple(branches),
        dict(zip(out.attributes, logits[:count], strict=True)),
        dict(zip(out.remainders, logits[count:], strict=True)),
    )

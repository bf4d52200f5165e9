"""The networks laid out for speed on the CPU: the same functions with other layers.

The CPU computes 16 channels at once: 10 or 28 take longer than 16 or 32. Moving values through
memory costs more than arithmetic, hence PReLU after pooling, on a quarter of the values, where the
result is the same.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional

from psface.detect.mtcnn.networks import Cascaded

LANES = 16


def for_inference(network: Cascaded, device: torch.device) -> Cascaded:
    """Copy the network to the device, in evaluation mode and without gradients."""
    out = copy.deepcopy(network).eval().requires_grad_(False).to(device)
    if device.type == "cpu":
        trunk = out.trunk
        for at, layer in enumerate(trunk):
            if isinstance(layer, nn.MaxPool2d):
                before, prelu, after = trunk[at - 2], trunk[at - 1], trunk[at + 1]
                trunk[at - 1] = nn.Identity()
                trunk[at] = _PReLUMaxPool(before, prelu, layer, after)  # type: ignore[arg-type]
    return out.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


class _PReLUMaxPool(nn.Module):
    """Max-pooling of PReLU, between two convolutions, which are adapted to it.

    Where its slope is not negative, PReLU rises with its input, so the largest input gives the
    largest output and pooling may come first. Elsewhere PReLU(x) = max(relu(x), slope * x): the
    convolution before also computes slope * x, in idle channels, if there are enough.
    """

    def __init__(
        self, before: nn.Conv2d, prelu: nn.PReLU, pool: nn.MaxPool2d, after: nn.Conv2d
    ) -> None:
        super().__init__()
        self.kernel, self.ceil = int(pool.kernel_size), pool.ceil_mode  # type: ignore[arg-type]
        slope = prelu.weight
        count, spare = len(slope), -len(slope) % LANES
        falls = slope < 0
        falling = int(falls.sum())
        self.pooled_first = falling <= spare
        self.falling = falling if self.pooled_first else 0
        order = torch.argsort(falls.int(), descending=True, stable=True)
        idle = torch.full((spare,), count)  # the channel of zeros that _picked adds
        outputs = torch.cat([order, idle])
        after.weight = _picked(after.weight, outputs, 1)
        if self.falling:
            outputs[-self.falling :] = order[: self.falling]
        factor = torch.ones(len(outputs))
        factor[len(factor) - self.falling :] = slope[order[: self.falling]]
        before.weight = _picked(before.weight, outputs, 0, factor)
        assert before.bias is not None
        before.bias = _picked(before.bias, outputs, 0, factor)
        before.out_channels = after.in_channels = len(outputs)
        steady = slope.clamp(min=0) if self.pooled_first else slope
        self.slope = _picked(steady, torch.cat([order, idle]), 0)

    def forward(self, x: Tensor) -> Tensor:
        if not self.pooled_first:
            return self._pool(functional.prelu(x, self.slope))
        pooled = self._pool(x)
        out = functional.prelu(pooled, self.slope)
        if self.falling:
            falling = out[:, : self.falling]
            torch.maximum(falling, pooled[:, -self.falling :], out=falling)
        return out

    def _pool(self, x: Tensor) -> Tensor:
        """Max-pool with a stride of 2; faster than torch's, which also records the positions."""
        for axis in (2, 3):
            beyond = x.shape[axis] - self.kernel
            steps = 1 + (-(-beyond // 2) if self.ceil else beyond // 2)
            first, second, *others = (
                x[(slice(None),) * axis + (slice(i, i + 2 * steps - 1, 2),)]
                for i in range(self.kernel)
            )
            if second.shape[axis] == steps:
                x = torch.maximum(first, second)
            else:
                x, others = first.clone(), [second, *others]
            for other in others:
                within = x.narrow(axis, 0, other.shape[axis])  # the last window may end before
                torch.maximum(within, other, out=within)
        return x


def _picked(values: Tensor, index: Tensor, axis: int, factor: Tensor | None = None) -> nn.Parameter:
    """Select the channels in ``index``; the one past the last is all zeros."""
    zero = torch.zeros_like(values.narrow(axis, 0, 1))
    picked = torch.cat([values, zero], axis).index_select(axis, index)
    if factor is not None:
        picked = picked * factor.view(-1, *[1] * (values.ndim - 1))
    return nn.Parameter(picked, requires_grad=False)

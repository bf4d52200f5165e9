"""Feature separation by attention, and the gradient reversal that enforces it.

The attention is that of Huang et al., "When Age-Invariant Face Recognition Meets Face Age
Synthesis", CVPR 2021 (attentive feature decomposition); gradient reversal is Ganin & Lempitsky,
"Unsupervised Domain Adaptation by Backpropagation", ICML 2015.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

POOL_SIZES = (1, 2, 3)
REDUCTION = 16


class Attention(nn.Module):
    """``x * (channel + spatial) / 2``: the share of ``x`` (B, C, H, W) that one task needs."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        pooled = channels * sum(size * size for size in POOL_SIZES)
        self.channel = nn.Sequential(
            nn.Linear(pooled, channels // REDUCTION, bias=False),
            nn.PReLU(channels // REDUCTION),
            nn.Linear(channels // REDUCTION, channels, bias=False),
            nn.Sigmoid(),
        )
        self.spatial = nn.Sequential(
            nn.Conv2d(2, 1, 7, padding=3, bias=False), nn.BatchNorm2d(1), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        average = x.flatten(2) @ _average_matrix(height, width).to(x)
        channel = self.channel((average + _largest(x)).flatten(1))
        extremes = torch.cat([x.amax(dim=1, keepdim=True), x.mean(dim=1, keepdim=True)], dim=1)
        return x * (channel[:, :, None, None] + self.spatial(extremes)) / 2


def _largest(x: Tensor) -> Tensor:
    """Adaptive maximum pooling to all `POOL_SIZES`: (B, C, cells)."""
    if not torch.compiler.is_exporting():
        pooled = [functional.adaptive_max_pool2d(x, size).flatten(2) for size in POOL_SIZES]
        return torch.cat(pooled, dim=2)
    # ONNX has no adaptive pooling, so pool over its windows.
    cells = [
        x[..., top:bottom, left:right].amax(dim=(2, 3))
        for size in POOL_SIZES
        for top, bottom in _windows(x.shape[2], size)
        for left, right in _windows(x.shape[3], size)
    ]
    return torch.stack(cells, dim=2)


def _windows(length: int, count: int) -> list[tuple[int, int]]:
    return [(i * length // count, -(-(i + 1) * length // count)) for i in range(count)]


@cache
def _average_matrix(height: int, width: int) -> Tensor:
    """Adaptive average pooling to all `POOL_SIZES` as one (height * width, cells) matrix.

    torch's adaptive pooling takes most of the attention's time on the CPU.
    """
    with torch.inference_mode(False):  # training may reuse the matrix
        each_pixel = torch.eye(height * width).reshape(height * width, 1, height, width)
        pooled = [functional.adaptive_avg_pool2d(each_pixel, size) for size in POOL_SIZES]
        return torch.cat([p.flatten(1) for p in pooled], dim=1)


class _Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, strength: float) -> Tensor:
        ctx.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return -ctx.strength * gradients[0], None


def reverse_gradient(x: Tensor, strength: float) -> Tensor:
    """Return ``x`` unchanged; the backward pass multiplies the gradient by ``-strength``."""
    return _Reverse.apply(x, strength)

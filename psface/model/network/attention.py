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

POOL_SIZES = (1, 2, 3)
REDUCTION = 16


class Attention(nn.Module):
    """``x * (channel + spatial) / 2``: the share of ``x`` (B, H, W, C) that one task needs."""

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
        pixels = x.flatten(1, 2)
        average, *windows = _pooling(x.shape[1], x.shape[2], x.dtype, x.device)
        pooled = average @ pixels + _largest(pixels, windows)
        channel = self.channel(pooled.transpose(1, 2).flatten(1))[:, None, None]
        extremes = torch.cat([_maximum(x, -1, keepdim=True), x.mean(dim=-1, keepdim=True)], dim=-1)
        spatial = self.spatial(extremes.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return x * (channel / 2 + spatial / 2)


def _largest(pixels: Tensor, windows: list[Tensor]) -> Tensor:
    """Adaptive maximum pooling of (B, H * W, C) to all `POOL_SIZES`: (B, cells, C)."""
    pooled = [
        _maximum((window @ pixels).unflatten(1, (size * size, -1)), 2)
        if len(window) > pixels.shape[1] or size * size != pixels.shape[1]
        else pixels  # each pixel is a cell
        for window, size in zip(windows, POOL_SIZES, strict=True)
    ]
    return torch.cat(pooled, dim=1)


def _maximum(x: Tensor, dim: int, keepdim: bool = False) -> Tensor:
    """``x.amax``, which shares the gradient among equal values. Compiled, they are computed again
    without their rounding to bfloat16, none equals the maximum found before, and that gradient is
    nan; the gradient of `max` goes by index."""
    if torch.compiler.is_compiling():
        return x.max(dim, keepdim).values
    return x.amax(dim, keepdim)


@cache
def _pooling(
    height: int,
    width: int,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> tuple[Tensor, ...]:
    """Adaptive pooling as matrices, since torch's own takes most of the attention's time on the
    CPU, and ONNX has none: the averages of all `POOL_SIZES` (cells, height * width), and for each
    size the pixels of its windows (cells * n, height * width), with one repeated in windows that
    have fewer than n.
    """
    pixels = torch.arange(height * width).reshape(height, width)
    averages, windows = [], []
    with torch.inference_mode(False):  # training may reuse the matrices
        one_hot = torch.eye(height * width)
        for size in POOL_SIZES:
            cells = [
                pixels[top:bottom, left:right].flatten()
                for top, bottom in _windows(height, size)
                for left, right in _windows(width, size)
            ]
            most = max(map(len, cells))
            filled = [torch.cat([cell, cell[:1].repeat(most - len(cell))]) for cell in cells]
            averages += [one_hot[cell].mean(dim=0) for cell in cells]
            windows.append(one_hot[torch.cat(filled)])
        return tuple(matrix.to(device, dtype) for matrix in (torch.stack(averages), *windows))


def _windows(length: int, count: int) -> list[tuple[int, int]]:
    return [(i * length // count, -(-(i + 1) * length // count)) for i in range(count)]


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

"""Layers that the backbones share."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

SMALL = 16  # pixels of a map
WIDE = 512  # channels from which a product is quicker in half precision, too


class PReLU(nn.Module):
    """``max(0, x) - w * max(0, -x)`` with a slope w per channel (He et al., ICCV 2015).

    The state is compatible with ``nn.PReLU``.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((channels,), 0.25))

    def forward(self, x: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            return _PReLU.apply(x, self.weight)
        return functional.prelu(x, self.weight.to(x.dtype))


class _PReLU(torch.autograd.Function):
    """The backward pass of ``nn.PReLU`` is several times slower on the CPU in bfloat16."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return functional.prelu(x, weight.to(x.dtype))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        x, weight = ctx.saved_tensors
        above = torch.ops.aten.threshold_backward(gradients[0], x, 0)
        below = gradients[0] - above
        slope = weight.to(x.dtype)[:, None, None]
        by_input = above.addcmul_(below, slope)  # in place: memory is what these wait for
        return by_input, below.mul_(x).sum((0, 2, 3))


class Conv3x3(nn.Conv2d):
    """A 3x3 convolution with padding and without bias."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__(inputs, outputs, 3, stride, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        small = x.shape[-2] * x.shape[-1] <= SMALL * self.stride[0] ** 2
        quicker = small and (self.out_channels >= WIDE or not _in_halves(x))
        if quicker and x.device.type == "cpu" and torch.is_grad_enabled():
            return _SmallConvolution.apply(x, self.weight, self.stride[0])
        return super().forward(x)


def _in_halves(x: Tensor) -> bool:
    return torch.is_autocast_enabled("cpu") and x.dtype != torch.float64


class _SmallConvolution(torch.autograd.Function):
    """A 3x3 convolution by matrix products. On maps of few pixels, oneDNN takes up to twice as
    long on the CPU; in half precision, for the gradient of the weights alone."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int) -> Tensor:
        ctx.half = _in_halves(x)
        if ctx.half:
            dtype = torch.get_autocast_dtype("cpu")
            x, weight = x.to(dtype), weight.to(dtype)
        ctx.save_for_backward(x, weight)
        ctx.stride = stride
        if ctx.half:
            return functional.conv2d(x, weight, None, stride, 1)
        return (_windows(x, stride) @ _matrix(weight).T).permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x, weight = ctx.saved_tensors
        by_output = gradients[0].permute(0, 2, 3, 1)
        by_input = by_weight = None
        if ctx.half and ctx.needs_input_grad[0]:
            by_input, _, _ = torch.ops.aten.convolution_backward(
                gradients[0], x, weight, None, [ctx.stride] * 2, [1, 1], [1, 1], False, [0, 0], 1,
                [True, False, False],
            )  # fmt: skip
        elif ctx.needs_input_grad[0]:
            products = (by_output @ _matrix(weight)).unflatten(3, (3, 3, -1))
            by_input = _overlaid(products, ctx.stride, x.shape).permute(0, 3, 1, 2)
        if ctx.needs_input_grad[1]:
            products = by_output.flatten(0, 2).T @ _windows(x, ctx.stride).flatten(0, 2)
            by_weight = products.unflatten(1, (3, 3, x.shape[1])).permute(0, 3, 1, 2)
        return by_input, by_weight, None


def _matrix(weight: Tensor) -> Tensor:
    """Weights (O, I, 3, 3) as (O, 9 I), a view if channels are last in memory."""
    return weight.permute(0, 2, 3, 1).flatten(1)


def _windows(x: Tensor, stride: int) -> Tensor:
    """What a 3x3 convolution sees of (B, C, H, W) for each output, (B, h, w, 3 * 3 * C)."""
    padded = functional.pad(x.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1))
    windows = padded.unfold(1, 3, stride).unfold(2, 3, stride)  # (B, h, w, C, 3, 3)
    return windows.permute(0, 1, 2, 4, 5, 3).flatten(3)


def _overlaid(windows: Tensor, stride: int, shape: torch.Size) -> Tensor:
    """Add up windows (B, h, w, 3, 3, C) where `_windows` takes them from a map (B, C, H, W)."""
    batch, channels, height, width = shape
    out = windows.new_zeros(batch, height + 2, width + 2, channels)  # (B, H + 2, W + 2, C)
    down, right = (stride * (count - 1) + 1 for count in windows.shape[1:3])
    for row in range(3):
        for column in range(3):
            place = out[:, row : row + down : stride, column : column + right : stride]
            place += windows[:, :, :, row, column]
    return out[:, 1:-1, 1:-1].contiguous()


class Neck(nn.Module):
    """Map features (B, width, h, w) to an embedding (B, embedding).

    Normalisation, dropout, one linear layer over all cells and normalisation: option E of ArcFace
    (Deng et al., CVPR 2019). Layers have InsightFace's names.
    """

    def __init__(self, width: int, cells: int, embedding: int, dropout: float) -> None:
        super().__init__()
        self.bn2 = nn.BatchNorm2d(width)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(width * cells, embedding)
        self.features = nn.BatchNorm1d(embedding)

    def forward(self, x: Tensor) -> Tensor:
        return self.features(self.fc(self.dropout(self.bn2(x).flatten(1))))


def initialise_convolutions(network: nn.Module) -> None:
    """Initialise as in He et al., "Delving Deep into Rectifiers", ICCV 2015."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

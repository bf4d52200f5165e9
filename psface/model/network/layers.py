"""Layers that the backbones share."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

SMALL = 16  # pixels of a map


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
        if small and x.device.type == "cpu" and torch.is_grad_enabled():
            return _SmallConvolution.apply(x, self.weight, self.stride[0])
        return super().forward(x)


class _SmallConvolution(torch.autograd.Function):
    """A 3x3 convolution whose weights' gradient is one matrix product: on maps of few pixels,
    oneDNN takes twice as long for it on the CPU."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int) -> Tensor:
        if torch.is_autocast_enabled("cpu") and x.dtype != torch.float64:
            dtype = torch.get_autocast_dtype("cpu")
            x, weight = x.to(dtype), weight.to(dtype)
        ctx.save_for_backward(x, weight)
        ctx.stride = stride
        return functional.conv2d(x, weight, None, stride, 1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        x, weight = ctx.saved_tensors
        stride = ctx.stride
        by_output = gradients[0]
        by_input, _, _ = torch.ops.aten.convolution_backward(
            by_output, x, weight, None, [stride] * 2, [1, 1], [1, 1], False, [0, 0], 1,
            [True, False, False],
        )  # fmt: skip
        padded = functional.pad(x.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1))
        rows = by_output.permute(0, 2, 3, 1)
        windows = padded.unfold(1, 3, stride).unfold(2, 3, stride)  # (B, h, w, C, 3, 3)
        windows = windows.permute(0, 1, 2, 4, 5, 3).reshape(rows[..., 0].numel(), -1)
        by_weight = rows.flatten(0, 2).T @ windows
        by_weight = by_weight.unflatten(1, (3, 3, x.shape[1])).permute(0, 3, 1, 2)
        return by_input, by_weight, None


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

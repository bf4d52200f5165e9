"""iResNet-18 of Duta et al. with PReLU in place of ReLU.

"Improved Residual Networks for Image and Video Recognition", ICPR 2020,
https://arxiv.org/abs/2004.04989. Not to be confused with the IResNet of InsightFace, another
network of nearly the same name. What is improved over ResNet: each stage has a start, middle and
end block, so that the main path is normalised once a stage and carries an activation only at its
end; and a shortcut that shrinks takes the maximum before its 1x1 projection. The stem is a 7x7
convolution, and all four stages halve the size: the total stride is 32.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

STEM = 64
WIDTHS = (64, 128, 256, 512)
BLOCKS_18 = (2, 2, 2, 2)


class PReLU(nn.Module):
    """``max(0, x) - slope * max(0, -x)`` with a slope per channel (He et al., ICCV 2015).

    Written out because the backward pass of torch's own is several times slower on the CPU in
    bfloat16.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.full((channels, 1, 1), 0.25))

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x) - self.slope.to(x.dtype) * functional.relu(-x)


class Block(nn.Module):
    """Two 3x3 convolutions on a shortcut.

    ``start`` opens a stage: raw input, normalised output. ``end`` closes it: the sum is
    normalised and activated. ``after_start`` follows a start block, whose output is normalised
    already. These are figure 1(c) of the paper.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        stride: int = 1,
        *,
        start: bool = False,
        after_start: bool = False,
        end: bool = False,
    ) -> None:
        super().__init__()
        before: list[nn.Module] = []
        if not start:
            if not after_start:
                before.append(nn.BatchNorm2d(inputs))
            before.append(PReLU(inputs))
        self.residual = nn.Sequential(
            *before,
            nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            PReLU(outputs),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            *([nn.BatchNorm2d(outputs)] if start else []),
        )
        self.shortcut = _shortcut(inputs, outputs, stride)
        self.after = (
            nn.Sequential(nn.BatchNorm2d(outputs), PReLU(outputs)) if end else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.after(self.residual(x) + self.shortcut(x))


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.Module:
    layers: list[nn.Module] = []
    if stride != 1:
        layers.append(nn.MaxPool2d(3, stride, padding=1))
    if inputs != outputs:
        layers += [nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs)]
    return nn.Sequential(*layers)


class IResNet(nn.Module):
    """(B, channels, H, W) to (B, 512, ceil(H/32), ceil(W/32))."""

    out_channels = WIDTHS[-1]

    def __init__(self, channels: int, blocks: tuple[int, ...] = BLOCKS_18) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            nn.Conv2d(channels, STEM, 7, 2, padding=3, bias=False),
            nn.BatchNorm2d(STEM),
            PReLU(STEM),
        ]
        inputs = STEM
        for width, count in zip(WIDTHS, blocks, strict=True):
            for index in range(count):
                layers.append(
                    Block(
                        inputs,
                        width,
                        stride=2 if index == 0 else 1,
                        start=index == 0,
                        after_start=index == 1,
                        end=index == count - 1,
                    )
                )
                inputs = width
        self.layers = nn.Sequential(*layers)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)

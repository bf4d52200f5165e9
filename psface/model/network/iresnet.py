"""iResNet of Duta et al., 18 to 152 layers, with PReLU in place of ReLU.

"Improved Residual Networks for Image and Video Recognition", ICPR 2020,
https://arxiv.org/abs/2004.04989. Not to be confused with InsightFace's iresnet, a different network
(`psface.model.network.ir`). Improvements over ResNet: each stage has start, middle and end blocks,
so that the main path is normalised once per stage, with an activation only at its end; and a
downsampling shortcut max-pools before its 1x1 projection. The stem is a 7x7 convolution, and all
four stages halve the size: the total stride is 32.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from torch import Tensor, nn

from psface.model.network.layers import Conv3x3, PReLU, initialise_convolutions

STEM, STEM_LAYERS = 64, 3
WIDTHS = (64, 128, 256, 512)
BLOCKS = {
    "iresnet18": (2, 2, 2, 2),
    "iresnet34": (3, 4, 6, 3),
    "iresnet50": (3, 4, 6, 3),
    "iresnet101": (3, 4, 23, 3),
    "iresnet152": (3, 8, 36, 3),
}
BOTTLENECKS = ("iresnet50", "iresnet101", "iresnet152")
EXPANSION = 4  # output channels of a bottleneck over its width


class Block(nn.Module):
    """Two 3x3 convolutions, or a bottleneck of 1x1, 3x3 and 1x1, with a shortcut.

    ``start`` opens a stage: raw input, normalised output. ``end`` closes it: the sum is
    normalised and activated. ``after_start`` follows a start block, whose output is already
    normalised. See figure 1(c) of the paper.
    """

    def __init__(
        self,
        inputs: int,
        width: int,
        stride: int = 1,
        *,
        bottleneck: bool = False,
        start: bool = False,
        after_start: bool = False,
        end: bool = False,
    ) -> None:
        super().__init__()
        outputs = width * EXPANSION if bottleneck else width
        before: list[nn.Module] = []
        if not start:
            if not after_start:
                before.append(nn.BatchNorm2d(inputs))
            before.append(PReLU(inputs))
        self.residual = nn.Sequential(
            *before,
            *(_bottleneck if bottleneck else _basic)(inputs, width, outputs, stride),
            *([nn.BatchNorm2d(outputs)] if start else []),
        )
        self.shortcut = _shortcut(inputs, outputs, stride)
        self.after = (
            nn.Sequential(nn.BatchNorm2d(outputs), PReLU(outputs)) if end else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.after(self.residual(x) + self.shortcut(x))


def _basic(inputs: int, width: int, outputs: int, stride: int) -> list[nn.Module]:
    return [
        Conv3x3(inputs, width, stride),
        nn.BatchNorm2d(width),
        PReLU(width),
        Conv3x3(width, outputs),
    ]


def _bottleneck(inputs: int, width: int, outputs: int, stride: int) -> list[nn.Module]:
    return [
        nn.Conv2d(inputs, width, 1, bias=False),
        nn.BatchNorm2d(width),
        PReLU(width),
        Conv3x3(width, width, stride),
        nn.BatchNorm2d(width),
        PReLU(width),
        nn.Conv2d(width, outputs, 1, bias=False),
    ]


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.Module:
    layers: list[nn.Module] = []
    if stride != 1:
        layers.append(nn.MaxPool2d(3, stride, padding=1))
    if inputs != outputs:
        layers += [nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs)]
    return nn.Sequential(*layers)


class IResNet(nn.Module):
    """Map (B, channels, H, W) to (B, out_channels, ceil(H/32), ceil(W/32))."""

    stride = 32

    def __init__(self, name: str, channels: int) -> None:
        super().__init__()
        bottleneck = name in BOTTLENECKS
        layers: list[nn.Module] = [
            nn.Conv2d(channels, STEM, 7, 2, padding=3, bias=False),
            nn.BatchNorm2d(STEM),
            PReLU(STEM),
        ]
        inputs = STEM
        for width, count in zip(WIDTHS, BLOCKS[name], strict=True):
            for index in range(count):
                layers.append(
                    Block(
                        inputs,
                        width,
                        stride=2 if index == 0 else 1,
                        bottleneck=bottleneck,
                        start=index == 0,
                        after_start=index == 1,
                        end=index == count - 1,
                    )
                )
                inputs = width * EXPANSION if bottleneck else width
        self.layers = nn.Sequential(*layers)
        self.starts = (0, *np.cumsum([STEM_LAYERS, *BLOCKS[name]]).tolist())
        self.out_channels = inputs
        initialise_convolutions(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)

    def parts(self) -> list[list[nn.Module]]:
        """The stem and the four stages."""
        return [[self.layers[i] for i in range(a, b)] for a, b in pairwise(self.starts)]

"""The IR and IR-SE backbones of InsightFace, compatible with its published checkpoints.

``ir18`` to ``ir100`` are the ``iresnet`` of InsightFace's arcface_torch and of MagFace
(https://github.com/deepinsight/insightface, https://github.com/IrvingMeng/MagFace); ``irse50`` to
``irse152`` are the squeeze-and-excitation networks of face.evoLVe and InsightFace_Pytorch
(https://github.com/ZhaoJ9014/face.evoLVe). Modules have the names used in those checkpoints,
hence the terse ones. Both come from Deng et al., "ArcFace", CVPR 2019: a 3x3 stem without stride,
four stages that each halve the size, and a normalisation before the first convolution of a block.
SE is Hu et al., "Squeeze-and-Excitation Networks", CVPR 2018. The total stride is 16.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from torch import Tensor, nn

from psface.model.network.layers import PReLU, initialise_convolutions

WIDTHS = (64, 128, 256, 512)
BLOCKS = {
    "ir18-slim": (2, 2, 2, 2),
    "ir18": (2, 2, 2, 2),
    "ir34": (3, 4, 6, 3),
    "ir50": (3, 4, 14, 3),
    "ir100": (3, 13, 30, 3),
    "irse50": (3, 4, 14, 3),
    "irse101": (3, 13, 30, 3),
    "irse152": (3, 8, 36, 3),
}
REDUCTION = 16
SLIM = "-slim"


def _conv3x3(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)


def _conv1x1(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 1, stride, bias=False)


class IRBlock(nn.Module):
    """BN, 3x3, BN, PReLU, 3x3, BN with a shortcut, projected at the start of a stage."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = _conv3x3(inputs, width)
        self.bn2 = nn.BatchNorm2d(width)
        self.prelu = PReLU(width)
        self.conv2 = _conv3x3(width, width, stride)
        self.bn3 = nn.BatchNorm2d(width)
        self.downsample = (
            nn.Sequential(_conv1x1(inputs, width, stride), nn.BatchNorm2d(width))
            if stride != 1
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        y = self.prelu(self.bn2(self.conv1(self.bn1(x))))
        return self.bn3(self.conv2(y)) + self.downsample(x)


class IR(nn.Module):
    """Map (B, channels, H, W) to (B, 512, ceil(H/16), ceil(W/16)); a slim one has half the width,
    and a quarter of the weights."""

    stride = 16

    def __init__(self, name: str, channels: int) -> None:
        super().__init__()
        widths = [width // 2 for width in WIDTHS] if name.endswith(SLIM) else WIDTHS
        self.out_channels = widths[-1]
        stem = widths[0]
        self.conv1 = _conv3x3(channels, stem)
        self.bn1 = nn.BatchNorm2d(stem)
        self.prelu = PReLU(stem)
        stages = []
        inputs = stem
        for width, count in zip(widths, BLOCKS[name], strict=True):
            rest = [IRBlock(width, width, 1) for _ in range(count - 1)]
            stages.append(nn.Sequential(IRBlock(inputs, width, 2), *rest))
            inputs = width
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        initialise_convolutions(self)

    def forward(self, x: Tensor) -> Tensor:
        x = self.prelu(self.bn1(self.conv1(x)))
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))

    def parts(self) -> list[list[nn.Module]]:
        """The stem and the four stages."""
        stem: list[nn.Module] = [self.conv1, self.bn1, self.prelu]
        return [stem, [self.layer1], [self.layer2], [self.layer3], [self.layer4]]


class SEModule(nn.Module):
    """Weight the channels of (B, C, H, W) by a gate computed from all channel means."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1 = _conv1x1(channels, channels // REDUCTION)
        self.fc2 = _conv1x1(channels // REDUCTION, channels)

    def forward(self, x: Tensor) -> Tensor:
        average = x.mean(dim=(2, 3), keepdim=True)
        return x * self.fc2(self.fc1(average).relu()).sigmoid()


class IRSEBlock(nn.Module):
    """BN, 3x3, PReLU, 3x3, BN, SE with a shortcut, projected where the width grows."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.shortcut_layer: nn.Module = (
            nn.MaxPool2d(1, stride)
            if inputs == width
            else nn.Sequential(_conv1x1(inputs, width, stride), nn.BatchNorm2d(width))
        )
        self.res_layer = nn.Sequential(
            nn.BatchNorm2d(inputs),
            _conv3x3(inputs, width),
            PReLU(width),
            _conv3x3(width, width, stride),
            nn.BatchNorm2d(width),
            SEModule(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.res_layer(x) + self.shortcut_layer(x)


class IRSE(nn.Module):
    """Map (B, channels, H, W) to (B, 512, ceil(H/16), ceil(W/16))."""

    stride = 16
    out_channels = WIDTHS[-1]

    def __init__(self, name: str, channels: int) -> None:
        super().__init__()
        stem = WIDTHS[0]
        self.input_layer = nn.Sequential(
            _conv3x3(channels, stem), nn.BatchNorm2d(stem), PReLU(stem)
        )
        blocks: list[nn.Module] = []
        inputs = stem
        for width, count in zip(WIDTHS, BLOCKS[name], strict=True):
            for index in range(count):
                blocks.append(IRSEBlock(inputs, width, 2 if index == 0 else 1))
                inputs = width
        self.body = nn.Sequential(*blocks)
        self.starts = (0, *np.cumsum(BLOCKS[name]).tolist())
        initialise_convolutions(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.body(self.input_layer(x))

    def parts(self) -> list[list[nn.Module]]:
        """The stem and the four stages."""
        stages = ([self.body[i] for i in range(a, b)] for a, b in pairwise(self.starts))
        return [[self.input_layer], *stages]

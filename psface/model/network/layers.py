"""Layers that the backbones share."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class PReLU(nn.Module):
    """``max(0, x) - w * max(0, -x)`` with a slope w per channel (He et al., ICCV 2015).

    Written out because the backward pass of ``nn.PReLU`` is several times slower on the CPU in
    bfloat16. The state is compatible with ``nn.PReLU``.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((channels,), 0.25))

    def forward(self, x: Tensor) -> Tensor:
        slope = self.weight.to(x.dtype)[:, None, None]
        return functional.relu(x) - slope * functional.relu(-x)


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

"""Standardisation of stored values into the network's input."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from psface.model.device import on_device

LIMIT = 3.0  # standard deviations


@dataclass(frozen=True)
class Scale:
    """Standardise stored values into the network's input.

    ``(value - mean) / std`` per channel, clamped to [-limit, limit]: otherwise the depth map of a
    strongly turned face would exceed everything seen in training.
    """

    mean: list[float]
    std: list[float]
    limit: float

    def applied(self, values: np.ndarray | Tensor, device: torch.device) -> Tensor:
        """Stored values (B, C, S, S) as the network's input on ``device``."""
        batch = on_device(values, device)
        mean, std = on_device(torch.tensor([self.mean, self.std])[:, :, None, None], device)
        return ((batch - mean) / std).clamp(-self.limit, self.limit)

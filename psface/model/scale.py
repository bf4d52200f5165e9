"""How stored values become the network's input."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

LIMIT = 3.0  # standard deviations


@dataclass(frozen=True)
class Scale:
    """How stored values become the network's input.

    ``(value - mean) / std`` per channel, clamped to [-limit, limit]: a depth map of a face turned
    far away would else lie beyond all that training has seen.
    """

    mean: list[float]
    std: list[float]
    limit: float

    def applied(self, values: np.ndarray, device: torch.device) -> Tensor:
        """Stored values (B, C, S, S) as the network's input on ``device``."""
        batch = torch.from_numpy(values).to(device)
        mean = torch.tensor(self.mean, device=device)[:, None, None]
        std = torch.tensor(self.std, device=device)[:, None, None]
        return ((batch - mean) / std).clamp(-self.limit, self.limit)

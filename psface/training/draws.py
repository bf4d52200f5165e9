"""Random numbers for a batch, the same for a row whichever process has it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Draws:
    """Random numbers for the rows ``own`` of a batch of ``total``."""

    generator: torch.Generator
    own: slice
    total: int

    def below(self, end: int, count: int) -> Tensor:
        """``count`` integers in [0, end) for each row: (count, rows)."""
        return torch.randint(0, end, (count, self.total), generator=self.generator)[:, self.own]

    def uniform(self, count: int = 1) -> Tensor:
        """As `below`, in [0, 1)."""
        return torch.rand(count, self.total, generator=self.generator)[:, self.own]

    def gaussian(self, *shape: int) -> Tensor:
        """Normal numbers (rows, *shape)."""
        return torch.randn(self.total, *shape, generator=self.generator)[self.own]

    def normal(self, batch: Tensor) -> Tensor:
        """A normal number for every value of ``batch``; on a GPU, drawn there."""
        if batch.device.type == "cpu":
            return self.gaussian(*batch.shape[1:])
        seed = int(torch.randint(2**62, (), generator=self.generator)) + self.own.start
        there = torch.Generator(batch.device).manual_seed(seed)
        return torch.randn(batch.shape, generator=there, device=batch.device)

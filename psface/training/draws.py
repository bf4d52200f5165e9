"""Random numbers for a batch, the same for a row whichever process has it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from psface.model.device import on_device

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Draws:
    """Random numbers for the rows ``own`` of a batch of ``total``, on ``device``.

    What is drawn for a row does not depend on who has it, nor where. (On a GPU, `noise` does.)
    """

    generator: torch.Generator
    own: slice
    total: int
    device: torch.device = CPU

    def uniform(self, count: int = 1) -> Tensor:
        """Numbers in [0, 1), (count, rows)."""
        drawn = torch.rand(count, self.total, generator=self.generator)
        return on_device(drawn[:, self.own], self.device)

    def gaussian(self, *shape: int) -> Tensor:
        """Normal numbers (rows, *shape)."""
        drawn = torch.randn(self.total, *shape, generator=self.generator)
        return on_device(drawn[self.own], self.device)

    def noise(self, batch: Tensor) -> Tensor:
        """A normal number for every value of ``batch``; on a GPU, drawn there."""
        if self.device.type == "cpu":
            return self.gaussian(*batch.shape[1:])
        seed = int(torch.randint(2**62, (), generator=self.generator)) + self.own.start
        there = torch.Generator(self.device).manual_seed(seed)
        return torch.randn(batch.shape, generator=there, device=self.device)

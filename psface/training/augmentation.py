"""Augmentation, with one draw for all maps of a capture."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from psface.model.device import on_device
from psface.model.embedding import mirror

SHIFT = 0.06  # largest shift of a random crop, as a share of the side
MIRROR_PROBABILITY = 0.5
PATCH_PROBABILITY = 0.5
PATCH_SIDE = (0.1, 0.35)  # as a share of the crop's side


def augment(
    batch: Tensor,
    x_channels: list[int],
    generator: torch.Generator,
    first: int = 0,
    total: int | None = None,
) -> Tensor:
    """Apply random crop, mirror and patch noise, one draw per capture for all its channels.

    Parameters
    ----------
    batch : (B, C, S, S) float32
        Standardised maps, stacked.
    x_channels : list of int
        Channels with the x component of a normal, whose sign a mirror flips. They must be
        standardised without an offset.
    generator : torch.Generator
        On the CPU, whatever the batch's device.
    first, total : int
        The batch is rows ``first`` and following of one of ``total`` rows: what is drawn for a row
        does not depend on who has it. (On a GPU, the noise of the patches does.)
    """
    draws = _Draws(generator, slice(first, first + len(batch)), total or len(batch))
    out = _random_crop(batch, draws)
    out = _mirror(out, x_channels, draws)
    return _patch_noise(out, draws)


@dataclass(frozen=True)
class _Draws:
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

    def normal(self, batch: Tensor) -> Tensor:
        """A normal number for every value of ``batch``; on a GPU, drawn there."""
        if batch.device.type == "cpu":
            return torch.randn(self.total, *batch.shape[1:], generator=self.generator)[self.own]
        seed = int(torch.randint(2**62, (), generator=self.generator)) + self.own.start
        there = torch.Generator(batch.device).manual_seed(seed)
        return torch.randn(batch.shape, generator=there, device=batch.device)


def _random_crop(batch: Tensor, draws: _Draws) -> Tensor:
    count, channels, side, _ = batch.shape
    reach = round(SHIFT * side)
    padded = functional.pad(batch, [reach] * 4, mode="replicate")
    corner = on_device(draws.below(2 * reach + 1, 2), batch.device)
    steps = torch.arange(side, device=batch.device)
    rows = (corner[0, :, None] + steps)[:, None, :, None]
    columns = (corner[1, :, None] + steps)[:, None, None, :]
    sample = torch.arange(count, device=batch.device)[:, None, None, None]
    channel = torch.arange(channels, device=batch.device)[None, :, None, None]
    return padded[sample, channel, rows, columns]


def _mirror(batch: Tensor, x_channels: list[int], draws: _Draws) -> Tensor:
    chosen = draws.uniform()[0] < MIRROR_PROBABILITY
    chosen = on_device(chosen, batch.device)[:, None, None, None]
    return torch.where(chosen, mirror(batch, x_channels), batch)


def _patch_noise(batch: Tensor, draws: _Draws) -> Tensor:
    side = batch.shape[-1]
    chosen = draws.uniform()[0] < PATCH_PROBABILITY
    low, high = PATCH_SIDE
    size = (low + (high - low) * draws.uniform(2)) * side
    corner = draws.uniform(2) * (side - size)
    steps = torch.arange(side)
    inside = (steps >= corner[..., None]) & (steps < (corner + size)[..., None])
    patch = inside[0, :, :, None] & inside[1, :, None, :] & chosen[:, None, None]
    return torch.where(on_device(patch[:, None], batch.device), draws.normal(batch), batch)

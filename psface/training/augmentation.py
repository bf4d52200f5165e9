"""Augmentation, with one draw for all maps of a capture."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from psface.model.embedding import mirror
from psface.training.draws import Draws

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
    draws = Draws(generator, slice(first, first + len(batch)), total or len(batch))
    out = _random_crop(batch, draws)
    out = _mirror(out, x_channels, draws)
    return _patch_noise(out, draws)


def _random_crop(batch: Tensor, draws: Draws) -> Tensor:
    count, channels, side, _ = batch.shape
    reach = round(SHIFT * side)
    padded = functional.pad(batch, [reach] * 4, mode="replicate")
    corner = draws.below(2 * reach + 1, 2).to(batch.device)
    steps = torch.arange(side, device=batch.device)
    rows = (corner[0, :, None] + steps)[:, None, :, None]
    columns = (corner[1, :, None] + steps)[:, None, None, :]
    sample = torch.arange(count, device=batch.device)[:, None, None, None]
    channel = torch.arange(channels, device=batch.device)[None, :, None, None]
    return padded[sample, channel, rows, columns]


def _mirror(batch: Tensor, x_channels: list[int], draws: Draws) -> Tensor:
    chosen = draws.uniform()[0] < MIRROR_PROBABILITY
    return torch.where(
        chosen.to(batch.device)[:, None, None, None], mirror(batch, x_channels), batch
    )


def _patch_noise(batch: Tensor, draws: Draws) -> Tensor:
    side = batch.shape[-1]
    chosen = draws.uniform()[0] < PATCH_PROBABILITY
    low, high = PATCH_SIDE
    size = (low + (high - low) * draws.uniform(2)) * side
    corner = draws.uniform(2) * (side - size)
    steps = torch.arange(side)
    inside = (steps >= corner[..., None]) & (steps < (corner + size)[..., None])
    patch = inside[0, :, :, None] & inside[1, :, None, :] & chosen[:, None, None]
    return torch.where(patch[:, None].to(batch.device), draws.normal(batch), batch)

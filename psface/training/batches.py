"""Batches of training rows for an epoch."""

from __future__ import annotations

import math

import torch
from torch import Tensor

WHOLE, BLOCK = 2**18, 2**8  # rows


def steps_in(rows: int, batch_size: int) -> int:
    """Number of batches in an epoch."""
    return math.ceil(rows / batch_size)


def shuffled_batches(rows: int, batch_size: int, generator: torch.Generator) -> list[Tensor]:
    """Shuffle all rows into batches of nearly equal size.

    More than `WHOLE` rows are shuffled by blocks: `BLOCK` consecutive rows stay near each other, so
    that a disk is read by the block, not by the row. The blocks are shuffled, and then the rows of
    `WHOLE` // `BLOCK` blocks at a time.
    """
    if rows <= WHOLE:
        order = torch.randperm(rows, generator=generator)
    else:
        blocks = torch.arange(rows).split(BLOCK)
        mixed = [blocks[i] for i in torch.randperm(len(blocks), generator=generator)]
        order = torch.cat(mixed)
        for part in order.split(WHOLE):  # each is a view
            part.copy_(part[torch.randperm(len(part), generator=generator)])
    return list(order.tensor_split(steps_in(rows, batch_size)))


def grouped_batches(
    identities: Tensor, batch_size: int, group: int, generator: torch.Generator
) -> list[Tensor]:
    """Shuffle all rows into batches, ``group`` rows of a person at a time, for triplets.

    Each person's rows are shuffled and cut into groups; the groups are shuffled and dealt into as
    many batches as in `shuffled_batches`.
    """
    count = len(identities)
    order = torch.randperm(count, generator=generator)
    order = order[identities[order].argsort(stable=True)]
    people = torch.bincount(identities)
    within = torch.arange(count) - (people.cumsum(0) - people).repeat_interleave(people)
    starts = (within % group == 0).nonzero().squeeze(1)
    sizes = torch.diff(starts, append=torch.tensor([count]))
    shuffled = torch.randperm(len(starts), generator=generator)
    starts, sizes = starts[shuffled], sizes[shuffled]
    done = sizes.cumsum(0) - sizes
    rows = order[(starts - done).repeat_interleave(sizes) + torch.arange(count)]
    # Cut where the running count of rows passes each batch's share.
    steps = steps_in(count, batch_size)
    batch = (done * steps // count).clamp(max=steps - 1)
    lengths = torch.bincount(batch.repeat_interleave(sizes), minlength=steps)
    return [part for part in rows.split(lengths.tolist()) if len(part)]

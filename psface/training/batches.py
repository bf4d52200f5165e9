"""Batches of training rows for an epoch."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def steps_in(rows: int, batch_size: int) -> int:
    """Number of batches in an epoch."""
    return math.ceil(rows / batch_size)


def shuffled_batches(rows: int, batch_size: int, generator: torch.Generator) -> list[Tensor]:
    """Shuffle all rows into batches of nearly equal size."""
    order = torch.randperm(rows, generator=generator)
    return list(order.tensor_split(steps_in(rows, batch_size)))


def grouped_batches(
    identities: Tensor, batch_size: int, group: int, generator: torch.Generator
) -> list[Tensor]:
    """Shuffle all rows into batches, ``group`` rows of a person at a time, for triplets.

    Each person's rows are shuffled and cut into groups; the groups are shuffled and dealt into as
    many batches as in `shuffled_batches`.
    """
    order = torch.randperm(len(identities), generator=generator)
    order = order[identities[order].argsort(stable=True)]
    people = order.split(torch.bincount(identities).tolist())
    groups = [part for rows in people if len(rows) for part in rows.split(group)]
    shuffled = [groups[i] for i in torch.randperm(len(groups), generator=generator)]
    steps = steps_in(len(identities), batch_size)
    # Cut where the running count of rows passes each batch's share.
    batches: list[list[Tensor]] = [[] for _ in range(steps)]
    done = 0
    for rows in shuffled:
        batches[min(done * steps // len(identities), steps - 1)].append(rows)
        done += len(rows)
    return [torch.cat(batch) for batch in batches if batch]

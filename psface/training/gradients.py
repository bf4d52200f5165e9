"""Gradients of a step: added up over ranks, and clipped by their common norm."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from psface.training import ranks
from psface.training.objective import Objective


def add_up_gradients(network: nn.Module) -> None:
    """Add up over ranks what the rows of each have given the weights of a network.

    After the backward pass rather than during it, as DistributedDataParallel does: its hooks do not
    see the gradients of `psface.training.shards`, which threads compute.
    """
    if ranks.count() == 1:
        return
    trained = [weight for weight in network.parameters() if weight.requires_grad]
    for weight in trained:
        if weight.grad is None:  # a rank without rows
            weight.grad = torch.zeros_like(weight)
    ranks.add_up([weight.grad for weight in trained if weight.grad is not None])


@torch.no_grad()
def clip_gradients(network: nn.Module, objective: Objective, limit: float) -> None:
    """Scale all gradients down to the norm ``limit``, if theirs is greater.

    As `torch.nn.utils.clip_grad_norm_`, also where they are sparse, or spread over ranks, as those
    of the class centres are.
    """
    centres = {id(centre) for centre in objective.centres().values()}
    weights = [w for w in (*network.parameters(), *objective.parameters()) if w.grad is not None]
    parts, dense, values = [], [], []
    for weight in weights:
        assert weight.grad is not None
        if weight.grad.is_sparse:
            weight.grad = weight.grad.coalesce()
            values.append(weight.grad.values())
        else:
            dense.append(weight)
        parts.append(_norm(weight.grad) if id(weight) in centres else weight.grad)
    norm = get_total_norm(parts)
    clip_grads_with_norm_(dense, limit, norm)
    for value in values:
        value.mul_((limit / (norm + 1e-6)).clamp(max=1.0))


def _norm(gradient: Tensor) -> Tensor:
    """What has the norm that a gradient has over all ranks."""
    own = gradient.values() if gradient.is_sparse else gradient
    if ranks.count() == 1:
        return own
    return ranks.summed(own.square().sum()).sqrt()

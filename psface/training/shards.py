"""A training step over shards of a batch in parallel, one thread each."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from psface.model.device import autocast
from psface.model.network.multitask import Branch, Network, Separated
from psface.threads import map_in_threads

Gradients = Sequence[Tensor | None]

SHARD = 16  # faces; the mean and variance of fewer are too noisy for batch normalisation


class Shards:
    """Forward and backward passes of a network's branches, over shards of a batch.

    These take most of a step's time. The shards share the weights, in half precision where autocast
    would convert them. Each is normalised by its own mean and variance ("ghost batch
    normalisation": Hoffer et al., "Train longer, generalize better", NeurIPS 2017), and the running
    ones are averaged over all shards. The shards depend only on the batch, and sums have a fixed
    order, so the result is the same on any number of threads.

    Parameters
    ----------
    network : Network
        In the mode (`train`, frozen parts) that its shards should have.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.on_gpu = next(network.parameters()).device.type != "cpu"
        self.half = {} if self.on_gpu else _half_precision(network)
        self.replicas: list[list[Branch]] = []
        self.done: list[tuple[int, int, list[Tensor]]] = []
        self.joined: list[list[Tensor]] = []

    def forward(self, batch: Tensor) -> list[Separated]:
        """Return the input of `Network.combine` for a batch (B, channels, side, side)."""
        if self.on_gpu:
            with autocast(batch.device):
                return self.network.separate(batch)
        count = -(-len(batch) // SHARD)
        groups = batch.split(self.network.channels, dim=1)
        self._replicate(count)
        if self.half:
            weights, copies = zip(*self.half.values(), strict=True)
            with torch.no_grad():
                torch._foreach_copy_(copies, weights)
        work = [
            (branch, number, shard)
            for branch, group in enumerate(groups)
            for number, shard in enumerate(group.tensor_split(count))
        ]

        def run(item: tuple[int, int, Tensor]) -> Separated:
            branch, number, shard = item
            with autocast(shard.device):
                return self.replicas[number][branch](shard)

        outputs = list(map_in_threads(run, work))
        self.done = [
            (branch, number, list(out.tensors))
            for (branch, number, _), out in zip(work, outputs, strict=True)
        ]
        joined = []
        for branch in range(len(groups)):
            shards = [tensors for b, _, tensors in self.done if b == branch]
            merged = [torch.cat([t.detach() for t in parts]) for parts in zip(*shards, strict=True)]
            joined.append([tensor.requires_grad_() for tensor in merged])
        self.joined = joined
        return [out.like(tensors) for out, tensors in zip(outputs[::count], joined, strict=True)]

    def backward(self) -> None:
        """Propagate the gradients of `forward`'s outputs into the branches; equalise the shards'
        running statistics."""
        if self.on_gpu:
            return
        branches = list(self.network.branches)
        weights = [[p for p in b.parameters() if p.requires_grad] for b in branches]
        leaves = [[p for p in b.parameters() if p.requires_grad] for b in self.replicas[0]]

        def run(item: tuple[int, int, list[Tensor]]) -> Gradients:
            branch, number, outputs = item
            pairs = [
                (out, merged.grad.tensor_split(count)[number])
                for out, merged in zip(outputs, self.joined[branch], strict=True)
                if merged.grad is not None and out.requires_grad
            ]
            if not pairs or not weights[branch]:
                return [None] * len(weights[branch])
            tensors, gradients = zip(*pairs, strict=True)
            return torch.autograd.grad(tensors, leaves[branch], gradients, allow_unused=True)

        count = len(self.done) // len(branches)
        results = list(map_in_threads(run, self.done))
        for branch, trained in enumerate(weights):
            shards = [g for (b, _, _), g in zip(self.done, results, strict=True) if b == branch]
            set_gradients(trained, shards)
        self.done, self.joined = [], []
        self._average_statistics(count)  # last: the passes above read them

    def _replicate(self, count: int) -> None:
        shared: dict[int, Tensor] = {id(weight): weight for weight in self.network.parameters()}
        shared |= {key: half for key, (_, half) in self.half.items()}
        while len(self.replicas) < count:
            copies = copy.deepcopy(list(self.network.branches), dict(shared))
            self.replicas.append(copies)  # type: ignore[arg-type]

    def _average_statistics(self, count: int) -> None:
        own = _buffers(list(self.network.branches))
        shards = [_buffers(replica) for replica in self.replicas]
        with torch.no_grad():
            for buffer, *copies in zip(own, *shards, strict=True):
                if buffer.is_floating_point():
                    mean = torch.stack(copies[:count]).mean(dim=0)
                    for each in (buffer, *copies):
                        each.copy_(mean)
                else:  # the number of batches
                    buffer.copy_(copies[0])


def _half_precision(network: Network) -> dict[int, tuple[Tensor, Tensor]]:
    """The weights that autocast would convert for every shard, each with a copy in its precision,
    by the weights' addresses; empty in full precision."""
    context = autocast(torch.device("cpu"))
    if not context._enabled:
        return {}
    return {
        id(weight): (weight, nn.Parameter(weight.to(context.fast_dtype), weight.requires_grad))
        for branch in network.branches
        for weight in branch.parameters()
        if weight.ndim > 1 and weight.dtype == torch.float32
    }


def set_gradients(weights: Sequence[nn.Parameter], shards: Sequence[Gradients]) -> None:
    """Set each weight's gradient to the sum over all shards, in their order."""
    for weight, parts in zip(weights, zip(*shards, strict=True), strict=True):
        gradients = [part for part in parts if part is not None]
        if gradients:
            # In the weight's memory layout: a fused optimiser reads both in storage order.
            total = torch.empty_like(weight).copy_(gradients[0])
            for gradient in gradients[1:]:
                total += gradient
            weight.grad = total


def _buffers(branches: Sequence[nn.Module]) -> list[Tensor]:
    """Statistics of all that the shards run; the network runs the necks."""
    parts = [part for b in branches for name, part in b.named_children() if name != "neck"]
    return [buffer for part in parts for buffer in part.buffers()]

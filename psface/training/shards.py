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

    These take most of a step's time. The shards share the weights; each is normalised by its own
    mean and variance ("ghost batch normalisation": Hoffer et al., "Train longer, generalize
    better", NeurIPS 2017), and the running ones are averaged over all shards. The shards depend
    only on the batch, and sums have a fixed order, so the result is the same on any number of
    threads.

    Parameters
    ----------
    network : Network
        In the mode (`train`, frozen parts) that its shards should have.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.on_gpu = next(network.parameters()).device.type != "cpu"
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
            return torch.autograd.grad(tensors, weights[branch], gradients, allow_unused=True)

        count = len(self.done) // len(branches)
        results = list(map_in_threads(run, self.done))
        for branch, trained in enumerate(weights):
            shards = [g for (b, _, _), g in zip(self.done, results, strict=True) if b == branch]
            set_gradients(trained, shards)
        self.done, self.joined = [], []
        self._average_statistics(count)  # last: the passes above read them

    def _replicate(self, count: int) -> None:
        while len(self.replicas) < count:
            if not self.replicas:
                self.replicas.append(list(self.network.branches))  # type: ignore[arg-type]
                continue
            shared = {id(weight): weight for weight in self.network.parameters()}
            self.replicas.append([copy.deepcopy(b, dict(shared)) for b in self.replicas[0]])

    def _average_statistics(self, count: int) -> None:
        if count == 1:
            return
        with torch.no_grad():
            per_replica = [_statistics(replica) for replica in self.replicas]
            sums = per_replica[0]
            for other in per_replica[1:count]:
                sums = list(torch._foreach_add(sums, other))
            means = torch._foreach_div(sums, count)
            for statistics in per_replica:
                torch._foreach_copy_(statistics, means)


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


def _statistics(branches: Sequence[nn.Module]) -> list[Tensor]:
    return [b for branch in branches for b in branch.buffers() if b.is_floating_point()]

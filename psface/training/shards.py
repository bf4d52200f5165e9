"""A training step over shards of a batch in parallel, one thread each."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from psface.model.device import autocast, half_precision
from psface.model.network.multitask import Branch, Network, Separated
from psface.threads import map_in_threads
from psface.training import ranks
from psface.training.graphed_branch import GraphedBranch

Gradients = Sequence[Tensor | None]

SHARD = 16  # faces; the mean and variance of fewer are too noisy for batch normalisation


class Shards:
    """Forward and backward passes of a network's branches, over shards of a batch.

    These take most of a step's time. The shards share the weights, in half precision where autocast
    would convert them. Each is normalised by its own mean and variance ("ghost batch
    normalisation": Hoffer et al., "Train longer, generalize better", NeurIPS 2017), and the running
    ones are averaged over all shards. The shards depend only on the batch, and sums have a fixed
    order, so the result is the same on any number of threads, and but for rounding on any number of
    ranks. A GPU is quickest with all that it has of a batch in one shard, one per rank, and waits
    for the processor unless it is told a whole pass at once, as a graph.

    Parameters
    ----------
    network : Network
        In the mode (`train`, frozen parts) that its shards should have.
    compiler : str
        The backend of `torch.compile` for the branches; by default, they are not compiled.
    graphs : bool
        Whether a GPU may keep the passes as graphs: batches are of a few sizes only, and each
        ``backward`` is followed by a step. Of several ranks, none does.
    """

    def __init__(self, network: Network, compiler: str = "", graphs: bool = False) -> None:
        self.network = network
        self.compiler = compiler
        self.on_gpu = next(network.parameters()).device.type != "cpu"
        self.graphs = graphs and self.on_gpu and ranks.count() == 1
        self.graphed: dict[tuple[int, torch.Size], GraphedBranch] = {}
        if compiler and self.on_gpu:
            for branch in network.branches:
                branch.compile(backend=compiler)
        self.half = {} if self.on_gpu else _half_precision(network)
        self.replicas: list[list[Branch]] = []
        self.done: list[tuple[int, int, list[Tensor]]] = []
        self.joined: list[list[Tensor]] = []
        self.sizes: list[list[int]] = []

    def rows(self, faces: int) -> list[int]:
        """Numbers of rows of a batch of ``faces`` that the ranks compute."""
        return [sum(sizes) for sizes in self._layout(faces)]

    def forward(self, batch: Tensor, faces: int | None = None) -> list[Separated]:
        """Return the input of `Network.combine` for a batch (B, channels, side, side), this rank's
        `rows` of one of ``faces``."""
        self.sizes = self._layout(len(batch) if faces is None else faces)
        sizes = self.sizes[ranks.number()]
        count = len(sizes)
        groups = batch.split(self.network.channels, dim=1)
        if not count:
            return self._nothing(groups)
        if self.on_gpu:
            return [self._whole(number, group) for number, group in enumerate(groups)]
        self._replicate(count)
        if self.half:
            weights, copies = zip(*self.half.values(), strict=True)
            with torch.no_grad():
                torch._foreach_copy_(copies, weights)
        work = [
            (branch, number, shard)
            for branch, group in enumerate(groups)
            for number, shard in enumerate(group.split(sizes))
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
        """Add the gradients of `forward`'s outputs to those of the branches; equalise the shards'
        running statistics."""
        sizes = self.sizes[ranks.number()]
        if self.on_gpu or not sizes:
            return self._average_statistics(len(sizes))
        branches = list(self.network.branches)
        weights = [[p for p in b.parameters() if p.requires_grad] for b in branches]
        leaves = [[p for p in b.parameters() if p.requires_grad] for b in self.replicas[0]]

        def run(item: tuple[int, int, list[Tensor]]) -> Gradients:
            branch, number, outputs = item
            pairs = [
                (out, merged.grad.split(sizes)[number])
                for out, merged in zip(outputs, self.joined[branch], strict=True)
                if merged.grad is not None and out.requires_grad
            ]
            if not pairs or not weights[branch]:
                return [None] * len(weights[branch])
            tensors, gradients = zip(*pairs, strict=True)
            return torch.autograd.grad(tensors, leaves[branch], gradients, allow_unused=True)

        results = map_in_threads(run, self.done)  # the next branch's while one's are added up
        for branch, trained in enumerate(weights):
            add_gradients(trained, [next(results) for b, _, _ in self.done if b == branch])
        self.done, self.joined = [], []
        self._average_statistics(len(sizes))  # last: the passes above read them

    def _whole(self, number: int, group: Tensor) -> Separated:
        """A branch's output for a batch in one shard."""
        branch = cast(Branch, self.network.branches[number])
        if self.graphs:
            key = number, group.shape
            if key not in self.graphed:
                self.graphed[key] = GraphedBranch(branch, group)
            return self.graphed[key](group)
        with autocast(group.device):
            return branch(group)

    def _layout(self, faces: int) -> list[list[int]]:
        """Sizes of each rank's shards of a batch."""
        count = ranks.count() if self.on_gpu else -(-faces // SHARD)
        size, more = divmod(faces, count)
        sizes = [size + (number < more) for number in range(count)]
        return [sizes[ranks.share(count, rank)] for rank in range(ranks.count())]

    def _nothing(self, groups: Sequence[Tensor]) -> list[Separated]:
        """The output for no faces, of a rank that has no shard of a small batch."""
        out = []
        for branch, group in zip(self.network.branches, groups, strict=True):
            with torch.no_grad(), autocast(group.device):
                one: Separated = copy.deepcopy(branch).eval()(group.new_zeros(1, *group.shape[1:]))
            out.append(one.like([tensor[:0].requires_grad_() for tensor in one.tensors]))
        return out

    def _replicate(self, count: int) -> None:
        shared: dict[int, Tensor] = {id(weight): weight for weight in self.network.parameters()}
        shared |= {key: half for key, (_, half) in self.half.items()}
        while len(self.replicas) < count:
            copies = copy.deepcopy(list(self.network.branches), dict(shared))
            if self.compiler:
                for branch in copies:
                    branch.compile(backend=self.compiler)
            self.replicas.append(copies)  # type: ignore[arg-type]

    def _average_statistics(self, count: int) -> None:
        own = _buffers(list(self.network.branches))
        shards = [_buffers(replica) for replica in self.replicas]
        with torch.no_grad():
            if self.replicas and count:
                for buffer, *copies in zip(own, *shards, strict=True):
                    if buffer.is_floating_point():
                        buffer.copy_(torch.stack(copies[:count]).mean(dim=0))
                    else:  # the number of batches
                        buffer.copy_(copies[0])
            if ranks.count() > 1:
                means = [buffer for buffer in own if buffer.is_floating_point()]
                torch._foreach_mul_(means, count / sum(map(len, self.sizes)))
                ranks.add_up(means)
            for buffer, *copies in zip(own, *shards, strict=True):
                for each in copies if buffer.is_floating_point() else ():
                    each.copy_(buffer)


def _half_precision(network: Network) -> dict[int, tuple[Tensor, Tensor]]:
    """The weights that autocast would convert for every shard, each with a copy in its precision,
    by the weights' addresses; empty in full precision."""
    half = half_precision(torch.device("cpu"))
    if half is None:
        return {}
    return {
        id(weight): (weight, nn.Parameter(weight.to(half), weight.requires_grad))
        for branch in network.branches
        for weight in branch.parameters()
        if weight.ndim > 1 and weight.dtype == torch.float32
    }


def add_gradients(weights: Sequence[nn.Parameter], shards: Sequence[Gradients]) -> None:
    """Add to each weight's gradient the sum over all shards, in their order."""
    for weight, parts in zip(weights, zip(*shards, strict=True), strict=True):
        gradients = [part for part in parts if part is not None]
        if gradients:
            # In the weight's memory layout: a fused optimiser reads both in storage order.
            total = torch.empty_like(weight).copy_(gradients[0])
            for gradient in gradients[1:]:
                total += gradient
            weight.grad = total if weight.grad is None else weight.grad.add_(total)


def _buffers(branches: Sequence[nn.Module]) -> list[Tensor]:
    """Statistics of all that the shards run; the network runs the necks."""
    parts = [part for b in branches for name, part in b.named_children() if name != "neck"]
    return [buffer for part in parts for buffer in part.buffers()]

"""A branch's passes as CUDA graphs: hundreds of small kernels, launched as one."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from psface.model.device import autocast
from psface.model.network.multitask import Branch, Separated

QUIET = "set_warn_on_accumulate_grad_stream_mismatch"


class GraphedBranch:
    """The forward and backward pass of a branch for batches of one shape, recorded on a GPU once.

    The passes read and write the same memory every time: each output and gradient has to be used
    before the next.

    Parameters
    ----------
    branch : Branch
        In training; its weights must stay where they are in memory.
    sample : (B, channels, side, side)
        A batch on the GPU, for its shape.
    """

    def __init__(self, branch: Branch, sample: Tensor) -> None:
        self.flat = _Flat(branch)
        statistics = [buffer.clone() for buffer in branch.buffers()]
        args = (sample.detach().clone(),)
        if hasattr(torch.autograd.graph, QUIET):  # recording uses a stream of its own
            getattr(torch.autograd.graph, QUIET)(False)
        self.passes = torch.cuda.make_graphed_callables(self.flat, args, allow_unused_input=True)
        with torch.no_grad():  # recording has moved them
            for buffer, before in zip(branch.buffers(), statistics, strict=True):
                buffer.copy_(before)

    def __call__(self, batch: Tensor) -> Separated:
        assert self.flat.structure is not None
        tensors: tuple[Tensor, ...] = self.passes(batch)  # type: ignore[assignment]
        return self.flat.structure.like(tensors)


class _Flat(nn.Module):
    """A branch with a tuple of tensors for an output."""

    def __init__(self, branch: Branch) -> None:
        super().__init__()
        self.branch = branch
        self.structure: Separated | None = None

    def forward(self, batch: Tensor) -> tuple[Tensor, ...]:
        with autocast(batch.device, cached=False):
            out: Separated = self.branch(batch)
        if self.structure is None:
            self.structure = out.like([tensor.detach() for tensor in out.tensors])
        return out.tensors

"""The processes of a training run, called ranks; all of this is trivial where there is one.

Data are parallel in the network: each rank computes some rows of a batch, and `gathered` gives all
ranks the outputs of all rows. From there on every rank computes the same loss of the whole batch,
except that each holds a part of the class centres (tensor parallelism, as in Shoeybi et al.,
"Megatron-LM", 2019, section 3, https://arxiv.org/abs/1909.08053). So autograd on each rank gives
derivatives of that one loss, and what the weights of the network receive is added up over ranks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

Result = TypeVar("Result")


def count() -> int:
    """Number of processes that train together.

    Examples
    --------
    >>> count()
    1
    """
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def number() -> int:
    """Number of this process, from zero; the first one writes all files."""
    return dist.get_rank() if count() > 1 else 0


def share(total: int, rank: int | None = None) -> slice:
    """The part of ``total`` things that a rank has, by default this one; shares differ by one at
    most.

    Examples
    --------
    >>> share(5)
    slice(0, 5, None)
    """
    rank = number() if rank is None else rank
    size, more = divmod(total, count())
    start = rank * size + min(rank, more)
    return slice(start, start + size + (rank < more))


def gathered(rows: Tensor, sizes: Sequence[int]) -> Tensor:
    """The rows of all ranks, (sum of sizes, ...), on each; ``sizes`` are their numbers of rows.

    Backward, each rank takes the gradient of its own rows: all ranks compute the same loss.
    """
    return _Gathered.apply(rows, sizes) if count() > 1 else rows


def summed(x: Tensor) -> Tensor:
    """The sum of ``x`` over ranks, of which all compute the same loss: backward, nothing is added
    up."""
    return _Summed.apply(x) if count() > 1 else x


def shared(x: Tensor) -> Tensor:
    """``x`` itself, which is the same on all ranks, for use with what only this rank has: backward,
    the ranks' gradients are added up."""
    return _Shared.apply(x) if count() > 1 else x


def total(x: Tensor) -> Tensor:
    """The sum of ``x`` over ranks, for use with what only this rank has: backward, the ranks'
    gradients are added up."""
    return shared(summed(x))


def add_up(tensors: Sequence[Tensor]) -> None:
    """Replace tensors, in place, by their sums over ranks."""
    if count() == 1 or not tensors:
        return
    flat = torch.cat([tensor.flatten() for tensor in tensors])
    dist.all_reduce(flat)
    parts = flat.split([tensor.numel() for tensor in tensors])
    for tensor, part in zip(tensors, parts, strict=True):
        tensor.copy_(part.view(tensor.shape))


def largest(x: Tensor) -> Tensor:
    """The elementwise maximum over ranks, without a gradient."""
    x = x.detach().clone()
    if count() > 1:
        dist.all_reduce(x, dist.ReduceOp.MAX)
    return x


def joined(part: Tensor) -> Tensor:
    """The ranks' parts, of any lengths, joined along the first axis in the first rank's main
    memory; the others get their own part."""
    if count() == 1:
        return part
    part = part.detach().cpu().contiguous()
    lengths: list[int] = [0] * count()
    dist.all_gather_object(lengths, len(part))
    if number():
        dist.send(part, 0)
        return part
    parts = [part]
    for rank, length in enumerate(lengths[1:], start=1):
        parts.append(part.new_empty(length, *part.shape[1:]))
        dist.recv(parts[-1], rank)
    return torch.cat(parts)


def from_first(make: Callable[[], Result]) -> Result:
    """What ``make`` returns on the first rank, on all of them; it runs there alone."""
    if count() == 1:
        return make()
    box = [None if number() else make()]
    dist.broadcast_object_list(box, device=torch.device("cpu"))
    return box[0]  # type: ignore[return-value]


class _Gathered(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, sizes: Sequence[int]) -> Tensor:
        start = sum(sizes[: number()])
        ctx.own = slice(start, start + len(rows))
        longest = max(sizes)  # the backends gather tensors of one shape
        padded = rows.new_zeros(longest, *rows.shape[1:])
        padded[: len(rows)] = rows
        parts = [torch.empty_like(padded) for _ in sizes]
        dist.all_gather(parts, padded)
        return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0][ctx.own], None


class _Summed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        out = x.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(out)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0]


class _Shared(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        out = gradients[0].clone(memory_format=torch.contiguous_format)
        dist.all_reduce(out)
        return out

"""AdamW that also takes gradients of some rows of a weight, as of sampled class centres."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


class RowAdamW(torch.optim.AdamW):
    """``torch.optim.AdamW`` (Loshchilov & Hutter, "Decoupled Weight Decay Regularization", ICLR
    2019), where a sparse gradient moves the rows that it has, and leaves all others as they are.

    A class centre that is not sampled has no gradient in a step. To count it as zero would shrink
    the centre's moments, so that Adam's step would depend on how often it is sampled; would move it
    along its old moments; would decay it; and would take the time and memory of all centres. So a
    row has its own number of steps, for the correction of its moments' bias, and in steps without
    it nothing happens to it. ``torch.optim.SparseAdam`` counts steps for all rows together, with
    which the first step of a row that is first sampled late is three times too long, and has no
    decay.

    Examples
    --------
    >>> centres = nn.Parameter(torch.ones(3, 2))
    >>> optimizer = RowAdamW([centres], lr=0.1)
    >>> chosen = nn.functional.embedding(torch.tensor([2]), centres, sparse=True)
    >>> chosen.sum().backward()
    >>> optimizer.step()
    >>> centres[:2].tolist(), bool((centres[2] < 1).all())
    ([[1.0, 1.0], [1.0, 1.0]], True)
    """

    def __init__(self, params: Any, **options: Any) -> None:
        super().__init__(params, **options)
        self._step_supports_amp_scaling = False  # GradScaler unscales the gradients itself

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Take one step; ``closure`` is not supported."""
        sparse = [
            (weight, group)
            for group in self.param_groups
            for weight in group["params"]
            if weight.grad is not None and weight.grad.is_sparse
        ]
        gradients = [weight.grad.coalesce() for weight, _ in sparse]
        for weight, _ in sparse:
            weight.grad = None
        super().step()
        for (weight, group), gradient in zip(sparse, gradients, strict=True):
            weight.grad = gradient
            self._move(weight, gradient.indices()[0], gradient.values(), group)

    def _move(self, weight: nn.Parameter, rows: Tensor, gradient: Tensor, group: dict) -> None:
        state = self.state[weight]
        if not state:
            state["step"] = torch.zeros(len(weight), device=weight.device)
            state["exp_avg"], state["exp_avg_sq"] = (torch.zeros_like(weight) for _ in range(2))
        beta1, beta2 = group["betas"]
        step = state["step"][rows] + 1
        first = state["exp_avg"][rows].lerp_(gradient, 1 - beta1)
        second = state["exp_avg_sq"][rows].mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        state["step"][rows], state["exp_avg"][rows], state["exp_avg_sq"][rows] = step, first, second
        size = second.div_((1 - beta2**step)[:, None]).sqrt_().add_(group["eps"])
        move = first.div_((1 - beta1**step)[:, None]).div_(size).mul_(group["lr"])
        weight[rows] = weight[rows].mul_(1 - group["lr"] * group["weight_decay"]).sub_(move)

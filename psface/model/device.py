"""The network's device and precision."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import numpy as np
import torch
from torch import Tensor

from psface.threads import one_thread_each

SIZE, ROUNDS = 256, 7  # of the products that are timed, once: some milliseconds


def autocast(device: torch.device, cached: bool = True) -> torch.autocast:
    """Use bfloat16 if the device is quicker with it, else full precision.

    With ``cached``, a weight is converted once in the block; a CUDA graph must not rely on that.
    """
    native = half_precision(device)
    return torch.autocast(
        device.type, native or torch.bfloat16, enabled=native is not None, cache_enabled=cached
    )


def half_precision(device: torch.device) -> torch.dtype | None:
    """The type to which `autocast` converts; None if it converts nothing."""
    if device.type == "cuda":
        quicker = torch.cuda.get_device_capability(device)[0] >= 8
    else:
        quicker = bool(torch.cpu.get_capabilities().get("avx512_bf16")) and _quicker_by_half()
    return torch.bfloat16 if quicker else None


@cache
def _quicker_by_half() -> bool:
    """Whether this processor multiplies matrices faster in bfloat16.

    To have instructions for it is not enough: Intel's Xeons since Sapphire Rapids take twice as
    long with AVX-512's as in full precision where a virtual machine hides AMX from them. The others
    take half as long or less, so noise does not decide.
    """
    seconds = {torch.float32: np.inf, torch.bfloat16: np.inf}
    matrices = {dtype: torch.ones(SIZE, SIZE, dtype=dtype) for dtype in seconds}
    plain = torch.autocast("cpu", enabled=False)  # a caller's would convert both
    with torch.inference_mode(), plain, one_thread_each():
        for _ in range(ROUNDS):
            for dtype, matrix in matrices.items():
                start = time.perf_counter()
                torch.mm(matrix, matrix)
                seconds[dtype] = min(seconds[dtype], time.perf_counter() - start)
    return seconds[torch.bfloat16] < seconds[torch.float32]


def default_device() -> torch.device:
    """This process's GPU, if it has one."""
    if torch.cuda.is_available():
        return torch.device("cuda", torch.cuda.current_device())
    return torch.device("cpu")


def in_reach(values: np.ndarray | Tensor, device: torch.device) -> Tensor:
    """Values as a tensor where ``device`` reads them: a GPU, in page-locked memory."""
    tensor = torch.as_tensor(values)
    return tensor.pin_memory() if device.type == "cuda" else tensor


def on_device(values: np.ndarray | Tensor, device: torch.device) -> Tensor:
    """Values as a tensor on ``device``; a GPU receives them while it computes, and nobody waits."""
    tensor = torch.as_tensor(values)
    if device.type == "cuda" and not tensor.is_cuda:
        tensor = tensor if tensor.is_pinned() else tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


@contextmanager
def repeatable(device: torch.device) -> Iterator[None]:
    """Within the block, a GPU gives the same bytes every time, as a CPU does; what it cannot repeat
    is warned of."""
    if device.type != "cuda":
        yield
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # which its library asks for
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)

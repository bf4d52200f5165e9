"""Where the network computes."""

import time
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from psface.model import device as module
from psface.model.device import default_device, half_precision, on_device, repeatable

CPU = torch.device("cpu")


@pytest.fixture
def unmeasured() -> Iterator[None]:
    """The processor is measured in the test and again after it."""
    measured = module._quicker_by_half
    measured.cache_clear()
    yield
    measured.cache_clear()


@pytest.mark.parametrize("slow", [torch.float32, torch.bfloat16])
def test_a_processor_gets_half_precision_if_it_is_quicker_with_it(monkeypatch, unmeasured, slow):
    product = torch.mm

    def slowed(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        time.sleep(0.1 * (a.dtype == slow))
        return product(a, b)

    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    monkeypatch.setattr(torch, "mm", slowed)
    assert half_precision(CPU) == (None if slow == torch.bfloat16 else torch.bfloat16)


def test_a_processor_without_instructions_for_it_is_not_measured(monkeypatch, unmeasured):
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    monkeypatch.setattr(module, "_quicker_by_half", lambda: pytest.fail("measured"))
    assert half_precision(CPU) is None


def test_an_array_arrives_whole_on_its_device():
    device = default_device()
    assert device.type == "cpu" or device.index is not None
    values = np.arange(12, dtype=np.float32).reshape(3, 4)
    tensor = on_device(values, device)
    assert tensor.device == device and (tensor.cpu().numpy() == values).all()


@pytest.mark.parametrize("kind", ["cpu", "cuda"])
def test_settings_are_as_before_afterwards(kind, monkeypatch):
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
    before = torch.are_deterministic_algorithms_enabled()
    with repeatable(torch.device(kind)):
        assert torch.are_deterministic_algorithms_enabled() == (before or kind == "cuda")
    assert torch.are_deterministic_algorithms_enabled() == before

"""Where the network computes."""

import numpy as np
import pytest
import torch

from psface.model.device import default_device, on_device, repeatable


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

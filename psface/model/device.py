"""The network's device and precision."""

from __future__ import annotations

import torch


def autocast(device: torch.device) -> torch.autocast:
    """Use bfloat16 if the device supports it natively, else full precision."""
    if device.type == "cuda":
        native = torch.cuda.get_device_capability(device)[0] >= 8
    else:
        native = bool(torch.cpu.get_capabilities().get("avx512_bf16"))
    return torch.autocast(device.type, torch.bfloat16, enabled=native)


def default_device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")

"""Checkpoints, which let a killed run resume, and only that run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from psface.files import replacing


def save_checkpoint(path: Path, fingerprint: str, state: dict[str, Any]) -> None:
    """Write ``state``, which holds tensors and plain values."""
    with replacing(path) as partial:
        torch.save({"fingerprint": fingerprint, **state}, partial)


def load_checkpoint(path: Path, fingerprint: str) -> dict[str, Any] | None:
    """Read the state of this run, or None if there is no usable checkpoint."""
    if not path.exists():
        return None
    try:
        # Mapped: class centres, of which a rank needs some, may be most of it.
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception:  # torch does not document its errors for damaged files
        return None
    same = isinstance(state, dict) and state.get("fingerprint") == fingerprint
    return state if same else None

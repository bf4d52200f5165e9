"""Resuming after a kill, and only what is the same run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from psface.files import replacing


def save_checkpoint(path: Path, fingerprint: str, state: dict[str, Any]) -> None:
    """Write ``state``, made of tensors and plain values."""
    with replacing(path) as partial:
        torch.save({"fingerprint": fingerprint, **state}, partial)


def load_checkpoint(path: Path, fingerprint: str) -> dict[str, Any] | None:
    """The state of this very run, or None if there is none that can be used."""
    if not path.exists():
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # what torch raises on a damaged file is not documented
        return None
    same = isinstance(state, dict) and state.get("fingerprint") == fingerprint
    return state if same else None

"""Resuming after a kill, and only what is the same run."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch

from stages.files import code_digest, replacing
from stages.params import Params


def run_fingerprint(params: Params, faces: Path, splits: Path) -> str:
    """Hash of what a training run depends on: parameters, data and code.

    A checkpoint of another run must never be resumed: it would train nothing and pass for done.
    """
    digest = hashlib.sha256()
    own = params.model_dump_json(include={"modality", "fusion", "attributes", "train"})
    digest.update(own.encode())
    start = [Path(params.train.init_from)] if params.train.init_from else []
    for path in (faces / "faces.parquet", splits / "train.csv", splits / "val.csv", *start):
        digest.update(path.read_bytes())
    digest.update(code_digest(Path(__file__).parent).encode())
    return digest.hexdigest()


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
    right = isinstance(state, dict) and state.get("fingerprint") == fingerprint
    return state if right else None

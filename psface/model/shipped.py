"""Where the model is that psface ships, made by ``psface pretrain``."""

from __future__ import annotations

from pathlib import Path

PRETRAINED = Path(__file__).parents[1] / "pretrained"

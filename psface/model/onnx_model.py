"""A model exported to ONNX, with its card: a folder with ``model.onnx`` and ``card.json``."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from psface.detect.onnx_runtime import open_session
from psface.errors import UserError
from psface.model.card import Card, read_card
from psface.model.network.multitask import Outputs

MODEL = "model.onnx"
INPUT = "faces"
IDENTITY = "identity"
CARD = "psface_card"  # metadata key of the card's digest


class Exported(nn.Module):
    """An exported model, run by onnxruntime in place of its `Network`."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.session = open_session("the recogniser", path)
        self.card_digest = self.session.get_modelmeta().custom_metadata_map.get(CARD)
        self.names = [output.name for output in self.session.get_outputs()]

    def forward(self, x: Tensor) -> Outputs:
        """Return the `Outputs` for standardised (B, C, S, S) float32, less those for training."""
        results = self.session.run(self.names, {INPUT: x.cpu().numpy()})
        tensors = {n: torch.from_numpy(r) for n, r in zip(self.names, results, strict=True)}
        return Outputs(tensors.pop(IDENTITY), (), tensors, {})


def is_exported(folder: Path) -> bool:
    return (folder / MODEL).is_file()


def load_exported(folder: Path) -> tuple[Exported, Card]:
    """Read what `psface.model.onnx_export.export` wrote.

    Raises
    ------
    UserError
        If a file is missing, the two do not match, or onnxruntime is not installed.
    """
    card, model = read_card(folder), Exported(folder / MODEL)
    if model.card_digest != card.digest:
        raise UserError(f"{folder}: {MODEL} and card.json do not match; export again")
    return model, card

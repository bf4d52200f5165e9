"""A model exported to ONNX, with its card: a folder of ``model.onnx`` and ``card.json``."""

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
CARD = "psface_card"  # in the file's metadata: the digest of its card


class Exported(nn.Module):
    """An exported model in place of its `Network`, run by onnxruntime."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.session = open_session("the recogniser", path)
        self.card_digest = self.session.get_modelmeta().custom_metadata_map.get(CARD)
        self.names = [output.name for output in self.session.get_outputs()]

    def forward(self, x: Tensor) -> Outputs:
        """Standardised (B, C, S, S) float32 to `Outputs`, without what only training needs."""
        results = self.session.run(self.names, {INPUT: x.cpu().numpy()})
        found = {n: torch.from_numpy(r) for n, r in zip(self.names, results, strict=True)}
        return Outputs(found.pop(IDENTITY), (), found, {})


def is_exported(folder: Path) -> bool:
    return (folder / MODEL).is_file()


def load_exported(folder: Path) -> tuple[Exported, Card]:
    """Read what `psface.model.onnx_export.export` wrote.

    Raises
    ------
    UserError
        If a file is missing or does not fit the other, or onnxruntime is not installed.
    """
    card, model = read_card(folder), Exported(folder / MODEL)
    if model.card_digest != card.digest:
        raise UserError(f"{folder}: {MODEL} and card.json do not belong together; export anew")
    return model, card

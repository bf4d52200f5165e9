"""A model exported to ONNX, with its card: a folder of ``model.onnx`` and ``card.json``."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from stages.detect.onnx import open_session
from stages.errors import UserError
from stages.train.model import Card, read_card
from stages.train.network import Outputs

MODEL = "model.onnx"
INPUT = "faces"
IDENTITY = "identity"


class Exported(nn.Module):
    """An exported model in place of its `Network`, run by onnxruntime."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.session = open_session("the recogniser", path)
        self.names = [output.name for output in self.session.get_outputs()]

    def forward(self, x: Tensor) -> Outputs:
        """Standardised (B, C, S, S) float32 to `Outputs`, without what only training needs."""
        results = self.session.run(self.names, {INPUT: x.cpu().numpy()})
        found = {n: torch.from_numpy(r) for n, r in zip(self.names, results, strict=True)}
        return Outputs(found.pop(IDENTITY), (), found, {})


def is_exported(folder: Path) -> bool:
    return (folder / MODEL).is_file()


def load_exported(folder: Path) -> tuple[Exported, Card]:
    """Read what `stages.export.export` wrote.

    Raises
    ------
    UserError
        If a file is missing or does not fit the other, or onnxruntime is not installed.
    """
    card, model = read_card(folder), Exported(folder / MODEL)
    if model.names != [IDENTITY, *card.tasks]:
        raise UserError(
            f"{folder}: {MODEL} gives {model.names}, which is not its card's; export anew"
        )
    return model, card

"""Export a trained model to ONNX, checked against torch."""

from __future__ import annotations

import importlib
import logging
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from psface.errors import UserError
from psface.files import replacing
from psface.model.card import Card, crops_for, load_model, write_card
from psface.model.network.multitask import Network
from psface.model.onnx_model import CARD, IDENTITY, INPUT, MODEL, Exported
from psface.vectors import unit

INSTALL = "pip install 'psface[export]'"
CHECKED = 64  # crops, evenly spaced
ALIKE = 0.9999  # smallest cosine allowed between the two embeddings of a crop


class _Exportable(nn.Module):
    """The exported outputs of a network: the identity embedding and each task's logits."""

    def __init__(self, network: Network, tasks: list[str]) -> None:
        super().__init__()
        self.network, self.tasks = network, tasks

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        out = self.network(x)
        return out.identity, *(out.attributes[task] for task in self.tasks)


def export(model: Path, out: Path, faces_folder: Path | None = None) -> float:
    """Write ``model.onnx``, for any number of faces at once, and ``card.json``.

    Parameters
    ----------
    model : Path
        Folder of a trained model.
    out : Path
        A different folder.
    faces_folder : Path, optional
        Packed crops of the model's maps, on which the two are compared in full precision; by
        default, they are compared on noise.

    Returns
    -------
    float
        The smallest cosine between torch's and onnxruntime's embeddings of a crop.

    Raises
    ------
    UserError
        If a package is missing or the two differ; nothing is then written.
    """
    if out.resolve() == model.resolve():
        raise UserError(f"{out}: holds the model itself; give another --out")
    network, card = load_model(model, torch.device("cpu"))
    batch = _noise(card) if faces_folder is None else _crops(card, faces_folder)
    exportable = _Exportable(network, list(card.tasks)).eval()
    with torch.inference_mode():
        ours = network(batch).identity.numpy()
    with replacing(out / MODEL) as path:
        try:
            _write(exportable, batch[:2], [IDENTITY, *card.tasks], path)
            _sign(path, card)
        except ImportError as error:
            raise UserError(f"{error.name} is not installed; `{INSTALL}`") from error
        with torch.inference_mode():
            theirs = Exported(path)(batch).identity.numpy()
        cosine = float((unit(ours) * unit(theirs)).sum(axis=1).min())
        if not cosine >= ALIKE:
            raise UserError(f"{out}: the exported model's embeddings differ (cosine {cosine:.5f})")
    write_card(out, card)
    return cosine


def _crops(card: Card, folder: Path) -> Tensor:
    faces = crops_for(card, folder, "set --faces to those it was trained on, or leave it out")
    count = len(faces.arrays[0])
    crops = faces.read(np.unique(np.linspace(0, count - 1, CHECKED).astype(int)))
    return card.scale.applied(crops, torch.device("cpu"))


def _noise(card: Card) -> Tensor:
    """Noise of the mean and variance that standardised crops have."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(CHECKED, sum(card.channels), card.side, card.side, generator=generator)


def _sign(path: Path, card: Card) -> None:
    """Record the card in the file: another card would crop and scale faces differently."""
    onnx = importlib.import_module("onnx")
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {CARD: card.digest})
    onnx.save(model, path)


def _write(module: nn.Module, batch: Tensor, names: list[str], path: Path) -> None:
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it lists packages it does not need
    with torch.no_grad(), warnings.catch_warnings():  # as in use: training has other layers
        warnings.simplefilter("ignore", FutureWarning)  # from inside torch
        torch.onnx.export(
            module,
            (batch,),
            path,
            input_names=[INPUT],
            output_names=names,
            dynamic_shapes=({0: torch.export.Dim("faces")},),
            external_data=False,
            verbose=False,
        )

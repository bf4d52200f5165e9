"""A trained model as files: weights and a card that says all that inference needs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from stages.errors import UserError
from stages.files import replacing
from stages.params import Backbone, Map, Modality
from stages.tasks import Tasks
from stages.train.augmentation import mirror
from stages.train.data import Faces, Scale
from stages.train.network import Network

INFERENCE_BATCH = 64


class Card(BaseModel):
    """Everything that turns an aligned crop of raw map values into the network's input.

    Channels are stacked in the order of ``maps``, so many of each as ``channels`` says, and
    standardised by ``scale``. Labels of a task
    are its classes in order.
    """

    model_config = ConfigDict(extra="forbid")

    modality: Modality
    fusion: str
    maps: list[Map]
    channels: list[int]
    side: int
    scale: Scale
    tasks: Tasks
    backbone: Backbone
    attention: bool
    embedding: int
    dropout: float
    epoch: int = 0
    val_auc: float = 0.0

    def build(self) -> Network:
        """The network with fresh weights."""
        branches = self.channels if self.fusion == "late" else [sum(self.channels)]
        classes = {task: len(groups) for task, groups in self.tasks.items()}
        return Network(
            branches,
            self.side,
            classes,
            self.embedding,
            self.dropout,
            self.backbone,
            self.attention,
        )


@dataclass(frozen=True)
class Embedded:
    """What a model says of some faces.

    Attributes
    ----------
    identity : (N, D) float32
        Not normalised: the length is the quality.
    attributes : dict of str to (N, classes) float32
        Probabilities per task.
    """

    identity: np.ndarray
    attributes: dict[str, np.ndarray]


def embed(
    network: Network, card: Card, faces: Faces, rows: np.ndarray, mirrored: bool = True
) -> Embedded:
    """Run the network on rows of the packed faces; if ``mirrored``, each with its mirror image,
    averaged, for twice the time."""
    device = next(network.parameters()).device
    identity: list[np.ndarray] = []
    attributes: dict[str, list[np.ndarray]] = {task: [] for task in card.tasks}
    network.eval()
    with torch.inference_mode(), autocast(device):
        for chunk in np.array_split(rows, max(1, -(-len(rows) // INFERENCE_BATCH))):
            batch = faces.batch(chunk, card.scale, device)
            views = [batch, mirror(batch, faces.x_channels)] if mirrored else [batch]
            outputs = [network(view) for view in views]
            identity.append((sum(o.identity.float() for o in outputs) / len(views)).cpu().numpy())
            for task, parts in attributes.items():
                logits = sum(o.attributes[task].float() for o in outputs) / len(views)
                parts.append(logits.softmax(dim=1).cpu().numpy())
    return Embedded(
        np.concatenate(identity), {task: np.concatenate(p) for task, p in attributes.items()}
    )


def autocast(device: torch.device) -> torch.autocast:
    """bfloat16 where the device computes it natively, else full precision."""
    if device.type == "cuda":
        native = torch.cuda.get_device_capability(device)[0] >= 8
    else:
        native = torch.cpu._is_avx512_bf16_supported()
    return torch.autocast(device.type, torch.bfloat16, enabled=native)


def save_model(folder: Path, network: Network, card: Card) -> None:
    """Write ``weights.safetensors`` and ``card.json``."""
    weights = {k: v.detach().cpu().contiguous() for k, v in network.state_dict().items()}
    with replacing(folder / "weights.safetensors") as path:
        save_file(weights, path)
    with replacing(folder / "card.json") as path:
        path.write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")


def load_model(folder: Path, device: torch.device) -> tuple[Network, Card]:
    """Read what `save_model` wrote.

    Raises
    ------
    UserError
        If a file is missing or does not fit the other.
    """
    try:
        card = Card.model_validate(json.loads((folder / "card.json").read_text(encoding="utf-8")))
        network = card.build()
        network.load_state_dict(load_file(folder / "weights.safetensors"))
    except FileNotFoundError as error:
        raise UserError(f"{error.filename}: missing; run `dvc repro train`") from None
    except (ValueError, ValidationError, SafetensorError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{folder}: no usable model ({reason}); run `dvc repro -f train`") from None
    return network.to(device).eval(), card


def default_device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")

"""A trained model on disk: weights, and a card with everything that inference needs."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors.torch import load_file, save_file

from psface.captures.limits import CaptureLimits
from psface.errors import UserError
from psface.faces.arrays import Faces
from psface.faces.crop_params import CropParams
from psface.faces.modalities import Map, Modality
from psface.files import check_regular, replacing, replacing_together
from psface.model.network.backbones import BACKBONES
from psface.model.network.multitask import Network
from psface.model.scale import Scale
from psface.stereo.stereo_params import StereoParams
from psface.tasks import Tasks

WEIGHTS = "weights.safetensors"
TRAIN = "run `dvc repro train`"
# Fields with a default that are part of every digest so far, whatever their value.
ALWAYS_COUNTED = {"bits", "max_pixels", "epoch", "val_auc", "weights"}


class Card(BaseModel):
    """Everything needed to turn a capture into the network's input and to read its output.

    ``limits`` constrain a capture; ``stereo`` and ``crop`` turn it into aligned crops. Their
    channels, ``channels`` of each map, are stacked in the order of ``maps`` and standardised by
    ``scale``. Labels of a task are its classes in order. ``weights`` is the hash of the one
    weights file that the card belongs to.
    """

    model_config = ConfigDict(extra="forbid")

    modality: Modality
    fusion: str
    maps: list[Map]
    channels: list[int]
    side: int
    limits: CaptureLimits
    stereo: StereoParams
    crop: CropParams
    scale: Scale
    tasks: Tasks
    backbone: Literal[tuple(BACKBONES)]  # type: ignore[valid-type]
    attention: bool
    embedding: int
    dropout: float
    epoch: int = 0
    val_auc: float = 0.0
    weights: str = ""

    def padded(self, padding: float | None) -> Card:
        """The card with another ``crop.padding``, unless it is None."""
        if padding is None:
            return self
        crop = self.crop.model_copy(update={"padding": padding})
        return self.model_copy(update={"crop": crop})

    @property
    def digest(self) -> str:
        """Hash of the card, which includes the hash of its weights.

        Fields at their default do not count: one that a later version adds leaves the digests of
        older cards, and with them the galleries enrolled, as they are.
        """
        text = self.model_dump_json(exclude=_at_default(self))
        return hashlib.sha256(text.encode()).hexdigest()

    def stacked(self, planes: dict[Map, np.ndarray]) -> np.ndarray:
        """Stack a crop's planes, by map, as the network's input: (C, side, side) float16."""
        channels = zip(self.maps, self.channels, strict=True)
        return np.concatenate([planes[name][:count] for name, count in channels])

    def build(self) -> Network:
        """Build the network with fresh weights."""
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


def _at_default(section: BaseModel) -> dict[str, Any]:
    """The fields that do not count in a digest, as pydantic's ``exclude``."""
    found: dict[str, Any] = {}
    if isinstance(section, Card):
        fields = dataclasses.fields(section.scale)
        found["scale"] = {f.name for f in fields if getattr(section.scale, f.name) == f.default}
    for name, info in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            if inner := _at_default(value):
                found[name] = inner
        elif name not in ALWAYS_COUNTED and not info.is_required() and value == info.default:
            found[name] = True
    return found


def crops_for(card: Card, folder: Path, remedy: str) -> Faces:
    """Open the packed crops of a model's maps.

    Raises
    ------
    UserError
        If they are missing or do not fit the model; ``remedy`` ends the message.
    """
    faces = Faces(folder, card.maps)
    if (faces.channels, faces.side) != (card.channels, card.side):
        raise UserError(
            f"{folder}: crops of {faces.channels} channels and {faces.side} px, but the model "
            f"needs {card.channels} and {card.side}; {remedy}"
        )
    return faces


def save_model(folder: Path, network: Network, card: Card, half: bool = False) -> Card:
    """Write ``weights.safetensors`` and ``card.json``; return the card with the weights' hash.

    With ``half``, matrices and convolutions are stored as half floats, in half the space.
    """
    weights = {k: v.detach().cpu().contiguous() for k, v in network.state_dict().items()}
    if half:
        weights = {k: v.half() if v.ndim > 1 else v for k, v in weights.items()}
    with replacing_together(folder / WEIGHTS, folder / "card.json") as (path, record):
        save_file(weights, path)
        card = card.model_copy(update={"weights": _file_digest(path)})
        record.write_text(_card_text(card), encoding="utf-8")
    return card


def write_card(folder: Path, card: Card) -> None:
    """Write ``card.json``."""
    with replacing(folder / "card.json") as path:
        path.write_text(_card_text(card), encoding="utf-8")


def _card_text(card: Card) -> str:
    return card.model_dump_json(indent=2) + "\n"


def load_model(folder: Path, device: torch.device) -> tuple[Network, Card]:
    """Read what `save_model` wrote.

    Raises
    ------
    UserError
        If a file is missing or the two do not match.
    """
    card = read_card(folder)
    path = folder / WEIGHTS
    check_regular(path)
    try:
        if _file_digest(path) != card.weights:
            raise UserError(f"{folder}: the weights do not match the card; {TRAIN}")
        network = card.build()
        weights = load_file(path)
        network.erased = weights["erased"].to(network.erased)  # however many directions
        network.load_state_dict(weights)
    except FileNotFoundError:
        raise UserError(f"{path}: missing; {TRAIN}") from None
    except UserError:
        raise
    except Exception as error:  # an inconsistent card fails in many ways in torch
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise UserError(f"{folder}: not a usable model ({reason}); {TRAIN}") from None
    return network.to(device).eval(), card


def read_card(folder: Path) -> Card:
    """Read a model's card.

    Raises
    ------
    UserError
        If it is missing or invalid.
    """
    path = folder / "card.json"
    check_regular(path)
    try:
        return Card.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise UserError(f"{path}: missing; {TRAIN}, or give a model's folder") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UserError(
            f"{path}: not a card of this psface version ({where}: {first['msg']}); {TRAIN}"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: unreadable ({str(error)[:200]}); {TRAIN}") from None


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

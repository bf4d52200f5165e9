"""Initialise from a published checkpoint or from a model of our own.

How published names map to ours, in every branch of the network:

=========================================  =========================================
InsightFace arcface_torch, MagFace         ``ir18`` to ``ir100``
=========================================  =========================================
``conv1 bn1 prelu layer1`` to ``layer4``   prefix ``backbone.``
``bn2 fc features``                        prefix ``neck.``
=========================================  =========================================

=========================================  =========================================
face.evoLVe, InsightFace_Pytorch           ``irse50`` to ``irse152``
=========================================  =========================================
``input_layer body``                       prefix ``backbone.``
``output_layer.0``, ``.3``, ``.4``         ``neck.bn2``, ``neck.fc``, ``neck.features``
=========================================  =========================================

Wrappers are removed first: an enclosing ``state_dict``, and prefixes such as ``features.module.``
and ``module.``. Attention and heads exist only in psface and start fresh.

A model of psface with one branch for all its maps also starts branches for some of them: its first
convolution then reads only their channels. A picture, ``raw`` or ``frames``, is read as the albedo
was, which it shows under a lamp.
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from psface.errors import UserError
from psface.faces.modalities import PICTURES, Map
from psface.model.card import WEIGHTS, Card, read_card
from psface.model.network.backbones import build_backbone, cells_along
from psface.model.network.multitask import Network
from psface.model.shipped import PRETRAINED

WRAPPERS = ("features.module.", "module.features.", "module.", "backbone.")
NECK = {
    "bn2": "neck.bn2",
    "fc": "neck.fc",
    "features": "neck.features",
    "output_layer.0": "neck.bn2",
    "output_layer.3": "neck.fc",
    "output_layer.4": "neck.features",
}


@dataclass(frozen=True)
class Match:
    """How a checkpoint matches a network: names of tensors.

    Attributes
    ----------
    taken : list of str
        Filled from the file.
    converted : list of str
        Filled from the file, converted to another number of input channels.
    misfits : list of str
        In the file, but with another shape; left fresh.
    fresh : list of str
        Not in the file.
    unused : list of str
        Names in the file that the network does not have.
    """

    taken: list[str]
    converted: list[str]
    misfits: list[str]
    fresh: list[str]
    unused: list[str]

    def __str__(self) -> str:
        parts = [f"{len(self.taken) + len(self.converted)} tensors loaded"]
        for label, names in (
            ("converted for its input channels", self.converted),
            ("of another shape, left fresh", self.misfits),
            ("fresh", self.fresh),
            ("unused in the file", self.unused),
        ):
            if names:
                shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
                parts.append(f"{len(names)} {label} ({shown})")
        return "; ".join(parts)


def initialise(
    network: Network, path: Path, channels: Sequence[Sequence[int]] | None = None
) -> Match:
    """Load the tensors of a weight file that fit ``network``.

    Parameters
    ----------
    network : Network
        Changed in place. A published checkpoint is loaded into each branch.
    path : Path
        ``.safetensors``, or a torch file of tensors. No code in it is run.
    channels : list of list of int or None
        From `starting_channels`.

    Raises
    ------
    UserError
        If the file cannot be read, holds more than tensors and plain values, or nothing in it
        fits.
    """
    weights = read_weights(path)
    state = network.state_dict()
    if any(name.startswith("branches.") for name in weights):
        source = {n: value for n, value in weights.items() if n != "erased"}  # found after training
        if channels is not None:
            source = _spread(source, channels, _stem(network.branches[0]))
    else:
        source = {}
        published = _our_names(weights)
        for index in range(len(network.branches)):
            source |= {f"branches.{index}.{name}": value for name, value in published.items()}

    stems = {f"branches.{i}.{_stem(branch)}.weight" for i, branch in enumerate(network.branches)}
    taken, converted, misfits = [], [], []
    for name, value in source.items():
        if name not in state:
            continue
        if value.shape == state[name].shape:
            taken.append(name)
        elif name in stems and value.shape[2:] == state[name].shape[2:]:
            value = convert_channels(value, state[name].shape[1])
            converted.append(name)
        else:
            misfits.append(name)
            continue
        state[name] = value.to(state[name].dtype)
    if not any("backbone" in name for name in taken):
        raise UserError(
            f"{path}: nothing in it fits this backbone; set train.backbone to the one it was "
            "trained with (params.yaml)"
        )
    network.load_state_dict(state)
    known = set(taken) | set(converted) | set(misfits)
    return Match(
        taken,
        converted,
        misfits,
        [name for name in state if name not in known and name != "erased"],
        sorted({name for name in source if name not in state}),
    )


def starting_weights(start: str) -> Path:
    """The weight file that ``train.init_from`` names: the file itself, or that of a model's folder.

    ``pretrained`` is the model that psface ships, where no file is called so.
    """
    path = Path(start)
    if start == PRETRAINED.name and not path.exists():
        path = PRETRAINED
    return path / WEIGHTS if path.is_dir() else path


def starting_channels(start: str, card: Card) -> list[list[int]] | None:
    """For each branch to be trained, the channels that it sees of what the model in the folder
    ``start`` saw, if that has one branch; None if the two have the same branches, or ``start`` is a
    file, of which nothing is known.

    Raises
    ------
    UserError
        If the model was trained on other inputs than ``card``'s.
    """
    path = starting_weights(start)
    if path == Path(start):
        return None
    before = read_card(path.parent)
    alike = (before.modality, before.fusion) == (card.modality, card.fusion)
    seen = [_seen_as(name, before) for name in card.maps]
    some = before.fusion == "early" and all(seen)
    inputs = (
        ("modality", before.modality, card.modality),
        ("fusion", before.fusion, card.fusion),
    )
    # Of another size is well if the neck sees as many cells, as with 56 px and 64 px.
    size = ("crop.size", before.crop.size, card.crop.size)
    for name, theirs, ours in (
        *(() if some else inputs),
        ("train.backbone", before.backbone, card.backbone),
        ("train.embedding", before.embedding, card.embedding),
        ("train.detail", before.scale.detail, card.scale.detail),
        ("crop.zoom", before.crop.zoom, card.crop.zoom),
        *(() if _cells(before) == _cells(card) else (size,)),
        ("crop.oval", before.crop.oval, card.crop.oval),
    ):
        if theirs != ours:
            raise UserError(
                f"{start}: was trained with {name}={theirs}, not {ours}; set it so "
                "(params.yaml), or give its weights.safetensors to use what fits"
            )
    if alike:
        return None
    return seen if card.fusion == "late" else [[*chain(*seen)]]


def _cells(card: Card) -> int:
    """Cells along a side of what the neck sees."""
    with torch.device("meta"):  # without memory for its weights
        return cells_along(build_backbone(card.backbone, 1), card.side)


def _seen_as(name: Map, before: Card) -> list[int]:
    """The channels by which the model ``before`` sees what is most like a map; none if it sees
    nothing like it."""
    starts = np.cumsum([0, *before.channels]).tolist()
    of_map = {m: [*range(*ends)] for m, ends in zip(before.maps, pairwise(starts), strict=True)}
    return of_map.get(name, of_map.get("albedo", []) if name in PICTURES else [])


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a weight file by name, without running any code in it."""
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise UserError(f"{path}: missing; correct train.init_from (params.yaml)") from None
    except pickle.UnpicklingError:
        raise UserError(
            f"{path}: refused, as it holds more than tensors and plain values and could run code "
            "when loaded; convert it to .safetensors if you trust it"
        ) from None
    except Exception as error:  # torch does not document its errors for other files
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"{path}: not a weight file ({reason}); correct train.init_from") from None
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    tensors = content.items() if isinstance(content, dict) else ()
    weights = {name: value for name, value in tensors if isinstance(value, Tensor)}
    if not weights:
        raise UserError(f"{path}: no named tensors; correct train.init_from (params.yaml)")
    return weights


def _our_names(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    for wrapper in WRAPPERS:
        inner = {n.removeprefix(wrapper): v for n, v in weights.items() if n.startswith(wrapper)}
        if len(inner) > len(weights) / 2:
            weights = inner  # outside the wrapper is only the training classifier
    out = {}
    for name, value in weights.items():
        layer, _, leaf = name.rpartition(".")
        out[f"{NECK[layer]}.{leaf}" if layer in NECK else f"backbone.{name}"] = value
    return out


def _spread(
    weights: dict[str, Tensor], channels: Sequence[Sequence[int]], stem: str
) -> dict[str, Tensor]:
    """A model's one branch as several, each of which sees some ``channels`` of its input."""
    first = "branches.0."
    out = {}
    for number, seen in enumerate(channels):
        for name, value in weights.items():
            if name == f"{first}{stem}.weight":
                value = value[:, list(seen)]
            if name.startswith(first):
                out[f"branches.{number}.{name.removeprefix(first)}"] = value
    return out


def _stem(branch: torch.nn.Module) -> str:
    """Name of the convolution that reads the input."""
    return next(n for n, m in branch.named_modules() if isinstance(m, torch.nn.Conv2d))


def convert_channels(weight: Tensor, channels: int) -> Tensor:
    """Convert a first convolution (out, n, h, w) to another number of input channels.

    Each gets the mean over the old ones, scaled so that an input equal in all channels gives the
    same output as before.
    """
    mean = weight.mean(dim=1, keepdim=True)
    return mean.expand(-1, channels, -1, -1) * (weight.shape[1] / channels)

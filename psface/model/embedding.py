"""Embeddings and attribute probabilities from a trained network."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from psface.faces.modalities import normal_x_channels
from psface.model.card import Card
from psface.model.device import autocast, half_precision
from psface.threads import map_in_threads

FEW = 8  # crops of a batch that is run together with its mirror image


@dataclass(frozen=True)
class Embedded:
    """A model's output for a set of faces.

    Attributes
    ----------
    identity : (N, D) float32
        Not normalised: the norm measures quality.
    attributes : dict of str to (N, classes) float32
        Probabilities per task.
    """

    identity: np.ndarray
    attributes: dict[str, np.ndarray]


def embed(
    network: nn.Module, card: Card, crops: Iterable[np.ndarray], mirrored: bool = True
) -> Embedded:
    """Run a network on batches of crops.

    Parameters
    ----------
    network : nn.Module
        Returns `Outputs`.
    crops : iterable of (B, C, S, S) float32
        Stored values, as from `Faces.batches`.
    mirrored : bool
        Average each crop with its mirror image, at twice the cost.
    """
    device = next(network.parameters(), torch.empty(0)).device
    x_channels = normal_x_channels(card.maps, card.channels)
    identity: list[np.ndarray] = []
    attributes: dict[str, list[np.ndarray]] = {task: [] for task in card.tasks}
    network.eval()

    def run(values: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        # Not around the loop: the crops must not be computed in half precision.
        with torch.inference_mode(), autocast(device):
            batch = card.scale.applied(values, device)
            views = [batch, mirror(batch, x_channels)] if mirrored else [batch]
            if len(batch) <= FEW:  # reading the weights would take as long as using them
                views = [torch.cat(views)]
            outputs = [network(view) for view in views]

            def mean(parts: list[Tensor]) -> Tensor:
                return torch.cat(parts).float().unflatten(0, (-1, len(batch))).mean(0)

            logits = {task: mean([o.attributes[task] for o in outputs]) for task in card.tasks}
            probabilities = {t: v.softmax(1).cpu().numpy() for t, v in logits.items()}
            return mean([o.identity for o in outputs]).cpu().numpy(), probabilities

    for mean, probs in map(run, crops) if device.type != "cpu" else map_in_threads(run, crops):
        identity.append(mean)
        for task, parts in attributes.items():
            parts.append(probs[task])
    return Embedded(
        np.concatenate(identity), {task: np.concatenate(p) for task, p in attributes.items()}
    )


def converted(network: nn.Module) -> nn.Module:
    """Convert the weights, once, that `embed` would convert for every batch; returns the network,
    which is then good for inference alone."""
    weights = [weight for weight in network.parameters() if weight.ndim > 1]
    half = half_precision(weights[0].device) if weights else None
    for weight in weights if half is not None else ():
        weight.requires_grad_(False)
        weight.data = weight.data.to(half)
    return network


def mirror(batch: Tensor, x_channels: list[int]) -> Tensor:
    """Mirror captures left to right."""
    out = batch.flip(-1)
    for channel in x_channels:  # an index by all of them would have to be sent to a GPU
        out[:, channel].neg_()
    return out

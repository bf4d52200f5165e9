"""Embeddings and attribute probabilities from a trained network."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from psface.faces.modalities import normal_x_channels
from psface.model.card import Card
from psface.model.device import autocast
from psface.threads import map_in_threads


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
            outputs = [network(view) for view in views]
            mean = sum(o.identity.float() for o in outputs) / len(views)
            logits = {
                task: sum(o.attributes[task].float() for o in outputs) / len(views)
                for task in card.tasks
            }
            return mean.cpu().numpy(), {t: v.softmax(1).cpu().numpy() for t, v in logits.items()}

    for mean, probs in map(run, crops) if device.type != "cpu" else map_in_threads(run, crops):
        identity.append(mean)
        for task, parts in attributes.items():
            parts.append(probs[task])
    return Embedded(
        np.concatenate(identity), {task: np.concatenate(p) for task, p in attributes.items()}
    )


def mirror(batch: Tensor, x_channels: list[int]) -> Tensor:
    """Mirror captures left to right."""
    out = batch.flip(-1)
    out[:, x_channels] *= -1
    return out

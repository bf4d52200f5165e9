"""The untrained floors of a benchmark: vectors of the same crops, without a network."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from psface.faces.arrays import Faces
from psface.measures.floors import PCA_CAPTURES, project, small_faces
from psface.model.card import Card
from psface.model.scale import details

PIXELS = 42  # side of the shrunk maps
DETAIL = 0.04  # of the side: what is wider than this is no detail of the face
NORMALS = 10  # that of normals at which the Photoface database's authors recognised best


def untrained_vectors(card: Card, faces: Faces, trained_on: Faces | None) -> dict[str, np.ndarray]:
    """The floors of all crops, by name, (N, D) each.

    Each of the model's maps alone, standardised by its card and shrunk to `PIXELS`, normals also to
    `NORMALS`; the details of all maps, each map of unit length; and all maps together, by their
    whitened principal components (`psface.measures.floors.project`), where there are crops to fit
    them to.
    """
    rows = np.arange(len(faces))
    scale = card.scale
    vectors: dict[str, np.ndarray] = {}

    def shrunk(start: int, stop: int, side: int) -> np.ndarray:
        mean, std = scale.mean[start:stop], scale.std[start:stop]
        parts = (small_faces(b[:, start:stop], mean, std, side) for b in faces.batches(rows))
        return np.concatenate(list(parts))

    start = 0
    for name, count in zip(card.maps, card.channels, strict=True):
        vectors[f"{name} {PIXELS} px"] = shrunk(start, start + count, PIXELS)
        if name == "normalmap":
            vectors[f"{name} {NORMALS} px"] = shrunk(start, start + count, NORMALS)
        start += count
    parts = [_details(batch, card) for batch in faces.batches(rows)]
    vectors[f"details {PIXELS} px"] = np.concatenate(parts)
    if trained_on is not None:
        fitted = np.arange(len(trained_on))[:: -(-len(trained_on) // PCA_CAPTURES)]
        small, small_train = (
            np.concatenate([small_faces(b, scale.mean, scale.std) for b in of.batches(part)])
            for of, part in ((faces, rows), (trained_on, fitted))
        )
        vectors["pca"] = project(small_train, small)
    return vectors


def _details(batch: np.ndarray, card: Card) -> np.ndarray:
    """What a batch of crops (B, C, S, S) has that is fine, (B, D)."""
    sigma = DETAIL * card.crop.zoom * batch.shape[-1]
    fine = details(torch.from_numpy(batch), sigma)
    small = functional.interpolate(fine, size=(PIXELS, PIXELS), mode="area")
    maps = [part.flatten(1) for part in small.split(card.channels, dim=1)]
    return torch.cat([functional.normalize(part, dim=1) for part in maps], 1).numpy()

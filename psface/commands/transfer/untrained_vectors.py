"""The untrained floors of a benchmark: vectors of the same crops, without a network."""

from __future__ import annotations

import numpy as np

from psface.faces.arrays import Faces
from psface.measures.floors import PCA_CAPTURES, project, small_faces
from psface.model.card import Card

PIXELS = 42  # side of the shrunk maps
NORMALS = 10  # that of normals at which the Photoface database's authors recognised best


def untrained_vectors(card: Card, faces: Faces, trained_on: Faces | None) -> dict[str, np.ndarray]:
    """The floors of all crops, by name, (N, D) each.

    Each of the model's maps alone, standardised by its card and shrunk to `PIXELS`, normals also to
    `NORMALS`; and all maps together, by their whitened principal components
    (`psface.measures.floors.project`), where there are crops to fit them to.
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
    if trained_on is not None:
        fitted = np.arange(len(trained_on))[:: -(-len(trained_on) // PCA_CAPTURES)]
        small, small_train = (
            np.concatenate([small_faces(b, scale.mean, scale.std) for b in of.batches(part)])
            for of, part in ((faces, rows), (trained_on, fitted))
        )
        vectors["pca"] = project(small_train, small)
    return vectors

"""Unit embeddings, and people's mean directions."""

from __future__ import annotations

import numpy as np


def unit(embeddings: np.ndarray) -> np.ndarray:
    """Scale embeddings (N, D) to length 1."""
    length = np.linalg.norm(embeddings, axis=1, keepdims=True)
    return embeddings / np.maximum(length, 1e-12)


def person_means(embeddings: np.ndarray, person: np.ndarray, people: int) -> np.ndarray:
    """Return the mean direction of each person's embeddings, (people, D) float32 unit vectors.

    ``person`` (N,) is the person of each embedding (N, D), as a number.
    """
    sums = np.zeros((people, embeddings.shape[1]), np.float32)
    np.add.at(sums, person, embeddings)
    return unit(sums)

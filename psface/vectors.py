"""Directions: embeddings of length 1, and people's means."""

from __future__ import annotations

import numpy as np


def unit(embeddings: np.ndarray) -> np.ndarray:
    """Embeddings (N, D) scaled to length 1."""
    length = np.linalg.norm(embeddings, axis=1, keepdims=True)
    return embeddings / np.maximum(length, 1e-12)


def person_means(embeddings: np.ndarray, person: np.ndarray, people: int) -> np.ndarray:
    """(people, D) float32 unit vectors: the direction of the mean of each person's embeddings
    (N, D), whose numbers are ``person`` (N,)."""
    sums = np.zeros((people, embeddings.shape[1]), np.float32)
    np.add.at(sums, person, embeddings)
    return unit(sums)

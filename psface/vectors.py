"""Angles between vectors, unit embeddings, and people's mean directions."""

from __future__ import annotations

import numpy as np


def angles(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Angles (n,) in degrees between vectors (n, 3).

    Examples
    --------
    >>> angles(np.array([[0.0, 0, 2]]), np.array([[0.0, 1, 1]])).round(3).tolist()
    [45.0]
    """
    cross = np.linalg.norm(np.cross(first, second), axis=1)
    return np.degrees(np.arctan2(cross, (first * second).sum(axis=1)))


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

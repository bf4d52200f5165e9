"""All pairs of a set of embeddings: who is the same person, and how alike they look."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import roc_auc_score


def unit(embeddings: np.ndarray) -> np.ndarray:
    """Embeddings (N, D) scaled to length 1."""
    length = np.linalg.norm(embeddings, axis=1, keepdims=True)
    return embeddings / np.maximum(length, 1e-12)


def all_pairs(identities: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every unordered pair of distinct captures.

    Returns
    -------
    first, second : (P,) int
        Indices, first < second.
    same : (P,) bool
        Whether the two show one person.
    """
    first, second = np.triu_indices(len(identities), k=1)
    return first, second, identities[first] == identities[second]


def person_means(embeddings: np.ndarray, person: np.ndarray, people: int) -> np.ndarray:
    """(people, D) float32 unit vectors: the direction of the mean of each person's embeddings
    (N, D), whose numbers are ``person`` (N,)."""
    sums = np.zeros((people, embeddings.shape[1]), np.float32)
    np.add.at(sums, person, embeddings)
    return unit(sums)


def cosine_auc(embeddings: np.ndarray, identities: np.ndarray) -> float:
    """Area under the ROC of the cosine over all pairs; 0.5 if all pairs are of one kind."""
    first, second, same = all_pairs(identities)
    if same.all() or not same.any():
        return 0.5
    faces = unit(embeddings)
    return float(roc_auc_score(same, (faces @ faces.T)[first, second]))

"""Removal of attributes from the identity embedding after training.

A projection removes what adversaries leave behind: the embedding's mean differs between the classes
of an attribute, and without the directions in which it does, a linear probe finds nothing on the
training set. Haghighatkhah et al., "Better Hit the Nail on the Head than Beat around the
Bush: Removing Protected Attributes with a Single Projection", EMNLP 2022,
https://arxiv.org/abs/2212.04273 (mean projection).
"""

from __future__ import annotations

import numpy as np

from psface.tasks import UNKNOWN
from psface.vectors import unit


def class_directions(embeddings: np.ndarray, labels: dict[str, np.ndarray]) -> np.ndarray:
    """Orthonormal directions in which the class means differ.

    Parameters
    ----------
    embeddings : (N, D)
        Of the training captures; their norm is not used.
    labels : dict of str to (N,) int
        Class indices of each attribute; `UNKNOWN` rows are left out.

    Returns
    -------
    (D, k) float64
        k is at most the sum over the attributes of classes - 1.
    """
    faces = unit(embeddings.astype(np.float64))
    differences = []
    for classes in labels.values():
        present = np.unique(classes[classes != UNKNOWN])
        means = [faces[classes == index].mean(axis=0) for index in present]
        differences += [mean - means[0] for mean in means[1:]]
    if not differences:
        return np.zeros((faces.shape[1], 0))
    left, strength, _ = np.linalg.svd(np.stack(differences, axis=1), full_matrices=False)
    return left[:, strength > 1e-9]

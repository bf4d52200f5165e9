"""Removal from the identity embedding, after training, of what is not identity.

Two projections remove what the network leaves there. The embedding's mean differs between the
classes of an attribute; without the directions in which it does, a linear probe finds nothing on
the same people (mean projection: Haghighatkhah et al., "Better Hit the Nail on the Head than Beat
around the Bush: Removing Protected Attributes with a Single Projection", EMNLP 2022,
https://arxiv.org/abs/2212.04273). And the captures of one person differ, by expression, pose,
light and noise, in some directions more than in others; the first of these go, too (nuisance
attribute projection: Solomonoff, Campbell & Boardman, "Advances in channel compensation for SVM
speaker recognition", ICASSP 2005).

Both are found on the people of training and validation. What the network leaves in the embeddings
of strangers, the latter show, whom it has not fitted; but they are few. So the directions of the
classes are found in each of the two parts, and all of them go.
"""

from __future__ import annotations

import numpy as np

from psface.tasks import UNKNOWN
from psface.vectors import unit

NUISANCES = 8  # directions within people, at most, for each branch
# One for every ten people beyond 28: few people differ in few directions, which would go, too.
# ORL's 28 lose by any, and the simulator's 108 gain by all eight.
FEW, EACH = 28, 10
MOST = 100_000  # captures, which is more than the directions need


def enough_people(people: np.ndarray) -> np.ndarray:
    """Choose captures to find directions in: all (N,), or `MOST` of the first people's."""
    if len(people) <= MOST:
        return np.arange(len(people))
    return np.sort(np.argsort(people, kind="stable")[:MOST])


def directions_to_erase(
    embeddings: np.ndarray,
    people: np.ndarray,
    part: np.ndarray,
    labels: dict[str, np.ndarray],
    branches: int,
) -> np.ndarray:
    """Orthonormal directions to remove from the embedding.

    Parameters
    ----------
    embeddings : (N, D)
        Their norm is not used.
    people, part : (N,) int
        Whom a capture shows, and which part of the split it is in.
    labels : dict of str to (N,) int
        Class indices of each attribute; `UNKNOWN` rows are left out.
    branches : int
        Of the network, with up to `NUISANCES` directions within people each.

    Returns
    -------
    (D, k) float64
    """
    classes = class_directions(embeddings, part, labels)
    faces = unit(embeddings.astype(np.float64))
    rest = faces - faces @ classes @ classes.T
    count = min(NUISANCES, max(len(np.unique(people)) - FEW, 0) // EACH)
    return np.hstack([classes, nuisance_directions(rest, people, count * branches)])


def class_directions(
    embeddings: np.ndarray, part: np.ndarray, labels: dict[str, np.ndarray]
) -> np.ndarray:
    """Orthonormal directions in which the class means of any part differ; see
    `directions_to_erase`.

    Returns
    -------
    (D, k) float64
        k is at most the sum over parts and attributes of classes - 1.
    """
    faces = unit(embeddings.astype(np.float64))
    differences = []
    for number in np.unique(part):
        for classes in labels.values():
            known = (part == number) & (classes != UNKNOWN)
            present = np.unique(classes[known])
            means = [faces[known & (classes == index)].mean(axis=0) for index in present]
            differences += [mean - means[0] for mean in means[1:]]
    if not differences:
        return np.zeros((faces.shape[1], 0))
    left, strength, _ = np.linalg.svd(np.stack(differences, axis=1), full_matrices=False)
    return left[:, strength > 1e-9]


def nuisance_directions(embeddings: np.ndarray, people: np.ndarray, count: int) -> np.ndarray:
    """The principal directions of the differences between captures of one person.

    Parameters
    ----------
    embeddings : (N, D) float64
    people : (N,) int
    count : int

    Returns
    -------
    (D, k) float64
        Orthonormal; k is ``count``, or less if the captures of a person differ in fewer directions.
    """
    _, person = np.unique(people, return_inverse=True)
    means = np.zeros((person.max(initial=-1) + 1, embeddings.shape[1]))
    np.add.at(means, person, embeddings)
    means /= np.bincount(person, minlength=len(means))[:, None]
    within = embeddings - means[person]
    strength, directions = np.linalg.eigh(within.T @ within)
    kept = np.flatnonzero(strength > 1e-9 * max(len(people), 1))[::-1][:count]
    return directions[:, kept]

"""Pairs of a set of embeddings: whether they show one person, and how similar they are."""

from __future__ import annotations

import math

import numpy as np

from psface.measures.verification import Verification
from psface.vectors import unit

IMPOSTORS = 5_000_000  # at most; if there are more pairs of two people, they are sampled
BLOCK = 8192
AT_ONCE = 1_000_000  # pairs


def all_pairs(person: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every unordered pair of distinct captures; ``person`` (N,) are their people, by number or
    name.

    Returns
    -------
    first, second : (P,) int32
        Indices, first < second.
    same : (P,) bool
        Whether the two show one person.
    """
    person = np.unique(person, return_inverse=True)[1]  # names are slow to compare, and large
    first, second = (index.astype(np.int32) for index in np.triu_indices(len(person), k=1))
    return first, second, person[first] == person[second]


def some_pairs(
    person: np.ndarray, impostors: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As `all_pairs`, in its order, with every genuine pair but at most ``impostors`` impostor
    pairs, drawn at random if there are more."""
    person = np.unique(person, return_inverse=True)[1].astype(np.int32)
    count = len(person)
    total = count * (count - 1) // 2
    sizes = np.bincount(person)
    genuine = int((sizes * (sizes - 1) // 2).sum())
    if total - genuine <= impostors:
        return all_pairs(person)
    order = np.argsort(person, kind="stable")
    groups = np.split(order, np.cumsum(sizes)[:-1])
    within = [np.stack(np.triu_indices(len(group), k=1)) for group in groups]
    codes = [group[i] * count + group[j] for group, (i, j) in zip(groups, within, strict=True)]
    # Enough of these show two people, however many genuine pairs are drawn.
    drawn = _distinct(np.random.default_rng(seed), total, impostors + genuine)
    chosen, filled = np.concatenate([*codes, np.empty(impostors, np.int64)]), genuine
    for start in range(0, len(drawn), AT_ONCE):
        first, second = _pair_of_number(drawn[start : start + AT_ONCE], count)
        kept = np.flatnonzero(person[first] != person[second])[: len(chosen) - filled]
        chosen[filled : filled + len(kept)] = first[kept] * count + second[kept]
        filled += len(kept)
    del drawn
    chosen.sort()
    first = np.floor_divide(chosen, count).astype(np.int32)
    chosen %= count
    second = chosen.astype(np.int32)
    del chosen
    return first, second, person[first] == person[second]


def _distinct(rng: np.random.Generator, below: int, count: int) -> np.ndarray:
    """Draw distinct numbers below a limit, in random order, in memory for ``count`` of them:
    `numpy.random.Generator.choice` may need it for all."""
    if below <= 4 * count:
        return rng.choice(below, count, replace=False)
    found = np.unique(rng.integers(below, size=count))
    while len(found) < count:
        found = np.union1d(found, rng.integers(below, size=count // 8 + 1))
    return rng.permutation(found)[:count]


def _pair_of_number(number: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The pairs at positions ``number`` of `numpy.triu_indices`, for ``count`` captures."""
    starts = np.cumsum(np.r_[0, count - 1 : 0 : -1])  # where each first capture's pairs begin
    first = np.searchsorted(starts, number, side="right") - 1
    return first, number - starts[first] + first + 1


def pair_cosines(faces: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Dot products (P,) of pairs of unit vectors (N, D), without the matrix of all pairs if that is
    larger."""
    if len(faces) ** 2 <= 4 * len(first):
        matrix, out = faces @ faces.T, np.empty(len(first), faces.dtype)
        for i in range(0, len(first), AT_ONCE):
            part = slice(i, i + AT_ONCE)
            out[part] = matrix[first[part], second[part]]
        return out
    parts = [
        np.einsum("pd,pd->p", faces[first[i : i + BLOCK]], faces[second[i : i + BLOCK]])
        for i in range(0, len(first), BLOCK)
    ]
    return np.concatenate(parts) if parts else np.empty(0, faces.dtype)


def compared(vectors: np.ndarray, identities: np.ndarray, impostors: int) -> Verification:
    """All pairs of captures, or `some_pairs` with at most ``impostors`` of two people, scored by
    the cosine of their vectors (N, D)."""
    person = np.unique(identities, return_inverse=True)[1]
    person = person.astype(np.min_scalar_type(len(person)))  # less memory
    first, second, same = some_pairs(person, impostors, 0)
    score = pair_cosines(unit(vectors), first, second)
    return Verification(score, same, person[first], person[second])


def cosine_auc(embeddings: np.ndarray, identities: np.ndarray) -> float:
    """The AUC of the cosine over all pairs, or over `some_pairs` with `IMPOSTORS`; 0.5 if all pairs
    are of one kind."""
    auc = compared(embeddings, identities, IMPOSTORS).auc
    return 0.5 if math.isnan(auc) else auc

"""Verification over all pairs: are two captures of one person?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import roc_auc_score, roc_curve

from stages.pairs import all_pairs, unit


@dataclass(frozen=True)
class Pairs:
    """Every unordered pair of test captures.

    Attributes
    ----------
    first, second : (P,) int
        Indices of the captures.
    same : (P,) bool
    cosine, euclidean : (P,) float32
        Scores; higher is more alike, so the euclidean distance is negated. It is taken between
        the embeddings as they are, whose length is the capture's quality.
    """

    first: np.ndarray
    second: np.ndarray
    same: np.ndarray
    cosine: np.ndarray
    euclidean: np.ndarray


@dataclass(frozen=True)
class Roc:
    """All operating points, from the strictest threshold to the laxest."""

    far: np.ndarray
    tar: np.ndarray
    threshold: np.ndarray


def score_pairs(embeddings: np.ndarray, identities: np.ndarray) -> Pairs:
    """Compare (N, D) embeddings of (N,) identities, each with each."""
    first, second, same = all_pairs(identities)
    faces = unit(embeddings)
    lengths = np.square(embeddings).sum(axis=1)
    squared = lengths[:, None] + lengths[None, :] - 2 * embeddings @ embeddings.T
    distance = np.sqrt(np.maximum(squared, 0))
    return Pairs(first, second, same, (faces @ faces.T)[first, second], -distance[first, second])


def roc(scores: np.ndarray, same: np.ndarray) -> Roc:
    """Receiver operating characteristic; points on a straight line between others are left out."""
    far, tar, threshold = roc_curve(same, scores)
    return Roc(far, tar, threshold)


def auc(scores: np.ndarray, same: np.ndarray) -> float:
    """Area under the ROC."""
    return float(roc_auc_score(same, scores))


def equal_error_rate(curve: Roc) -> float:
    """Where the false accepts and the false rejects are equally many, by linear interpolation."""
    difference = (1 - curve.tar) - curve.far
    index = int(np.argmax(difference <= 0))
    if index == 0:
        return float(curve.far[0])
    before, after = difference[index - 1], difference[index]
    share = before / (before - after)
    return float(curve.far[index - 1] + share * (curve.far[index] - curve.far[index - 1]))


def tar_at_far(curve: Roc, far: float, impostors: int) -> float | None:
    """Largest true accept rate whose false accept rate is at most ``far``.

    None when there are too few impostor pairs to see such a rate.
    """
    if impostors * far < 1:
        return None
    return float(curve.tar[curve.far <= far].max())


def auc_interval(
    pairs: Pairs, identities: np.ndarray, resamples: int, rng: np.random.Generator
) -> tuple[float, float]:
    """95% interval of the cosine AUC by resampling people, not pairs.

    Pairs share captures and captures share people, so resampling pairs would promise far too
    much. Each draw takes as many people as there are, with replacement; a genuine pair counts as
    often as its person, an impostor pair as often as the product of its two people.
    """
    people, index = np.unique(identities, return_inverse=True)
    first, second = index[pairs.first], index[pairs.second]
    levels, level = np.unique(pairs.cosine, return_inverse=True)
    areas = []
    for _ in range(resamples):
        times = np.bincount(rng.integers(len(people), size=len(people)), minlength=len(people))
        weight = np.where(pairs.same, times[first], times[first] * times[second]).astype(float)
        genuine = np.bincount(level, weight * pairs.same, minlength=len(levels))
        impostor = np.bincount(level, weight * ~pairs.same, minlength=len(levels))
        total = genuine.sum() * impostor.sum()
        if total > 0:
            areas.append((genuine * (impostor.cumsum() - impostor / 2)).sum() / total)
    low, high = np.quantile(areas, [0.025, 0.975])
    return float(low), float(high)

"""Verification over all pairs: are two captures of one person?"""

from __future__ import annotations

from argparse import ArgumentTypeError
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from sklearn.metrics import roc_auc_score, roc_curve

from stages.evaluate.scores import Scores


@dataclass(frozen=True)
class Roc:
    """All operating points, from the strictest threshold to the laxest."""

    far: np.ndarray
    tar: np.ndarray
    threshold: np.ndarray


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
    index = _operating_point(curve, far, impostors)
    return None if index is None else float(curve.tar[index])


def threshold_at_far(curve: Roc, far: float, impostors: int) -> float | None:
    """The lowest threshold, accepted from there on, that keeps the false accept rate at ``far``.

    None when there are too few impostor pairs to see such a rate.
    """
    index = _operating_point(curve, far, impostors)
    return None if index is None else float(curve.threshold[index])


def given_rate(text: str) -> float:
    """A false accept rate of a command line, for argparse."""
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate < 1:
        raise ArgumentTypeError(f"{text!r} is no rate between 0 and 1")
    return rate


def scores_threshold(scores: Scores, far: float) -> float | None:
    """`threshold_at_far` over all pairs of the scores."""
    impostors = int((~scores.same).sum())
    return threshold_at_far(roc(scores.cosine, scores.same), far, impostors)


def _operating_point(curve: Roc, far: float, impostors: int) -> int | None:
    if impostors * far < 1:
        return None
    return int(np.flatnonzero(curve.far <= far)[-1])


def draw_people(people: int, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """How often each person is in each resample, (resamples, people)."""
    drawn = rng.integers(people, size=(resamples, people))
    return np.stack([np.bincount(one, minlength=people) for one in drawn])


class Compared(Protocol):
    """Pairs of captures with a score each: `stages.evaluate.scores.Scores`, for one."""

    @property
    def identity(self) -> np.ndarray: ...
    @property
    def first(self) -> np.ndarray: ...
    @property
    def second(self) -> np.ndarray: ...
    @property
    def same(self) -> np.ndarray: ...
    @property
    def cosine(self) -> np.ndarray: ...


def resampled_aucs(scores: Compared, draws: np.ndarray) -> np.ndarray:
    """The cosine AUC of every resample of people, (resamples,); NaN where it cannot be told.

    People are resampled, not pairs: pairs share captures and captures share people, so resampling
    pairs would promise far too much. A genuine pair counts as often as its person, an impostor
    pair as often as the product of its two people.

    Parameters
    ----------
    draws : (resamples, people) int
        How often each person counts, in the order of their names.
    """
    _, index = np.unique(scores.identity, return_inverse=True)
    first, second, same = index[scores.first], index[scores.second], scores.same
    levels, level = np.unique(scores.cosine, return_inverse=True)
    areas = []
    for times in draws:
        weight = np.where(same, times[first], times[first] * times[second]).astype(float)
        genuine = np.bincount(level, weight * same, minlength=len(levels))
        impostor = np.bincount(level, weight * ~same, minlength=len(levels))
        total = genuine.sum() * impostor.sum()
        right = (genuine * (impostor.cumsum() - impostor / 2)).sum()
        areas.append(right / total if total > 0 else np.nan)
    return np.array(areas)


def interval(values: np.ndarray) -> tuple[float, float]:
    """The 95% interval of resampled values."""
    low, high = np.nanquantile(values, [0.025, 0.975])
    return float(low), float(high)

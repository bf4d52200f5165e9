"""Verification over all pairs: are two captures of one person?"""

from __future__ import annotations

from argparse import ArgumentTypeError
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from stages.evaluate.scores import Scores

FARS_A_DECADE, TARS = 200, 1000  # how finely a thinned curve tells them apart


@dataclass(frozen=True)
class Roc:
    """All operating points, from the strictest threshold to the laxest.

    Attributes
    ----------
    far, tar : (n,) float64
        Share of the impostor and of the genuine pairs whose score is ``threshold`` or more.
    threshold : (n,)
        Infinity, at which nothing is accepted, and then every score that occurs, as it is.
    """

    far: np.ndarray
    tar: np.ndarray
    threshold: np.ndarray

    @property
    def thinned(self) -> Roc:
        """At most a few thousand of the points, for tables and plots: of those of nearly one FAR
        and TAR, the laxest. Each still is what its threshold gives."""
        with np.errstate(divide="ignore"):
            decades = np.nan_to_num(np.floor(FARS_A_DECADE * np.log10(self.far)), neginf=-9999)
        keys = np.stack([decades, np.floor(TARS * self.tar)])
        last = np.append((keys[:, 1:] != keys[:, :-1]).any(axis=0), True)
        last[0] = True
        return Roc(self.far[last], self.tar[last], self.threshold[last])


def roc(scores: np.ndarray, same: np.ndarray) -> Roc:
    """Receiver operating characteristic, with a point for every score that occurs."""
    falling = np.argsort(-scores, kind="stable")
    levels, genuine = scores[falling], same[falling]
    last = np.append(levels[1:] != levels[:-1], True)  # of equal scores, all or none are accepted
    far, tar = (
        np.append(0.0, np.cumsum(kind)[last] / max(1, int(kind.sum())))
        for kind in (~genuine, genuine)
    )
    return Roc(far, tar, np.append(levels.dtype.type(np.inf), levels[last]))


def roc_table(curve: Roc) -> pd.DataFrame:
    """Columns far, tar and threshold of a thinned curve; thresholds as they are applied."""
    thin = curve.thinned
    columns = {"far": thin.far.round(6), "tar": thin.tar.round(6), "threshold": thin.threshold}
    return pd.DataFrame(columns)


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
    """The lowest score that, as the threshold from which pairs are accepted, keeps the false accept
    rate at ``far`` or under; infinity if the impostors' highest scores are too many for any.

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
    if not impostors or 1 / impostors > far:
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
    person = np.unique(scores.identity, return_inverse=True)[1]
    genuine, impostors = np.flatnonzero(scores.same), np.flatnonzero(~scores.same)
    impostors = impostors[np.argsort(scores.cosine[impostors])]
    first, second = person[scores.first[impostors]], person[scores.second[impostors]]
    # Between which impostors each genuine score lies.
    rising, own = scores.cosine[impostors], scores.cosine[genuine]
    below, not_above = (np.searchsorted(rising, own, side) for side in ("left", "right"))
    owner = person[scores.first[genuine]]
    del rising, impostors
    areas = []
    for times in draws.astype(np.int32):
        # Whole numbers, so that the order of the sums does not matter.
        weights = np.concatenate([[0], np.cumsum(times[first] * times[second], dtype=np.int64)])
        weight = times[owner].astype(np.int64)
        total = int(weight.sum()) * int(weights[-1])
        twice = (weight * (weights[below] + weights[not_above])).sum()
        areas.append(twice / 2 / total if total > 0 else np.nan)
    return np.array(areas)


def interval(values: np.ndarray) -> tuple[float, float]:
    """The 95% interval of resampled values."""
    low, high = np.nanquantile(values, [0.025, 0.975])
    return float(low), float(high)

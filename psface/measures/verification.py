"""Verification: do the two captures of a pair show one person?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from psface.measures.intervals import interval
from psface.measures.resampling import resampled_areas

FARS_A_DECADE, TARS = 200, 1000  # resolution of a thinned curve
POINTS = 1_000_000  # of a curve, thinned at once

Metrics = dict[str, float | int | None]


@dataclass(frozen=True)
class Roc:
    """All operating points, from the strictest threshold to the laxest.

    Attributes
    ----------
    far, tar : (n,) float64
        Share of the impostor and of the genuine pairs with a score of at least ``threshold``.
    threshold : (n,)
        Infinity, at which nothing is accepted, then every distinct score, unrounded.
    """

    far: np.ndarray
    tar: np.ndarray
    threshold: np.ndarray

    def place(self, far: float) -> int:
        """The laxest point with a false accept rate of at most ``far``."""
        return int(np.searchsorted(self.far, far, side="right")) - 1

    @property
    def thinned(self) -> Roc:
        """At most a few thousand of the points, for tables and plots: of those with nearly equal
        FAR and TAR, the laxest. Each remains exact for its threshold."""
        last = np.ones(len(self.far), bool)
        for start in range(0, len(last), POINTS):
            part = slice(start, start + POINTS + 1)
            with np.errstate(divide="ignore"):
                decades = np.floor(FARS_A_DECADE * np.log10(self.far[part]))
            tars = np.floor(TARS * self.tar[part])
            changes = (decades[1:] != decades[:-1]) | (tars[1:] != tars[:-1])
            last[start : start + len(changes)] = changes
        last[0] = True
        return Roc(self.far[last], self.tar[last], self.threshold[last])

    @property
    def eer(self) -> float:
        """Equal error rate of false accepts and false rejects, by linear interpolation."""
        difference = (1 - self.tar) - self.far
        index = int(np.argmax(difference <= 0))
        if index == 0:
            return float(self.far[0])
        before, after = difference[index - 1], difference[index]
        share = before / (before - after)
        return float(self.far[index - 1] + share * (self.far[index] - self.far[index - 1]))

    @property
    def table(self) -> pd.DataFrame:
        """Columns far, tar and threshold of the thinned curve; thresholds are not rounded."""
        thin = self.thinned
        columns = {"far": thin.far.round(6), "tar": thin.tar.round(6), "threshold": thin.threshold}
        return pd.DataFrame(columns)


@dataclass(frozen=True)
class Verification:
    """Scored pairs of captures, from which every figure of verification is computed.

    The scores are sorted once, when the first figure is requested.

    Attributes
    ----------
    score : (P,) float
        Higher is more alike.
    same : (P,) bool
        Whether the two captures show one person: a genuine pair, else an impostor pair.
    first, second : (P,) int or None
        People of the two captures, numbered from 0; only intervals need them.

    Examples
    --------
    >>> pairs = Verification(np.array([0.9, 0.8, 0.4, 0.1]), np.array([True, False, True, False]))
    >>> pairs.auc
    0.75
    >>> pairs.tar_at(0.5)
    1.0
    """

    score: np.ndarray
    same: np.ndarray
    first: np.ndarray | None = None
    second: np.ndarray | None = None

    @cached_property
    def impostors(self) -> int:
        """Number of pairs that show two people."""
        return int((~self.same).sum())

    @cached_property
    def _falling(self) -> np.ndarray:
        order = np.argsort(-self.score, kind="stable")
        return order.astype(np.int32) if len(order) < 2**31 else order

    @property
    def _rising(self) -> tuple[np.ndarray, np.ndarray]:
        """Genuine and impostor pairs by rising score."""
        rising = self._falling[::-1]
        genuine = self.same[rising]
        return rising[genuine], rising[~genuine]

    @cached_property
    def _beaten(self) -> tuple[np.ndarray, ...]:
        """How many impostors lie below, and not above, each genuine score, by rising score."""
        return self._beaten_by(*self._rising)

    def _beaten_by(self, genuine: np.ndarray, impostors: np.ndarray) -> tuple[np.ndarray, ...]:
        levels, scores = self.score[impostors], self.score[genuine]
        return tuple(np.searchsorted(levels, scores, side) for side in ("left", "right"))

    @cached_property
    def roc(self) -> Roc:
        """Receiver operating characteristic, with a point for every distinct score."""
        return roc_of(self.score[self._falling], self.same[self._falling])

    @cached_property
    def auc(self) -> float:
        """Area under the ROC: the share of genuine pairs over impostors, ties counting half; NaN
        if all pairs are of one kind."""
        return _area(self._beaten, self.impostors)

    def auc_among(self, chosen: np.ndarray) -> float:
        """The AUC of the pairs of a mask (P,) alone, without sorting them again."""
        genuine, impostors = (pairs[chosen[pairs]] for pairs in self._rising)
        return _area(self._beaten_by(genuine, impostors), len(impostors))

    @property
    def eer(self) -> float:
        """Equal error rate of false accepts and false rejects, by linear interpolation."""
        return self.roc.eer

    def tar_at(self, far: float) -> float | None:
        """Highest true accept rate at a false accept rate of at most ``far``; None if there are too
        few impostor pairs to measure such a rate."""
        index = self._operating_point(far)
        return None if index is None else float(self.roc.tar[index])

    def threshold_at(self, far: float) -> float | None:
        """The lowest score at or above which pairs can be accepted with a false accept rate of at
        most ``far``; infinity if no score is high enough. None if there are too few impostor pairs
        to measure such a rate."""
        index = self._operating_point(far)
        return None if index is None else float(self.roc.threshold[index])

    def _operating_point(self, far: float) -> int | None:
        if not self.impostors or 1 / self.impostors > far:
            return None
        return self.roc.place(far)

    def rates(self, threshold: float) -> tuple[float, float]:
        """False accept and false reject rate at a threshold."""
        accepted = self.score >= threshold
        return float(accepted[~self.same].mean()), float((~accepted)[self.same].mean())

    def among(self, chosen: np.ndarray) -> Verification:
        """Select pairs by a mask (P,) or indices."""
        first, second = (None if p is None else p[chosen] for p in (self.first, self.second))
        return Verification(self.score[chosen], self.same[chosen], first, second)

    def resampled_aucs(self, draws: np.ndarray) -> np.ndarray:
        """The AUC of every resample of people, (resamples,); NaN where undefined.

        People are resampled, not pairs: pairs share captures and captures share people, so
        resampling pairs would give intervals far too narrow. A genuine pair counts as often as its
        person, an impostor pair as often as the product of its two people.

        Parameters
        ----------
        draws : (resamples, people) int
            How often each person counts; see `draw_people`.
        """
        assert self.first is not None and self.second is not None
        genuine, impostors = self._rising
        pairs = self.first[impostors], self.second[impostors]
        return resampled_areas(draws, self.first[genuine], pairs, self._beaten)

    def metrics(self, fars: Sequence[float], draws: np.ndarray | None = None) -> Metrics:
        """``auc``, ``auc_low`` and ``auc_high`` (the 95% interval from ``draws`` of people, or
        None), ``eer`` and ``tar_at_far_<rate>``."""
        low, high = (None, None) if draws is None else interval(self.resampled_aucs(draws))
        return {
            "auc": None if math.isnan(self.auc) else self.auc,
            "auc_low": low,
            "auc_high": high,
            "eer": self.eer,
            **{f"tar_at_far_{rate_name(far)}": self.tar_at(far) for far in fars},
        }


def roc_of(levels: np.ndarray, genuine: np.ndarray, times: np.ndarray | None = None) -> Roc:
    """The curve of pairs (P,) by falling score, each counted once, or as often as ``times`` says.

    Examples
    --------
    >>> curve = roc_of(np.array([0.9, 0.5, 0.5]), np.array([1, 0, 1], bool), np.array([1, 1, 3]))
    >>> curve.far.tolist(), curve.tar.tolist()
    ([0.0, 0.0, 1.0], [0.0, 0.25, 1.0])
    """
    last = np.append(levels[1:] != levels[:-1], True)[: len(levels)]  # equal scores: together
    # Half the memory, where it is enough.
    counts = np.int32 if times is None and len(levels) < 2**31 else np.int64
    far, tar = (
        _shares(np.cumsum(kind if times is None else kind * times, dtype=counts), last)
        for kind in (~genuine, genuine)
    )
    return Roc(far, tar, np.append(levels.dtype.type(np.inf), levels[last]))


def _shares(sums: np.ndarray, last: np.ndarray) -> np.ndarray:
    return np.append(0.0, sums[last] / max(1, int(sums[-1:].sum())))


def _area(beaten: tuple[np.ndarray, ...], impostors: int) -> float:
    compared = len(beaten[0]) * impostors
    return sum(int(of.sum()) for of in beaten) / 2 / compared if compared else math.nan


def rate_name(rate: float) -> str:
    """Format a rate for the names of metrics.

    Examples
    --------
    >>> rate_name(0.001)
    '1e-3'
    """
    return f"{rate:.0e}".replace("e-0", "e-")

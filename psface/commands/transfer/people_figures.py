"""How well faces are recognised by their vectors, with what it would be on other people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from psface.measures.intervals import interval
from psface.measures.one_enrolled import one_enrolled
from psface.measures.pairs import compared
from psface.measures.resampled_rates import resampled_rates

FARS = (1e-2, 1e-3)
FIGURES = ("auc", "eer", "tar_at_far_1e-2", "tar_at_far_1e-3", "rank1")
LOWER_IS_BETTER = {"eer"}
IMPOSTORS = 500_000  # pairs at most, for every resample


@dataclass(frozen=True)
class Figures:
    """Recognition by one method.

    Attributes
    ----------
    value : dict of str to float
        By `FIGURES`; NaN where there are too few impostor pairs for a rate.
    resampled : dict of str to (resamples,) float
        The same of resampled people, which are paired between methods.
    """

    value: dict[str, float]
    resampled: dict[str, np.ndarray]

    def interval(self, figure: str) -> tuple[float, float]:
        """The figure's 95% interval."""
        if np.isnan(self.value[figure]):
            return np.nan, np.nan
        return interval(self.resampled[figure])


def figures(vectors: np.ndarray, identity: np.ndarray, draws: np.ndarray) -> Figures:
    """Compare all captures of some people.

    Parameters
    ----------
    vectors : (N, D) float
    identity : (N,) str
    draws : (resamples, people) int
        How often each person counts, in the order of their names.
    """
    pairs = compared(vectors, identity, IMPOSTORS)
    tars = [pairs.tar_at(far) for far in FARS]
    enrolled = one_enrolled(vectors, identity)
    found = [pairs.auc, pairs.eer, *tars, enrolled.rank1]
    value = [np.nan if one is None else one for one in found]
    resampled = {**resampled_rates(pairs, draws, FARS), "rank1": enrolled.resampled(draws)}
    return Figures(dict(zip(FIGURES, value, strict=True)), resampled)


def averaged(several: Sequence[Figures]) -> Figures:
    """Average figures of several draws of people, each resample over the same people in all."""
    value = {name: float(np.mean([f.value[name] for f in several])) for name in FIGURES}
    resampled = {name: np.mean([f.resampled[name] for f in several], axis=0) for name in FIGURES}
    return Figures(value, resampled)


@dataclass(frozen=True)
class Difference:
    """How much better one method is than another: above zero if it is, also for error rates.

    The interval is of the paired difference: both methods on the same resampled people.
    """

    other: str
    value: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        return self.low > 0 or self.high < 0


def above_best(ours: Figures, others: dict[str, Figures], figure: str) -> Difference | None:
    """Compare with whichever of the others is best in a figure; None if it was not measured."""
    sign = -1 if figure in LOWER_IS_BETTER else 1
    known = {name: sign * f.value[figure] for name, f in others.items()}
    if np.isnan([ours.value[figure], *known.values()]).any():
        return None
    best = max(known, key=known.__getitem__)
    resampled = sign * (ours.resampled[figure] - others[best].resampled[figure])
    return Difference(best, sign * ours.value[figure] - known[best], *interval(resampled))

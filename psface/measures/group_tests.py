"""Whether two groups' error rates differ by more than chance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from psface.measures.people_rates import Tally

P_BELOW = 0.05
SHUFFLES = 2000
MANY = 1_000_000  # pairs of people: fewer shuffles


def shuffled(group: np.ndarray, judged: Sequence[int], every: Tally) -> np.ndarray:
    """Errors and trials of each judged group with people dealt anew to the groups, (groups, 2,
    shuffles).

    Without a difference between the groups, who is in which does not matter, and all deals are
    alike: a permutation test, exact for any number of people (Good, "Permutation, parametric and
    bootstrap tests of hypotheses", 2005, chapter 3).

    Parameters
    ----------
    group : (people,) int
    every : Tally
        Of all pairs of people in the judged groups.
    """
    rng = np.random.default_rng(0)
    known = np.flatnonzero(np.isin(group, judged))
    count = SHUFFLES if every.trials.nnz <= MANY else SHUFFLES // 10
    dealt = np.full((count, len(group)), -1, np.int16)
    dealt[:, known] = rng.permuted(np.tile(group[known].astype(np.int16), (count, 1)), axis=1)
    return np.stack([every.sums(dealt == g) for g in judged])


def shuffled_p(counts: Tally, rest: Sequence[Tally], shuffles: np.ndarray, place: int) -> float:
    """Two-sided p of "no difference between a group and the others".

    Parameters
    ----------
    shuffles : (groups, 2, shuffles)
        Of `shuffled`.
    place : int
        The group's in it.
    """
    others = np.delete(shuffles, place, axis=0).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        drawn = shuffles[place][0] / shuffles[place][1] - others[0] / others[1]
    seen = counts.rate - _rate(rest)
    # The sample is one of the deals: Phipson & Smyth, 2010. Sums of integers: equal is equal.
    return float((1 + (np.abs(np.nan_to_num(drawn)) >= abs(seen)).sum()) / (1 + len(drawn)))


def resampled_p(counts: Tally, rest: Sequence[Tally], draws: np.ndarray) -> float:
    """The same by resampling people (percentile bootstrap; see `psface.measures.paired.paired_p`),
    for people who are in several groups.

    A side without an error has none in any resample, which would look sure: the other is then
    compared with what that side's people leave possible.
    """
    if counts.errors.nnz and _rate(rest):
        difference = counts.rates(draws) - _rates(rest, draws)
    elif counts.errors.nnz:
        difference = counts.rates(draws) - _bound(rest, draws)
    else:
        difference = _rates(rest, draws) - _bound([counts], draws)
    difference = difference[np.isfinite(difference)]
    above, below = (difference >= 0).sum(), (difference <= 0).sum()
    fewer = min(above, below) if counts.errors.nnz and _rate(rest) else below
    return float(min(1.0, 2 * (fewer + 1) / (len(difference) + 1)))


def compared(counts: Tally, rest: Sequence[Tally], draws: np.ndarray) -> dict[str, float]:
    """``ratio`` of a group's rate to that of the others, with its interval: ``ratio_low`` and
    ``ratio_high``. Of a side without errors, the bound is compared; nothing if neither has any."""
    other = _rate(rest)
    low, high = counts.interval(draws)
    if not counts.errors.nnz and not other:
        return {}
    if not counts.errors.nnz:
        return {"ratio": 0.0, "ratio_low": 0.0, "ratio_high": high / other}
    if not other:
        return {"ratio": np.inf, "ratio_low": low / _bound(rest, draws), "ratio_high": np.inf}
    with np.errstate(invalid="ignore", divide="ignore"):
        drawn = counts.rates(draws) / _rates(rest, draws)
    # Not interpolated: some may be infinite, where the others had no error.
    low, high = np.nanquantile(drawn, [0.025, 0.975], method="nearest")
    return {"ratio": counts.rate / other, "ratio_low": float(low), "ratio_high": float(high)}


def _rate(cells: Sequence[Tally]) -> float:
    return sum(c.errors.sum() for c in cells) / sum(c.trials.sum() for c in cells)


def _bound(cells: Sequence[Tally], draws: np.ndarray) -> float:
    """The highest rate that groups without errors leave possible: that of the largest."""
    return min(cell.interval(draws)[1] for cell in cells)


def _rates(cells: Sequence[Tally], draws: np.ndarray) -> np.ndarray:
    errors, trials = np.sum([c.sums(draws) for c in cells], axis=0)
    with np.errstate(invalid="ignore"):
        return np.where(trials > 0, errors / trials, np.nan)


def holm(p: np.ndarray) -> np.ndarray:
    """Correct p values for their number (Holm, "A simple sequentially rejective multiple test
    procedure", 1979); NaN stays.

    Examples
    --------
    >>> holm(np.array([0.01, np.nan, 0.04, 0.03])).tolist()
    [0.03, nan, 0.06, 0.06]
    """
    found = np.full(len(p), np.nan)
    order = np.argsort(p, kind="stable")[: int(np.isfinite(p).sum())]
    steps = p[order] * np.arange(len(order), 0, -1)
    found[order] = np.minimum(1, np.maximum.accumulate(steps))
    return found

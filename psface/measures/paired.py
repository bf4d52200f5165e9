"""Means over seeds, intervals over people, and paired tests between runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from psface.errors import UserError
from psface.measures.intervals import draw_people, interval
from psface.measures.scores import Scores

RESAMPLES = 1000


@dataclass(frozen=True)
class Measured:
    """A run's identity AUC.

    Attributes
    ----------
    mean : float
        Over the seeds.
    spread : float
        Standard deviation over the seeds; zero with one seed.
    low, high : float
        95% interval by resampling people; a resample has the same people for all seeds, whose
        AUCs are averaged.
    resampled : (RESAMPLES,)
        These averages, which are paired between runs on the same people.
    """

    mean: float
    spread: float
    low: float
    high: float
    resampled: np.ndarray


def measure(runs: Sequence[Scores], seed: int) -> Measured:
    """Measure a run's AUC from the scores of its seeds, on the same captures.

    Raises
    ------
    UserError
        If they were not tested on the same captures.
    """
    check_same_captures(runs)
    people = len(np.unique(runs[0].identity))
    draws = draw_people(people, RESAMPLES, seed)
    areas = [s.verification.auc for s in runs]
    resampled = np.mean([s.verification.resampled_aucs(draws) for s in runs], axis=0)
    low, high = interval(resampled)
    spread = float(np.std(areas, ddof=1)) if len(areas) > 1 else 0.0
    return Measured(float(np.mean(areas)), spread, low, high, resampled)


def paired_p(first: Measured, second: Measured) -> float:
    """Two-sided p of "both are equally good on other people".

    Twice the share of resamples of people in which the order of the two is reversed (percentile
    bootstrap of the difference; Efron & Tibshirani, "An Introduction to the Bootstrap", 1993,
    chapter 15). The sample itself counts as one of them, so that n resamples give at least
    2 / (n + 1) (Phipson & Smyth, "Permutation p-values should never be zero", 2010).
    """
    difference = first.resampled - second.resampled
    difference = difference[np.isfinite(difference)]
    fewer = min((difference <= 0).sum(), (difference >= 0).sum())
    return float(min(1.0, 2 * (fewer + 1) / (len(difference) + 1)))


def check_same_captures(runs: Sequence[Scores]) -> None:
    """Check that all runs were tested on the same captures, as comparing them requires."""
    for other in runs[1:]:
        for name in ("identity", "session", "gallery"):
            if not np.array_equal(getattr(runs[0], name), getattr(other, name)):
                raise UserError(
                    "compare: the runs were tested on different captures; use the same seed, "
                    "ingest, crop and split in all compare.runs (params.yaml)"
                )

"""Error rates counted by person, so that people can be resampled and groups drawn anew."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from psface.measures.intervals import interval

AT_ONCE = 64  # resamples


@dataclass(frozen=True)
class Tally:
    """Trials and errors, by the two people of each.

    Attributes
    ----------
    trials, errors : (people, people) sparse
    own : bool
        Whether a trial has one person: it then weighs as that person does, else as the product of
        its two.

    Examples
    --------
    >>> first, second, wrong = np.array([0, 0, 1]), np.array([1, 2, 2]), np.array([1, 0, 0]) > 0
    >>> counts = tally(first, second, wrong, 3, own=False)
    >>> counts.rates(np.array([[1, 1, 1], [2, 1, 0]])).round(3).tolist()
    [0.333, 1.0]
    """

    trials: sparse.csr_matrix
    errors: sparse.csr_matrix
    own: bool

    @property
    def rate(self) -> float:
        """Errors per trial; NaN without trials."""
        return self.errors.sum() / self.trials.sum() if self.trials.nnz else np.nan

    @property
    def people(self) -> int:
        """How many people are in the trials."""
        return _involved(self.trials)

    @property
    def people_with_errors(self) -> int:
        """How many people are in the errors."""
        return _involved(self.errors)

    def rates(self, weights: np.ndarray) -> np.ndarray:
        """The rate with each person weighted, (resamples,), by (resamples, people) numbers; NaN
        where no trial has a weight."""
        errors, trials = self.sums(weights)
        with np.errstate(invalid="ignore"):
            return np.where(trials > 0, errors / trials, np.nan)

    def sums(self, weights: np.ndarray) -> np.ndarray:
        """Weighted errors and trials, (2, resamples)."""
        parts = [weights[i : i + AT_ONCE].T.astype(float) for i in range(0, len(weights), AT_ONCE)]
        sums = [[self._weighed(m, p) for m in (self.errors, self.trials)] for p in parts]
        return np.concatenate(sums, axis=1)

    def _weighed(self, counts: sparse.csr_matrix, weights: np.ndarray) -> np.ndarray:
        if self.own:
            return counts.diagonal() @ weights
        return ((counts @ weights) * weights).sum(axis=0)

    def interval(self, draws: np.ndarray) -> tuple[float, float]:
        """The 95% interval of the rate by resampling people; without errors, 0 and
        `proven_bound` of the people, or of pairs of people that share nobody."""
        if not self.trials.nnz:
            return np.nan, np.nan
        if not self.errors.nnz:
            return 0.0, proven_bound(self.people if self.own else self.people // 2)
        return interval(self.rates(draws))


def tally(
    first: np.ndarray, second: np.ndarray, wrong: np.ndarray, people: int, own: bool
) -> Tally:
    """Count trials (n,) by their two people, numbered from 0, and those that are ``wrong``."""
    a, b = np.minimum(first, second), np.maximum(first, second)

    def counted(chosen: np.ndarray | slice) -> sparse.csr_matrix:
        ones = np.ones(len(a[chosen]))
        table = sparse.coo_matrix((ones, (a[chosen], b[chosen])), shape=(people, people))
        return table.tocsr()

    return Tally(counted(slice(None)), counted(wrong), own)


def _involved(counts: sparse.csr_matrix) -> int:
    return len(np.union1d(*counts.nonzero()))


def proven_bound(people: int) -> float:
    """The highest error rate that people without an error leave possible, with 95% confidence.

    1 - 0.05^(1/n), nearly 3/n: the "rule of 3" (Jovanovic & Levy, "A look at the rule of three",
    The American Statistician 51(2), 1997; ISO/IEC 19795-1:2021). Pairs of one person may err
    together, so people count, not pairs; the bound is wide, since it assumes nothing of how far
    they do.

    Examples
    --------
    >>> round(proven_bound(42), 4)
    0.0688
    """
    return 1 - 0.05 ** (1 / people) if people else 1.0

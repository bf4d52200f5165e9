"""Error rates counted by person, so that people can be resampled and groups drawn anew."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.special import betaincinv, stdtrit

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

    def variance(self, draws: np.ndarray | None) -> float:
        """Of the rate, by how much people differ: over resamples, (resamples, people), of the two
        people of each trial; over the people themselves if each trial has one (the limit of many
        resamples: Efron & Tibshirani, "An introduction to the bootstrap", 1993, section 5.4)."""
        if not self.own:
            assert draws is not None
            return float(np.nanvar(self.rates(draws)))
        return share_variance(self.errors.diagonal(), self.trials.diagonal())

    def interval(self, draws: np.ndarray | None) -> tuple[float, float]:
        """The 95% interval of the rate, `share_interval`, by people, or by pairs of people that
        share nobody; NaN without trials. Only trials of two people need ``draws``."""
        if not self.trials.nnz:
            return np.nan, np.nan
        units = self.people if self.own else self.people // 2
        variance = self.variance(draws) if 0 < self.rate < 1 else 0.0
        return share_interval(self.rate, variance, self.trials.sum(), units)


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


def own_tally(person: np.ndarray, wrong: np.ndarray) -> Tally:
    """Count trials (n,) of one person each, by name or number, and those that are ``wrong``.

    Examples
    --------
    >>> counts = own_tally(np.array(["bo", "al", "bo"]), np.array([True, False, False]))
    >>> round(float(counts.rate), 2), counts.people
    (0.33, 2)
    """
    people, number = np.unique(person, return_inverse=True)
    return tally(number, number, wrong, len(people), own=True)


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


def share_variance(errors: np.ndarray, trials: np.ndarray) -> float:
    """The variance over people of a share of trials, from each one's errors and trials (people,):
    the limit of many resamples of people (Efron & Tibshirani, "An introduction to the bootstrap",
    1993, section 5.4)."""
    share = errors.sum() / trials.sum()
    return float(((errors - share * trials) ** 2).sum() / trials.sum() ** 2)


def share_interval(share: float, variance: float, trials: float, units: int) -> tuple[float, float]:
    """The 95% interval of a share of trials of which those of one person may err together.

    It is that of Clopper & Pearson (Biometrika 26, 1934) for as many independent trials as give the
    variance that people do, ``share (1 - share) / variance``, fewer if there are few people to tell
    the variance from: Korn & Graubard, "Confidence intervals for proportions with small expected
    number of positive counts estimated from survey data", Survey Methodology 24(2), 1998. With one
    trial of each person it is Clopper and Pearson's own. Where all trials or none err, it is the
    one-sided `proven_bound`. Every share of a report has this interval, since percentiles of
    resamples miss the true rate too often where errors are few.

    Parameters
    ----------
    variance : float
        Of the share over people who might have been tested.
    trials : float
        Independent trials are no more than these.
    units : int
        People, or others that err independently.

    Returns
    -------
    tuple of float
        0 and 1 if one person is all there is; NaN if the share is.

    Examples
    --------
    3 errors in 600 trials of as many people, and of 100 people who err in all or none of theirs:

    >>> for people in (600, 100):
    ...     variance = 0.005 * 0.995 / people
    ...     print([round(bound, 4) for bound in share_interval(0.005, variance, 600, people)])
    [0.001, 0.0145]
    [0.0, 0.0465]
    >>> [round(bound, 4) for bound in share_interval(0.0, 0.0, 600, 100)]
    [0.0, 0.0295]
    """
    if np.isnan(share):
        return np.nan, np.nan
    if share in (0.0, 1.0):
        bound = proven_bound(units)
        return (0.0, bound) if share == 0 else (1 - bound, 1.0)
    if units < 2:
        return 0.0, 1.0
    few = (stdtrit(trials - 1, 0.975) / stdtrit(units - 1, 0.975)) ** 2
    independent = min(few * share * (1 - share) / max(variance, 1e-300), trials)
    errors = share * independent
    low = betaincinv(errors, independent - errors + 1, 0.025)
    high = betaincinv(errors + 1, independent - errors, 0.975)
    return float(low), float(high)

"""Error rates of presentation attack detection (ISO/IEC 30107-3).

Scores rise with liveness. A *bona fide presentation* is a live capture. BPCER is the share of them
that are taken for attacks, APCER the share of the attacks of one kind that are taken for live.
Presentations of which no face is found have no score; the standard counts them apart (BPNRR,
APNRR), since they are neither accepted nor classified.
"""

from __future__ import annotations

import math

import numpy as np


def threshold_at(live: np.ndarray, bpcer: float) -> float:
    """The highest threshold that rejects a further live capture with at most a given probability.

    Live captures score under it where they are rejected. With n of them exchangeable with those to
    come, the k-th lowest score has an expected rate of k / (n + 1) below it (Vovk et al.,
    "Algorithmic learning in a random world", 2005, sec. 2.2).

    Parameters
    ----------
    live : (n,)
        Scores of live captures.

    Returns
    -------
    float
        NaN if there are too few captures for the rate: it takes 1 / ``bpcer`` - 1.

    Examples
    --------
    >>> threshold_at(np.arange(99.0), 0.05), threshold_at(np.arange(98.0), 0.01)
    (4.0, nan)
    """
    place = math.floor(bpcer * (len(live) + 1) + 1e-9)
    return float(np.sort(live)[place - 1]) if place else math.nan


def share_between(errors: int, total: int) -> tuple[float, float]:
    """The exact 95% interval of a share (Clopper & Pearson, Biometrika 26, 1934).

    Examples
    --------
    >>> [round(bound, 4) for bound in share_between(0, 1000)]
    [0.0, 0.0037]
    """
    from scipy.stats import beta  # slow to load

    low = beta.ppf(0.025, errors, total - errors + 1) if errors else 0.0
    high = beta.ppf(0.975, errors + 1, total - errors) if errors < total else 1.0
    return float(low), float(high)


def accepted(scores: np.ndarray, threshold: float) -> int:
    """How many scores are live at a threshold; NaN, of which nothing was told, is not.

    Examples
    --------
    >>> accepted(np.array([0.2, 0.5, np.nan, 0.9]), 0.5)
    2
    """
    return int((scores >= threshold).sum())


def bpcer_at_apcer(live: np.ndarray, attacks: np.ndarray, apcer: float) -> float:
    """Lowest BPCER at a threshold that at most a share of the attacks (n,) reach.

    Examples
    --------
    >>> bpcer_at_apcer(np.array([0.1, 0.6, 0.7, 0.8]), np.array([0.0, 0.2, 0.3, 0.65]), 0.25)
    0.25
    """
    allowed = math.floor(apcer * len(attacks) + 1e-9)
    ranked = np.sort(attacks[~np.isnan(attacks)])[::-1]
    if allowed >= len(ranked):
        return 0.0
    return float((live <= ranked[allowed]).mean())

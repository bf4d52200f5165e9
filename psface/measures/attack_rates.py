"""Error rates of presentation attack detection (ISO/IEC 30107-3).

Scores rise with liveness. A *bona fide presentation* is a live capture. BPCER is the share of them
that are taken for attacks, APCER the share of the attacks of one kind that are taken for live.
Presentations of which no face is found have no score; the standard counts them apart (BPNRR,
APNRR), since they are neither accepted nor classified. Captures and attacks of one person are not
independent: intervals are by people (`psface.measures.people_rates.own_tally`).
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


def threshold_against(attacks: np.ndarray, apcer: float) -> float:
    """The lowest threshold that at most a share of the attacks (n,) reach; NaN among them, of which
    nothing was told, reach none.

    Examples
    --------
    >>> round(threshold_against(np.array([0.0, 0.2, 0.3, 0.65]), 0.25), 6)
    0.3
    """
    allowed = math.floor(apcer * len(attacks) + 1e-9)
    ranked = np.sort(attacks[~np.isnan(attacks)])[::-1]
    return float(np.nextafter(ranked[allowed], np.inf)) if allowed < len(ranked) else -math.inf

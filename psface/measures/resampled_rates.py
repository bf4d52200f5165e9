"""Equal error rate and true accept rates of resampled people, for their intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from psface.measures.verification import Verification, rate_name, roc_of

Resampled = dict[str, np.ndarray]


def resampled_rates(pairs: Verification, draws: np.ndarray, fars: Sequence[float]) -> Resampled:
    """Resample people, as `Verification.resampled_aucs` does, for all rates of verification.

    A genuine pair counts as often as its person, an impostor pair as often as the product of its
    two people; a curve is then read as `Verification` reads its own.

    Parameters
    ----------
    pairs : Verification
        With its people.
    draws : (resamples, people) int
        How often each person counts (`psface.measures.intervals.draw_people`).

    Returns
    -------
    dict of str to (resamples,) float
        ``auc``, ``eer`` and ``tar_at_far_<rate>``, each NaN where a resample has pairs of one kind
        alone.

    Examples
    --------
    >>> same, first, second = np.array([1, 1, 0], bool), np.array([0, 1, 0]), np.array([0, 1, 1])
    >>> pairs = Verification(np.array([0.9, 0.2, 0.4]), same, first, second)
    >>> rates = resampled_rates(pairs, np.array([[1, 1], [3, 1], [2, 0]]), [0.1])
    >>> rates["auc"].tolist(), rates["tar_at_far_1e-1"].tolist()
    ([0.5, 0.75, nan], [0.5, 0.75, nan])
    """
    assert pairs.first is not None and pairs.second is not None
    falling = np.argsort(-pairs.score, kind="stable")
    score, same = pairs.score[falling], pairs.same[falling]
    first, second = pairs.first[falling], pairs.second[falling]
    names = ["eer", *(f"tar_at_far_{rate_name(far)}" for far in fars)]
    rates: dict[str, list[float]] = {name: [] for name in names}
    for drawn in draws:
        times = drawn.astype(np.int64)
        weight = np.where(same, times[first], times[first] * times[second])
        curve = roc_of(score, same, weight)
        if curve.far[-1] and curve.tar[-1]:
            found = [curve.eer, *(float(curve.tar[curve.place(far)]) for far in fars)]
        else:  # pairs of one kind alone
            found = [np.nan] * len(names)
        for name, value in zip(names, found, strict=True):
            rates[name].append(value)
    found_rates = {name: np.array(values) for name, values in rates.items()}
    return {"auc": pairs.resampled_aucs(draws), **found_rates}

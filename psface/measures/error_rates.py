"""False non-match rates at false match rates, with intervals and bounds by people.

The terms are those of ISO/IEC 19795-1:2021: of the comparisons of two people, the FMR is the share
that match (`Verification` calls it FAR, as face recognition papers do); of the comparisons of one
person, the FNMR is the share that do not (1 - TAR). Neither counts captures that failed; see
`psface.measures.failures`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from psface.measures.failures import Attempts
from psface.measures.people_rates import share_interval, tally
from psface.measures.verification import Verification

FMRS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
HALVINGS = 5  # of the people, each used both ways
ENOUGH = 100  # false matches, for groups to be compared by


def trade_off(
    pairs: Verification,
    draws: np.ndarray | None,
    attempts: Attempts | None,
    seed: int,
    fmrs: Sequence[float] = FMRS,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The FNMR at each of the usual false match rates, and at all of them.

    Parameters
    ----------
    draws : (resamples, people) int or None
        See `psface.measures.intervals.draw_people`; None if people are not known.
    attempts : Attempts or None
        All captures, including those that failed.
    seed : int
        For the halves of the people.

    Returns
    -------
    errors, det : DataFrame
        Of `errors_table` and `det_curve`.
    """
    rates = det_rates(pairs)
    asked = [*fmrs, *rates]
    resampled: dict[float, np.ndarray] = {}
    if draws is not None and 0 < pairs.impostors < len(pairs.same):
        columns = resampled_fnmrs(pairs, draws, asked).T
        resampled = dict(zip(asked, columns, strict=True))
    return (
        errors_table(pairs, draws, resampled, attempts, seed, fmrs),
        det_curve(pairs, rates, resampled),
    )


def errors_table(
    pairs: Verification,
    draws: np.ndarray | None,
    resampled: Mapping[float, np.ndarray],
    attempts: Attempts | None,
    seed: int,
    fmrs: Sequence[float],
) -> pd.DataFrame:
    """The FNMR at each false match rate that the pairs can tell.

    Parameters
    ----------
    resampled : mapping of float to (resamples,)
        `resampled_fnmrs` of each rate; empty if people are not known.

    Returns
    -------
    DataFrame
        A row per rate. ``fmr`` is the one asked for; ``threshold``; ``fmr_seen``, the one that the
        threshold has, with ``fmr_low`` and ``fmr_high``; ``false_matches`` and ``fmr_people``, who
        are in them; ``fnmr`` with ``fnmr_low`` and ``fnmr_high``, whose resamples of people have
        thresholds of their own; ``misses`` and ``fnmr_people``, who have them; ``frr`` and ``gfrr``
        (`Attempts.rejects`), with failed captures; ``other_fmr`` and ``other_fnmr``, what a
        threshold set on one half of the people gives on the other, means over halves; ``note``.
        Intervals are those of `psface.measures.people_rates.share_interval`.
    """
    seen = [fmr for fmr in fmrs if pairs.threshold_at(fmr) is not None and pairs.same.any()]
    rows = []
    for fmr in fmrs:
        if fmr not in seen:
            rows.append({"fmr": fmr, "note": _why_not(pairs, fmr)})
            continue
        threshold = pairs.threshold_at(fmr)
        assert threshold is not None
        row = {"fmr": fmr, "threshold": threshold, **_seen(pairs, threshold, draws)}
        if fmr in resampled:
            ((row["fnmr_low"], row["fnmr_high"]),) = fnmr_intervals(
                pairs, [row["fnmr"]], [resampled[fmr]]
            )
        rows.append({**row, **other_half(pairs, fmr, seed)})
        if attempts is not None:
            rows[-1] |= attempts.rejects(row["fnmr"], draws, resampled.get(fmr))
    table = pd.DataFrame(rows).reindex(columns=COLUMNS)
    return table.astype(dict.fromkeys(COUNTS, "Int64"))


COLUMNS = (
    "fmr", "threshold", "fmr_seen", "fmr_low", "fmr_high", "false_matches", "fmr_people",
    "fnmr", "fnmr_low", "fnmr_high", "misses", "fnmr_people",
    "frr", "frr_low", "frr_high", "gfrr", "gfrr_low", "gfrr_high",
    "other_fmr", "other_fnmr", "note",
)  # fmt: skip
COUNTS = ("false_matches", "fmr_people", "misses", "fnmr_people")


def _why_not(pairs: Verification, fmr: float) -> str:
    if not pairs.same.any():
        return "no pairs of one person"
    return f"needs {1 / fmr:,.0f} pairs of two people"


def _seen(pairs: Verification, threshold: float, draws: np.ndarray | None) -> dict:
    """What a threshold gives on all pairs, with intervals and bounds if people are known."""
    matched = pairs.score >= threshold
    row: dict = {"note": ""}
    for name, kind, wrong in (("fmr", ~pairs.same, matched), ("fnmr", pairs.same, ~matched)):
        errors = int((kind & wrong).sum())
        row |= {
            "fmr_seen" if name == "fmr" else name: errors / int(kind.sum()),
            "false_matches" if name == "fmr" else "misses": errors,
        }
        if draws is None or pairs.first is None or pairs.second is None:
            continue
        own = name == "fnmr"
        counts = tally(pairs.first[kind], pairs.second[kind], wrong[kind], draws.shape[1], own)
        row[f"{name}_people"] = counts.people_with_errors
        row[f"{name}_low"], row[f"{name}_high"] = counts.interval(draws)
        if not errors:
            row["note"] += f"no {'miss' if own else 'false match'} seen; "
    row["note"] = row["note"].removesuffix("; ")
    return row


def fnmr_at(
    pairs: Verification, fmr: float, draws: np.ndarray | None
) -> tuple[float, float, float]:
    """The FNMR at an FMR and its 95% interval, as in `errors_table`; NaN where undefined."""
    tar = pairs.tar_at(fmr)
    if tar is None or not pairs.same.any():
        return np.nan, np.nan, np.nan
    if draws is None or pairs.first is None:
        return 1 - tar, np.nan, np.nan
    drawn = resampled_fnmrs(pairs, draws, [fmr])[:, 0]
    return 1 - tar, *fnmr_intervals(pairs, [1 - tar], [drawn])[0]


def fnmr_intervals(
    pairs: Verification, fnmrs: Sequence[float], resampled: Sequence[np.ndarray]
) -> list[tuple[float, float]]:
    """The 95% interval (`psface.measures.people_rates.share_interval`) of each FNMR at an FMR, by
    those of resamples of people (resamples,), which have thresholds of their own."""
    assert pairs.first is not None
    people = len(np.unique(pairs.first[pairs.same]))
    trials = len(pairs.same) - pairs.impostors
    return [
        share_interval(fnmr, float(np.nanvar(drawn)), trials, people)
        for fnmr, drawn in zip(fnmrs, resampled, strict=True)
    ]


def resampled_fnmrs(pairs: Verification, draws: np.ndarray, fmrs: Sequence[float]) -> np.ndarray:
    """The FNMR at each FMR in every resample of people, (resamples, fmrs); NaN where undefined.

    A resample sets its own thresholds, as other people would. A genuine pair counts as often as its
    person, an impostor pair as often as the product of its two people, or as often as its first
    where ``pairs.second`` is None.
    """
    assert pairs.first is not None
    impostors, genuine = np.flatnonzero(~pairs.same), np.flatnonzero(pairs.same)
    impostors = impostors[np.argsort(-pairs.score[impostors], kind="stable")]
    genuine = genuine[np.argsort(-pairs.score[genuine], kind="stable")]
    first = pairs.first[impostors]
    second = None if pairs.second is None else pairs.second[impostors]
    owner = pairs.first[genuine]
    # How many genuine pairs score higher than each impostor, and than none.
    higher = np.searchsorted(-pairs.score[genuine], -pairs.score[impostors], side="left")
    higher = np.append(higher, len(genuine))
    found = np.full((len(draws), len(fmrs)), np.nan)
    for row, drawn in zip(found, draws, strict=True):
        times = drawn.astype(np.int32)
        weights = times[first] if second is None else times[first] * times[second]
        matches = np.cumsum(weights, dtype=np.int64)
        accepted = np.concatenate([[0], np.cumsum(times[owner], dtype=np.int64)])
        if not len(matches) or not matches[-1] or not accepted[-1]:
            continue
        allowed = [_allowed(fmr, int(matches[-1])) for fmr in fmrs]
        row[:] = 1 - accepted[higher[np.searchsorted(matches, allowed, "right")]] / accepted[-1]
    return found


def _allowed(rate: float, total: int) -> int:
    """The largest count whose share of ``total`` is at most ``rate``, as division rounds it."""
    count = int(rate * total) + 1
    while count / total > rate:
        count -= 1
    return count


def other_half(pairs: Verification, fmr: float, seed: int) -> dict[str, float]:
    """``other_fmr`` and ``other_fnmr``: what a threshold that is set on half of the people gives
    among the others; empty if people are not known or a half has too few pairs."""
    if pairs.first is None or pairs.second is None:
        return {}
    people = int(max(pairs.first.max(), pairs.second.max())) + 1
    rng = np.random.default_rng(seed)
    rates = []
    for _ in range(HALVINGS):
        half = rng.permutation(people) < people // 2
        first, second = half[pairs.first], half[pairs.second]
        one, other = pairs.among(first & second), pairs.among(~first & ~second)
        for set_on, tried in ((one, other), (other, one)):
            threshold = set_on.threshold_at(fmr)
            if threshold is not None and 0 < tried.impostors < len(tried.same):
                rates.append(tried.rates(threshold))
    if not rates:
        return {}
    fmr_there, fnmr_there = np.mean(rates, axis=0)
    return {"other_fmr": float(fmr_there), "other_fnmr": float(fnmr_there)}


def det_rates(pairs: Verification, points: int = 80) -> list[float]:
    """False match rates from 1 / pairs of two people to 1/2, evenly spaced as normal deviates;
    none if there is only one kind of pair."""
    if not 0 < pairs.impostors < len(pairs.same):
        return []
    least = min(0.4, 1 / pairs.impostors)
    rates: list[float] = ndtr(np.linspace(ndtri(least), 0, points)).tolist()
    return [max(rate, least) for rate in rates]  # rounding may take the first below it


def det_curve(
    pairs: Verification, rates: Sequence[float], resampled: Mapping[float, np.ndarray]
) -> pd.DataFrame:
    """The detection error trade-off: ``fmr``, the lowest ``fnmr`` at that rate or less, and, with
    resampled ones, ``low`` and ``high``.

    Martin et al., "The DET curve in assessment of detection task performance", Eurospeech 1997.
    """
    places = np.searchsorted(pairs.roc.far, rates, "right") - 1
    table = pd.DataFrame(
        {"fmr": rates, "fnmr": 1 - pairs.roc.tar[places], "low": np.nan, "high": np.nan}
    )
    if resampled and len(rates):
        drawn = [resampled[rate] for rate in rates]
        table[["low", "high"]] = fnmr_intervals(pairs, table["fnmr"].tolist(), drawn)
    return table


def operating_rate(pairs: Verification) -> float | None:
    """The lowest of the usual false match rates with `ENOUGH` false matches; None without."""
    enough = [fmr for fmr in FMRS if fmr * pairs.impostors >= ENOUGH]
    return enough[-1] if enough else None

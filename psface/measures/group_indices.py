"""Summary indices of how evenly errors fall on groups, as evaluations publish them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from psface.measures.group_tests import shuffled
from psface.measures.groups import Grouped

ALPHA = 0.5  # weight of the FMR; the FNMR has the rest

Rates = np.ndarray  # (..., groups)


def garbe(fmr: Rates, fnmr: Rates) -> np.ndarray:
    """GARBE: the weighted Gini coefficients of the groups' FMR and FNMR, 0 (even) to 1.

    alpha G(FMR) + (1 - alpha) G(FNMR), with G(x) = n / (n - 1) sum_ij |x_i - x_j| / (2 n^2 mean x):
    Howard, Laird, Sirotin, Rubin, Tipton & Vemury, "Evaluating proposed fairness models for face
    recognition algorithms", ICPR workshops 2022, section 4.

    Examples
    --------
    >>> round(float(garbe(np.array([0.01, 0.03]), np.array([0.1, 0.1]))), 3)
    0.25
    """
    return ALPHA * _gini(fmr) + (1 - ALPHA) * _gini(fnmr)


def _gini(x: Rates) -> np.ndarray:
    n = x.shape[-1]
    apart = np.abs(x[..., :, None] - x[..., None, :]).sum(axis=(-1, -2))
    mean = x.mean(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = n / (n - 1) * apart / (2 * n * n * mean)
    return np.where(mean == 0, 0.0, found)  # nobody has an error: even


def inequity(fmr: Rates, fnmr: Rates) -> np.ndarray:
    """INEQUITY: (max FMR / min FMR)^alpha (max FNMR / min FNMR)^(1 - alpha), from 1 (even); NaN if
    a group has no error.

    Grother, "Face recognition vendor test part 8: summarizing demographic differentials", NISTIR
    8429, 2022; alpha = 1/2.

    Examples
    --------
    >>> round(float(inequity(np.array([0.01, 0.04]), np.array([0.1, 0.1]))), 3)
    2.0
    """
    return _spread(fmr, fmr.min(axis=-1)) ** ALPHA * _spread(fnmr, fnmr.min(axis=-1)) ** (1 - ALPHA)


def inequity_gm(fmr: Rates, fnmr: Rates) -> np.ndarray:
    """The same with the groups' geometric mean instead of the least, which one lucky group does not
    decide (NISTIR 8429, 2022)."""
    with np.errstate(divide="ignore"):
        means = [np.exp(np.log(x).mean(axis=-1)) for x in (fmr, fnmr)]
    return _spread(fmr, means[0]) ** ALPHA * _spread(fnmr, means[1]) ** (1 - ALPHA)


def _spread(x: Rates, under: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(under > 0, x.max(axis=-1) / under, np.nan)


def fdr(fmr: Rates, fnmr: Rates) -> np.ndarray:
    """FDR, the fairness discrepancy rate: 1 - alpha max |FMR_i - FMR_j| - (1 - alpha) max |FNMR_i -
    FNMR_j|, at most 1 (even).

    De Freitas Pereira & Marcel, "Fairness in biometrics: a figure of merit to assess biometric
    verification systems", IEEE T-BIOM 4(1), 2022, equations 3 to 5.

    Examples
    --------
    >>> round(float(fdr(np.array([0.01, 0.03]), np.array([0.1, 0.3]))), 3)
    0.89
    """
    return 1 - ALPHA * np.ptp(fmr, axis=-1) - (1 - ALPHA) * np.ptp(fnmr, axis=-1)


INDICES: dict[str, Callable[[Rates, Rates], np.ndarray]] = {
    "GARBE": garbe,
    "INEQUITY max/min": inequity,
    "INEQUITY max/mean": inequity_gm,
    "FDR": fdr,
}


def indices_table(groups: Mapping[str, Grouped]) -> pd.DataFrame:
    """Every index of every attribute with two or more groups large enough to judge.

    Returns
    -------
    DataFrame
        ``attribute``, ``groups`` (number), ``index``, ``value``, ``low``, ``high`` (by resampling
        people; all indices of small samples lean to unevenness) and ``chance``: what even groups of
        this size stay within, 95% of the time; NaN if people are in several groups, or a group has
        no error.
    """
    rows = []
    for attribute, grouped in groups.items():
        judged = grouped.judged
        if len(judged) < 2:
            continue
        cells = [[grouped.cells[g, g][kind] for g in judged] for kind in ("fmr", "fnmr")]
        here = [np.array([c.rate for c in of]) for of in cells]
        drawn = [np.stack([c.rates(grouped.draws) for c in of], axis=-1) for of in cells]
        even = _even(grouped)
        for name, index in INDICES.items():
            low, high = _quantiles(index(*drawn), [0.025, 0.975])
            (chance,) = (np.nan,) if even is None else _quantiles(
                index(*even), [0.05 if name == "FDR" else 0.95]
            )  # fmt: skip
            rows.append((attribute, len(judged), name, float(index(*here)), low, high, chance))
    columns = ["attribute", "groups", "index", "value", "low", "high", "chance"]
    return pd.DataFrame(rows, columns=columns)


def _even(grouped: Grouped) -> list[Rates] | None:
    """FMR and FNMR (shuffles, groups) with people dealt anew to the groups."""
    if grouped.constant is None:
        return None
    rates = []
    for kind in ("fmr", "fnmr"):
        errors, trials = np.moveaxis(
            shuffled(grouped.constant, grouped.judged, grouped.every(kind)), 1, 0
        )
        with np.errstate(invalid="ignore"):
            rates.append((errors / trials).T)
    return rates


def _quantiles(values: np.ndarray, shares: list[float]) -> list[float]:
    """Quantiles of the numbers among some values; NaN if most are none."""
    known = values[np.isfinite(values)]
    if len(known) < len(values) / 2:
        return [np.nan] * len(shares)
    return np.quantile(known, shares).tolist()

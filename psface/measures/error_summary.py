"""All figures of the report on errors: trade-offs, failures, identification and groups."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from psface.measures.comparisons import Comparisons
from psface.measures.error_rates import operating_rate, trade_off
from psface.measures.failures import Attempts
from psface.measures.group_indices import indices_table
from psface.measures.groups import Grouped, group_pairs_table, groups_table
from psface.measures.intervals import draw_people
from psface.measures.verification import Metrics, rate_name

METRIC_FMRS = (1e-1, 1e-2, 1e-3)
METRIC_FPIR = 1e-1


@dataclass(frozen=True)
class ErrorSummary:
    """What one report shows.

    Attributes
    ----------
    facts : dict
        Numbers of people, captures and pairs; AUC with its interval, EER; the operating point that
        groups are compared at, ``fmr`` and ``threshold``.
    tables : dict of str to DataFrame
        ``errors``, ``det``, ``failures``, ``identification``, ``fnir``, ``cmc``, ``groups``,
        ``group_pairs``, ``group_indices``, and whatever a caller adds.
    no_searches : str
        Why nothing is known of identification.
    """

    facts: dict[str, float | int | None]
    tables: dict[str, pd.DataFrame]
    no_searches: str

    @property
    def metrics(self) -> Metrics:
        """The figures that runs are compared by, rounded; None where they cannot be told."""
        errors = self.tables["errors"].set_index("fmr")
        found: Metrics = {}
        for fmr in METRIC_FMRS:
            for name in ("fnmr", "frr"):
                found[f"{name}_at_fmr_{rate_name(fmr)}"] = known(errors[name].get(fmr))
        rates = self.tables["failures"].set_index("rate")["value"]
        found |= {name.lower(): known(rates.get(name)) for name in ("FTA", "FTE")}
        searches = self.tables["identification"]
        all_people = searches[searches["gallery"] == searches["gallery"].max()].set_index("fpir")
        name = f"fnir_at_fpir_{rate_name(METRIC_FPIR)}"
        found[name] = known(all_people["fnir"].get(METRIC_FPIR))
        return {name: None if v is None else round(v, 4) for name, v in found.items()}


def known(value: float | None) -> float | None:
    """A number; None if it is missing or NaN."""
    return None if value is None or math.isnan(value) else float(value)


def summarise_errors(
    comparisons: Comparisons, attempts: Attempts | None, resamples: int, seed: int
) -> ErrorSummary:
    """Compute all figures.

    Parameters
    ----------
    attempts : Attempts or None
        None if failures are not known.
    resamples : int
        Of people, for the intervals.
    """
    pairs = comparisons.pairs
    draws = None
    if pairs.first is not None:
        draws = draw_people(comparisons.people, resamples, seed)
    fmr = operating_rate(pairs)
    threshold = None if fmr is None else pairs.threshold_at(fmr)
    grouped = {} if draws is None else grouped_at(comparisons, threshold, draws)
    searches = comparisons.searches
    failures = None if attempts is None or draws is None else attempts.table(draws)
    errors, det = trade_off(pairs, draws, attempts, seed)
    tables = {
        "errors": errors,
        "det": det,
        "failures": pd.DataFrame(columns=["rate", "value"]) if failures is None else failures,
        "identification": searches.table(draws) if searches else _empty("gallery", "fpir", "fnir"),
        "fnir": searches.curves() if searches else _empty("gallery", "fpir", "fnir"),
        "cmc": searches.cmc() if searches else _empty("rank", "hit_rate"),
        "groups": groups_table(grouped, attempts),
        "group_pairs": group_pairs_table(grouped),
        "group_indices": indices_table(grouped),
    }
    metrics = pairs.metrics([], draws)
    facts: dict[str, float | int | None] = {
        "people": comparisons.people if draws is not None else None,
        "captures": len(comparisons.person),
        "genuine": len(pairs.same) - pairs.impostors,
        "impostors": pairs.impostors,
        **(metrics if 0 < pairs.impostors < len(pairs.same) else {n: None for n in metrics}),
        "fmr": fmr,
        "threshold": threshold,
    }
    return ErrorSummary(facts, tables, comparisons.no_searches)


def _empty(*columns: str) -> pd.DataFrame:
    return pd.DataFrame(columns=list(columns), dtype=float)


def grouped_at(
    comparisons: Comparisons, threshold: float | None, draws: np.ndarray
) -> dict[str, Grouped]:
    """The comparisons by the groups of each attribute that has two or more; none without a
    threshold."""
    if threshold is None:
        return {}
    return {
        name: Grouped(
            comparisons.pairs, comparisons.first, comparisons.second, labels,
            comparisons.classes[name], comparisons.person, threshold, draws,
        )
        for name, labels in comparisons.labels.items()
        if len(np.unique(labels[labels >= 0])) > 1
    }  # fmt: skip

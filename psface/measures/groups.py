"""Error rates of groups of people: whose false rejects and false accepts are more frequent?

The rates of a group are those of pairs within it, since impostors of one's own group are the harder
ones (Grother, Ngan & Hanaoka, "FRVT part 3: demographic effects", NISTIR 8280, 2019).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from psface.measures.failures import Attempts
from psface.measures.group_tests import (
    P_BELOW,
    compared,
    holm,
    resampled_p,
    shuffled,
    shuffled_p,
)
from psface.measures.people_rates import Tally, tally
from psface.measures.verification import Verification
from psface.tasks import UNKNOWN

FEWEST = 10  # people, for a group to be judged


@dataclass(frozen=True)
class Grouped:
    """Comparisons at one threshold, by the groups of one attribute.

    Attributes
    ----------
    pairs : Verification
    first, second : (P,) int
        Their captures.
    labels : (N,) int
        Group of each capture, `UNKNOWN` where missing.
    classes : (groups,) str
    person : (N,) int
    threshold : float
    draws : (resamples, people) int
    """

    pairs: Verification
    first: np.ndarray
    second: np.ndarray
    labels: np.ndarray
    classes: np.ndarray
    person: np.ndarray
    threshold: float
    draws: np.ndarray

    @cached_property
    def cells(self) -> dict[tuple[int, int], dict[str, Tally]]:
        """``fmr`` and ``fnmr`` of the pairs of each two groups."""
        a, b = self.labels[self.first], self.labels[self.second]
        low, high = np.minimum(a, b), np.maximum(a, b)
        found = {}
        for i in range(len(self.classes)):
            for j in range(i, len(self.classes)):
                chosen = np.flatnonzero((low == i) & (high == j))
                found[i, j] = self.rates(chosen)
        return found

    def rates(self, chosen: np.ndarray) -> dict[str, Tally]:
        """``fmr`` and ``fnmr`` of chosen pairs."""
        pairs, people = self.pairs.among(chosen), self.draws.shape[1]
        assert pairs.first is not None and pairs.second is not None
        matched = pairs.score >= self.threshold
        return {
            "fmr": _tally(pairs, ~pairs.same, matched, people, False),
            "fnmr": _tally(pairs, pairs.same, ~matched, people, True),
        }

    def every(self, kind: str) -> Tally:
        """``fmr`` or ``fnmr`` of all pairs of captures in the judged groups."""
        known = np.isin(self.labels, self.judged)
        return self.rates(np.flatnonzero(known[self.first] & known[self.second]))[kind]

    @property
    def judged(self) -> list[int]:
        """The groups that have enough people, with pairs of both kinds."""
        return [
            group
            for group in range(len(self.classes))
            if all(self.cells[group, group][kind].people >= FEWEST for kind in ("fmr", "fnmr"))
        ]

    @cached_property
    def constant(self) -> np.ndarray | None:
        """(people,) The group of each person, `UNKNOWN` where missing; None if anyone has captures
        in two groups."""
        group = np.full(self.draws.shape[1], UNKNOWN)
        known = self.labels != UNKNOWN
        group[self.person[known]] = self.labels[known]
        return group if (group[self.person[known]] == self.labels[known]).all() else None


def _tally(
    pairs: Verification, kind: np.ndarray, wrong: np.ndarray, people: int, own: bool
) -> Tally:
    assert pairs.first is not None and pairs.second is not None
    return tally(pairs.first[kind], pairs.second[kind], wrong[kind], people, own)


def group_pairs_table(groups: Mapping[str, Grouped]) -> pd.DataFrame:
    """A row per attribute and pair of groups, within and across: numbers of pairs and people,
    ``fmr`` and ``fnmr`` with intervals."""
    rows = []
    columns = ["attribute", "first", "second"]
    for kind in ("fmr", "fnmr"):
        columns += [f"{kind}_people", f"{kind}_pairs", f"{kind}_errors"]
        columns += [kind, f"{kind}_low", f"{kind}_high"]
    for attribute, grouped in groups.items():
        for (i, j), cell in grouped.cells.items():
            row = {
                "attribute": attribute,
                "first": grouped.classes[i],
                "second": grouped.classes[j],
            }
            for kind, counts in cell.items():
                low, high = counts.interval(grouped.draws)
                row |= {
                    f"{kind}_people": counts.people,
                    f"{kind}_pairs": int(counts.trials.sum()),
                    f"{kind}_errors": int(counts.errors.sum()),
                    kind: counts.rate,
                    f"{kind}_low": low,
                    f"{kind}_high": high,
                }
            rows.append(row)
    return pd.DataFrame(rows, columns=columns)


def groups_table(groups: Mapping[str, Grouped], attempts: Attempts | None) -> pd.DataFrame:
    """A row per attribute, rate (FMR, FNMR, FTA) and group.

    Returns
    -------
    DataFrame
        ``attribute``, ``rate``, ``group``, ``people``, ``trials``, ``errors``, ``value``, ``low``,
        ``high``; ``ratio`` to the other groups' (pairs within each), ``ratio_low``, ``ratio_high``;
        ``p`` of "no difference", corrected for the number of tests in the table (Holm), and the
        ``test``: ``shuffled`` (people dealt anew to the groups) if nobody is in two groups, else
        ``resampled``; ``worst`` of its attribute; ``verdict``.
    """
    rows: list[dict] = []
    for attribute, grouped in groups.items():
        for rate in ("fmr", "fnmr"):
            cells = [grouped.cells[g, g][rate] for g in range(len(grouped.classes))]
            every = grouped.every(rate)
            rows += _rows(attribute, rate, grouped, cells, every, grouped.judged)
        if attempts is not None and attribute in attempts.labels:
            cells = attempts.by_group(attribute, len(grouped.classes))
            judged = [g for g, counts in enumerate(cells) if counts.people >= FEWEST]
            rows += _rows(attribute, "fta", grouped, cells, attempts.counts, judged)
    table = pd.DataFrame(rows, columns=COLUMNS)
    table["p"] = holm(table["p"].to_numpy(float))
    told_of = table["verdict"] != TOO_FEW
    of = [table["attribute"], table["rate"]]
    # One test says all of two groups.
    table["p"] = table["p"].fillna(table["p"].groupby(of).transform("min")).where(told_of)
    told = told_of & (table["p"] < P_BELOW)
    table.loc[told, "verdict"] = np.where(table["ratio"] > 1, WORSE, BETTER)[told]
    highest = table["value"].where(told_of).groupby(of).transform("max")
    compared_with = told_of & (table["verdict"] != ALONE) & (table["errors"] > 0)
    table["worst"] = (table["value"] == highest) & compared_with
    return table


def _rows(
    attribute: str, rate: str, grouped: Grouped, cells: Sequence[Tally], every: Tally,
    judged: Sequence[int],
) -> Iterator[dict]:  # fmt: skip
    shuffles = None
    if grouped.constant is not None and len(judged) > 1 and every.errors.nnz:
        shuffles = shuffled(grouped.constant, judged, every)
    for group, counts in enumerate(cells):
        low, high = counts.interval(grouped.draws)
        row = {
            "attribute": attribute, "rate": rate.upper(), "group": str(grouped.classes[group]),
            "people": counts.people, "trials": int(counts.trials.sum()),
            "errors": int(counts.errors.sum()), "value": counts.rate, "low": low, "high": high,
            "p": np.nan, "test": "", "verdict": TOO_FEW,
        }  # fmt: skip
        rest = [cells[g] for g in judged if g != group]
        if group in judged:
            row["verdict"] = NO_DIFFERENCE if rest else ALONE
        if group in judged and rest and every.errors.nnz:
            row |= compared(counts, rest, grouped.draws)
            if len(judged) > 2 or group == judged[0]:
                row["p"] = (
                    resampled_p(counts, rest, grouped.draws)
                    if shuffles is None
                    else shuffled_p(counts, rest, shuffles, judged.index(group))
                )
            row["test"] = "resampled" if shuffles is None else "shuffled"
        yield row


TOO_FEW = f"fewer than {FEWEST} people: cannot tell"
ALONE = "no other group to compare with"
NO_DIFFERENCE, WORSE, BETTER = "no difference found", "worse", "better"
COLUMNS = [
    "attribute", "rate", "group", "people", "trials", "errors", "value", "low", "high",
    "ratio", "ratio_low", "ratio_high", "p", "test", "worst", "verdict",
]  # fmt: skip

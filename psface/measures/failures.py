"""Captures and people that recognition never saw, because an earlier step failed.

ISO/IEC 19795-1:2021: FTA, the share of capture attempts that give nothing to compare; FTE, the
share of people who cannot be enrolled. A system that refuses what is hard has a low FNMR, so false
rejects count failures, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from psface.measures.people_rates import Tally, proven_bound, tally
from psface.tasks import UNKNOWN, Tasks


@dataclass(frozen=True)
class Attempts:
    """Every attempt to capture the test people, and how many people gave no capture at all.

    Attributes
    ----------
    person : (A,) int
        As numbered in the comparisons.
    people : int
        How many there are.
    step : (A,) str
        Where it failed, empty if it did not.
    labels : dict of str to (A,) int
        Class of each attribute, `psface.tasks.UNKNOWN` where missing.
    unenrolled, population : int
        People without a usable capture, and all people, of which the test people are a part.
    """

    person: np.ndarray
    people: int
    step: np.ndarray
    labels: dict[str, np.ndarray]
    unenrolled: int
    population: int

    @cached_property
    def counts(self) -> Tally:
        """Attempts and failures by person."""
        return tally(self.person, self.person, self.step != "", self.people, own=True)

    @property
    def fta(self) -> float:
        """Failure to acquire: the share of the attempts that failed."""
        return float(self.counts.rate)

    @property
    def fte(self) -> float:
        """Failure to enrol: the share of all people who have no usable capture."""
        return self.unenrolled / self.population

    @property
    def fte_interval(self) -> tuple[float, float]:
        """The 95% interval of the FTE; without a failure, 0 and `proven_bound`."""
        if not self.unenrolled:
            return 0.0, proven_bound(self.population)
        return wilson(self.unenrolled, self.population)

    def by_group(self, attribute: str, groups: int) -> list[Tally]:
        """Attempts and failures of each group."""
        labels, failed = self.labels[attribute], self.step != ""
        return [
            tally(self.person[own], self.person[own], failed[own], self.people, own=True)
            for own in (labels == group for group in range(groups))
        ]

    def rejects(
        self, fnmr: tuple[float, float, float], draws: np.ndarray | None
    ) -> dict[str, float]:
        """``frr`` = FTA + (1 - FTA) FNMR, the false rejects of enrolled people with one attempt,
        and ``gfrr`` = FTE + (1 - FTE) FRR, those of everybody (generalised).

        Each has ``_low`` and ``_high``, from the ends of its parts' intervals: never too narrow,
        and too wide as far as the parts do not err together.

        Parameters
        ----------
        fnmr : three numbers
            The rate and its 95% interval.
        draws : (resamples, people) int or None
            Without them, the intervals are NaN.
        """
        unknown = (np.nan, np.nan)
        fta = (self.fta, *(unknown if draws is None else self.counts.interval(draws)))
        fte = (self.fte, *(unknown if draws is None else self.fte_interval))
        frr = [f + (1 - f) * m for f, m in zip(fta, fnmr, strict=True)]
        gfrr = [f + (1 - f) * r for f, r in zip(fte, frr, strict=True)]
        ends = ("", "_low", "_high")
        return {
            f"{name}{end}": value
            for name, values in (("frr", frr), ("gfrr", gfrr))
            for end, value in zip(ends, values, strict=True)
        }

    def table(self, draws: np.ndarray) -> pd.DataFrame:
        """FTA in all and at each step, and FTE, with intervals: ``rate``, ``of`` (attempts or
        people), ``failed``, ``value``, ``low``, ``high``."""
        rows = []
        for name, failed in self._steps():
            counts = tally(self.person, self.person, failed, self.people, own=True)
            low, high = counts.interval(draws)
            rows.append((name, len(failed), int(failed.sum()), counts.rate, low, high))
        rows.append(("FTE", self.population, self.unenrolled, self.fte, *self.fte_interval))
        return pd.DataFrame(rows, columns=["rate", "of", "failed", "value", "low", "high"])

    def _steps(self) -> Iterable[tuple[str, np.ndarray]]:
        yield "FTA", self.step != ""
        for step in np.unique(self.step[self.step != ""]):
            yield f"FTA at {step}", self.step == step


def wilson(errors: int, trials: int) -> tuple[float, float]:
    """The 95% interval of a share of independent trials (Wilson, JASA 22, 1927).

    Examples
    --------
    >>> low, high = wilson(5, 100)
    >>> round(low, 4), round(high, 4)
    (0.0215, 0.1118)
    """
    z = 1.959963984540054
    share = errors / trials
    centre = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    reach = z / (1 + z * z / trials)
    reach *= np.sqrt(share * (1 - share) / trials + z * z / (4 * trials**2))
    return float(centre - reach), float(centre + reach)


def attempts_of(
    known: pd.DataFrame, refused: Mapping[str, pd.DataFrame], test: np.ndarray, attributes: Tasks
) -> Attempts:
    """All attempts of the test people.

    A refused capture without labels gets those that all of its person's captures share.

    Parameters
    ----------
    known : DataFrame
        A row per capture that ingest accepted: ``identity``, ``session`` and raw labels.
    refused : mapping of str to DataFrame
        ``identity`` and ``session`` of the captures refused, by the step that refused them.
    test : (people,) str
        Names of the test people, in the order of their numbers.
    """
    parts = [known.reindex(columns=["identity", "session", *attributes]).assign(step="")]
    parts += [table[["identity", "session"]].assign(step=step) for step, table in refused.items()]
    every = pd.concat(parts, ignore_index=True).astype(object).fillna("")
    # A capture that crop refused was accepted by ingest: one attempt, with its labels.
    every = every.groupby(["identity", "session"], sort=False, as_index=False).max()
    failed_of = (every["step"] != "").groupby(every["identity"]).all()
    number = {str(name): i for i, name in enumerate(test)}
    own = every[every["identity"].isin(number)].reset_index(drop=True)
    labels = {name: _filled(own, name, classes) for name, classes in attributes.items()}
    person = own["identity"].map(number).to_numpy(int)
    step = own["step"].to_numpy(dtype=str)
    return Attempts(person, len(test), step, labels, int(failed_of.sum()), len(failed_of))


def _filled(own: pd.DataFrame, attribute: str, classes: dict[str, list[str]]) -> np.ndarray:
    """Classes (A,), the missing ones taken from the person if all of a person's agree."""
    index = {label: i for i, group in enumerate(classes.values()) for label in group}
    stated = own[attribute].map(index)
    of = stated.groupby(own["identity"])
    shared = of.transform("first").where(of.transform("nunique") == 1)
    return stated.fillna(shared).fillna(UNKNOWN).to_numpy(int)

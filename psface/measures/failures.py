"""Captures and people that recognition never saw, because an earlier step failed.

ISO/IEC 19795-1:2021: FTA, the share of capture attempts that give nothing to compare; FTE, the
share of people who cannot be enrolled. A system that refuses what is hard has a low FNMR, so false
rejects count failures, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
import pandas as pd

from psface.measures.people_rates import Tally, share_interval, tally
from psface.tasks import UNKNOWN, Tasks

Rate = TypeVar("Rate", float, np.ndarray)


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

    def by_group(self, attribute: str, groups: int) -> list[Tally]:
        """Attempts and failures of each group."""
        labels, failed = self.labels[attribute], self.step != ""
        return [
            tally(self.person[own], self.person[own], failed[own], self.people, own=True)
            for own in (labels == group for group in range(groups))
        ]

    @property
    def _fte_variance(self) -> float:
        return self.fte * (1 - self.fte) / self.population

    def rejects(
        self, fnmr: float, draws: np.ndarray | None, resampled: np.ndarray | None
    ) -> dict[str, float]:
        """``frr`` = FTA + (1 - FTA) FNMR, the false rejects of enrolled people with one attempt,
        and ``gfrr`` = FTE + (1 - FTE) FRR, those of everybody (generalised); with ``frr_low``,
        ``frr_high``, ``gfrr_low`` and ``gfrr_high`` if ``draws`` (resamples, people) and the
        ``resampled`` FNMR (resamples,) are known."""
        frr = _either(self.fta, fnmr)
        rates = {"frr": frr, "gfrr": _either(self.fte, frr)}
        if draws is None or resampled is None:
            return rates
        # Captures fail and are missed by the same people; who cannot be enrolled is another.
        variance = float(np.nanvar(_either(self.counts.rates(draws), resampled)))
        everybody = (1 - self.fte) ** 2 * variance + (1 - frr) ** 2 * self._fte_variance
        for name, spread in (("frr", variance), ("gfrr", everybody)):
            bounds = share_interval(rates[name], spread, len(self.person), self.people)
            rates |= {f"{name}_low": bounds[0], f"{name}_high": bounds[1]}
        return rates

    def table(self, draws: np.ndarray) -> pd.DataFrame:
        """FTA in all and at each step, and FTE, with intervals: ``rate``, ``of`` (attempts or
        people), ``failed``, ``value``, ``low``, ``high``."""
        rows = []
        for name, failed in self._steps():
            counts = tally(self.person, self.person, failed, self.people, own=True)
            low, high = counts.interval(draws)
            rows.append((name, len(failed), int(failed.sum()), counts.rate, low, high))
        low, high = share_interval(self.fte, self._fte_variance, self.population, self.population)
        rows.append(("FTE", self.population, self.unenrolled, self.fte, low, high))
        return pd.DataFrame(rows, columns=["rate", "of", "failed", "value", "low", "high"])

    def _steps(self) -> Iterable[tuple[str, np.ndarray]]:
        yield "FTA", self.step != ""
        for step in np.unique(self.step[self.step != ""]):
            yield f"FTA at {step}", self.step == step


def _either(first: Rate, second: Rate) -> Rate:
    """The rate at which one fails, or the other thereafter."""
    return first + (1 - first) * second


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

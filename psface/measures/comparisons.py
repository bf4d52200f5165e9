"""Comparisons of captures from any system, for the report on errors."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from psface.measures.scores import Scores
from psface.measures.searches import Searches, search_pairs
from psface.measures.verification import Verification


@dataclass(frozen=True)
class Comparisons:
    """Scored pairs of captures, and what is known of them.

    Attributes
    ----------
    pairs : Verification
        With the people of each pair, if they are known.
    first, second : (P,) int
        The captures of each pair, numbered from 0.
    person : (N,) int
        The person in each capture; ``people`` of them.
    labels : dict of str to (N,) int
        Group of each capture by attribute, `psface.tasks.UNKNOWN` where missing.
    classes : dict of str to (groups,) str
    searches : Searches or None
        Of probes in a gallery, if all of them were compared.
    no_searches : str
        Why there are none.
    names : (people,) str or None
        Of the people, in the order of their numbers.
    """

    pairs: Verification
    first: np.ndarray
    second: np.ndarray
    person: np.ndarray
    labels: dict[str, np.ndarray] = field(default_factory=dict)
    classes: dict[str, np.ndarray] = field(default_factory=dict)
    searches: Searches | None = None
    no_searches: str = ""
    names: np.ndarray | None = None

    @property
    def people(self) -> int:
        """How many there are."""
        return int(self.person.max()) + 1


def comparisons_of(scores: Scores, searches: Searches | None, seed: int) -> Comparisons:
    """The comparisons in our own scores; ``searches`` if there are some that hold more than these
    scores tell."""
    found = searches or search_pairs(scores, seed)
    return Comparisons(
        scores.verification,
        scores.first,
        scores.second,
        scores.person,
        scores.labels,
        scores.classes,
        found,
        "" if found else "the gallery was not compared with every probe, or has one person",
        np.unique(scores.identity),
    )

"""Draw the few people that a model is fine-tuned on; all others are tested."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from psface.errors import UserError

VALIDATING = 2  # people at the least: with one there is no pair of two
TRAINING = 2


@dataclass(frozen=True)
class PeopleDraw:
    """One draw of people.

    Attributes
    ----------
    people : int
        How many were drawn, for training and validation.
    number : int
        Of the draw, from 1.
    train, val : tuple of str
        Their names; ``val`` choose the epoch.
    tested : (N,) bool
        Which captures are of all other people.
    """

    people: int
    number: int
    train: tuple[str, ...]
    val: tuple[str, ...]
    tested: np.ndarray

    @property
    def name(self) -> str:
        return f"people-{self.people}-draw-{self.number}"


def check_people(identity: np.ndarray, people: Sequence[int], where: str) -> None:
    """Check that the captures can be compared, and the people drawn.

    Parameters
    ----------
    identity : (N,) str
        Of each capture.

    Raises
    ------
    UserError
        If there is one person, nobody has two captures, or more people are asked for than there
        are.
    """
    count, several = len(np.unique(identity)), len(_of_several(identity))
    if count < 2:
        raise UserError(f"{where}: captures of one person alone; two people are the least")
    if not several:
        raise UserError(f"{where}: one capture of each person; nobody can be found again")
    for asked in people:
        if asked < VALIDATING + TRAINING:
            raise UserError(
                f"--people {asked}: {VALIDATING + TRAINING} are the least: {TRAINING} to train on "
                f"and {VALIDATING} to choose the epoch by"
            )
        if asked + 2 > several:
            raise UserError(
                f"--people {asked}: {where} has {several} people of two captures or more, and two "
                f"of them must be left to test; ask for {max(0, several - 2)} or fewer"
            )


def drawn_people(
    identity: np.ndarray, people: int, number: int, validation: float, seed: int
) -> PeopleDraw:
    """Draw people of two captures or more; the same ones for the same seed.

    Parameters
    ----------
    identity : (N,) str
        Of each capture.
    people, number : int
        How many to draw, and which draw it is.
    validation : float
        Share of them who choose the epoch, `VALIDATING` at the least.

    Examples
    --------
    >>> draw = drawn_people(np.repeat([*"abcdefg"], 3), 5, 1, 0.2, seed=1)
    >>> len(draw.train), len(draw.val), int(draw.tested.sum())
    (3, 2, 6)
    """
    rng = np.random.default_rng([seed, people, number])
    names = rng.permutation(_of_several(identity))[:people]
    first = max(VALIDATING, round(validation * people))
    val, train = (tuple(sorted(map(str, part))) for part in (names[:first], names[first:]))
    return PeopleDraw(people, number, train, val, ~np.isin(identity, names))


def _of_several(identity: np.ndarray) -> np.ndarray:
    names, counts = np.unique(identity, return_counts=True)
    return names[counts > 1]

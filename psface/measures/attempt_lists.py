"""Read how many captures of each person failed in another system."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from psface.errors import UserError
from psface.measures.comparisons import Comparisons
from psface.measures.failures import Attempts
from psface.tasks import UNKNOWN
from psface.user_tables import read_user_table, whole

COLUMNS = ("person", "captures", "failed")


def read_attempt_list(path: Path, comparisons: Comparisons) -> Attempts:
    """Read a CSV of ``person``, ``captures`` (tried) and ``failed``, a row each.

    People who are in no comparison count as not enrolled; all their captures must have failed.

    Raises
    ------
    UserError
        If it cannot be read, contradicts the comparisons, or these do not name people.
    """
    if comparisons.names is None:
        raise UserError(f"{path}: the scores do not name people; leave out --attempts")
    number = {str(name): i for i, name in enumerate(comparisons.names)}
    table = read_user_table(path, COLUMNS, ())
    person: list[int] = []
    step: list[str] = []
    seen: set[str] = set()
    for line, row in zip(table.lines, table.rows, strict=True):
        name, captures, failed = row["person"], whole(row["captures"]), whole(row["failed"])
        if fault := _fault(name, captures, failed, seen, name in number):
            raise UserError(f"{path}, line {line}: {fault}; correct it")
        seen.add(name)
        assert captures is not None and failed is not None
        if name in number:
            person += [number[name]] * captures
            step += ["capture"] * failed + [""] * (captures - failed)
    if missing := [name for name in number if name not in seen]:
        raise UserError(f"{path}: no line for {missing[0]}, who is in the scores; add one for each")
    labels = {name: _of_people(comparisons, name) for name in comparisons.labels}
    owner = np.array(person, int)
    return Attempts(
        owner, len(number), np.array(step, dtype=str),
        {name: of[owner] for name, of in labels.items()}, len(seen) - len(number), len(seen),
    )  # fmt: skip


def _fault(
    name: str, captures: int | None, failed: int | None, seen: set[str], compared: bool
) -> str:
    if captures is None or failed is None or failed > captures or not captures:
        return "captures and failed are not two numbers, the second not above the first"
    if name in seen:
        return f"{name} is there twice"
    if compared and failed == captures:
        return f"all captures of {name} failed, who is in the scores"
    if not compared and failed < captures:
        return f"{name} is not in the scores, but not all captures failed"
    return ""


def _of_people(comparisons: Comparisons, attribute: str) -> np.ndarray:
    """The group (people,) that all captures of each person share."""
    labels, person = comparisons.labels[attribute], comparisons.person
    shared = np.full(comparisons.people, UNKNOWN)
    shared[person] = labels
    other = person[labels != shared[person]]
    shared[other] = UNKNOWN
    return shared

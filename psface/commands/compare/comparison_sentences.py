"""What the comparison of runs says, in a sentence for each section."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from psface.measures.group_tests import P_BELOW, holm
from psface.report.wording import area, counted, differs, listed, spoken


def runs_say(table: pd.DataFrame, paired: pd.DataFrame) -> str:
    """Which run has the highest AUC, and from which others that cannot be told.

    Parameters
    ----------
    table, paired : DataFrame
        Of `psface.commands.compare.comparison`.
    """
    best = max(table.to_dict("records"), key=lambda row: row["identity AUC"])
    said = (
        f"{best['run']} has the highest identity AUC, {area(best['identity AUC'])} "
        f"[{area(best['low'])}, {area(best['high'])}]"
    )
    others = [row for row in paired.to_dict("records") if row["run"] == best["run"]]
    alike = [
        row["other"]
        for row, p in zip(others, holm(np.array([row["p"] for row in others])), strict=True)
        if differs(row["low"], row["high"]) != 1 or not p < P_BELOW
    ]
    if not others:
        return f"{said}."
    if not alike:
        return f"{said}, above every other run's by more than chance among people explains."
    return f"{said}; it cannot be told from {listed(alike)}."


def paired_say(paired: Sequence[Mapping[Any, Any]], reference: str, seeds: int) -> str:
    """Which runs the reference beats, which beat it, and which it cannot be told from.

    A difference counts if its interval has no 0 in it and its p is small after correction for the
    number of comparisons.

    Parameters
    ----------
    paired : sequence of rows
        ``other``, ``difference`` (the reference's AUC minus the other's), ``low``, ``high``, ``p``.
    seeds : int
        How many trainings each run has at least.

    Examples
    --------
    >>> row = {"other": "raw", "difference": 0.021, "low": 0.012, "high": 0.031, "p": 0.002}
    >>> paired_say([row], "all", 3)
    'all beats raw by 0.0210 [0.0120, 0.0310].'
    >>> paired_say([{**row, "low": -0.002}], "all", 3)
    'all cannot be told from raw: the interval of the difference holds 0.'
    """
    corrected = holm(np.array([row["p"] for row in paired], float))
    above: list[tuple[str, str]] = []
    below: list[tuple[str, str]] = []
    alike, perhaps = [], []
    for row, p in zip(paired, corrected, strict=True):
        kind, other = differs(row["low"], row["high"]), row["other"]
        if not kind:
            alike.append(other)
        elif not p < P_BELOW:
            perhaps.append(f"{other} ({_by(row)})")
        else:
            (above if kind > 0 else below).append((other, _by(row)))
    said = []
    if above:
        said.append(f"{reference} beats {listed([f'{o} by {by}' for o, by in above])}.")
    said += [f"{other} beats {reference} by {by}." for other, by in below]
    if alike:
        holds = "the interval of the difference holds 0"
        holds = holds if len(alike) == 1 else "the intervals of the differences hold 0"
        said.append(f"{reference} cannot be told from {listed(alike)}: {holds}.")
    if perhaps:
        count = counted(len(paired), "comparison")
        said.append(f"Among {count}, a difference may be chance from: {listed(perhaps)}.")
    if seeds == 1 and (above or below):
        said.append("With one training each, another seed may change this.")
    return " ".join(said)


def _by(row: Mapping[Any, Any]) -> str:
    """The size of a difference, whichever way, with its interval."""
    low, high = sorted(abs(row[end]) for end in ("low", "high"))
    return f"{abs(row['difference']):.4f} [{low:.4f}, {high:.4f}]"


def between_say(table: pd.DataFrame, column: str, what: str) -> str:
    """From which run to which a figure goes."""
    known = [row for row in table.to_dict("records") if not pd.isna(row[column])]
    if not known:
        return f"{what} cannot be told with so few pairs."
    least, most = (pick(known, key=lambda row: row[column]) for pick in (min, max))
    if least[column] == most[column]:
        return f"{what} is {area(least[column])} everywhere."
    return (
        f"{what} is between {area(least[column])} ({least['run']}) and {area(most[column])} "
        f"({most['run']})."
    )


def attributes_say(table: pd.DataFrame, attributes: Sequence[str]) -> str:
    """Which attribute which run tells worst."""
    told = [
        (row[name], name, row["run"])
        for row in table.to_dict("records")
        for name in attributes
        if not pd.isna(row[name])
    ]
    if not told:
        return "No run was trained on attributes."
    said = [f"{name} by {run} (AUC {area(auc)})" for auc, name, run in (min(told), max(told))]
    return f"Told worst is {said[0]}, and best {said[1]}."


def leakage_say(leaks: pd.DataFrame) -> str:
    """Which embedding leaks most, and which least."""
    mean = leaks.assign(auc=leaks[["linear", "mlp"]].mean(axis=1)).to_dict("records")
    least, most = (pick(mean, key=lambda row: row["auc"]) for pick in (min, max))
    said = [
        f"{spoken(row['attribute'])} from {row['run']} (AUC {area(row['auc'])})"
        for row in (most, least)
    ]
    return f"Probes read {said[0]} best and {said[1]} least; 0.5 is no leak."


def conditions_say(conditions: Sequence[Mapping[str, Any]]) -> str:
    """Where TAR is lowest."""
    cells = [
        (cell["tar"], f"{row['attribute']} {row['condition']}", run, row["genuine"])
        for row in conditions
        for run, cell in row["of"].items()
        if cell["tar"] is not None
    ]
    if not cells:
        return ""
    tar, where, run, pairs = min(cells)
    return f"The lowest TAR is {tar:.3f}: {where}, by {run} ({counted(pairs, 'genuine pair')})."


def training_say(validation: Mapping[str, np.ndarray]) -> str:
    """Which runs were best after their last epoch."""
    last = [run for run, mean in validation.items() if int(np.argmax(mean)) + 1 == len(mean)]
    if not last:
        return "Every run's validation AUC was highest before its last epoch."
    who = "every run" if len(last) == len(validation) > 1 else listed(last)
    return f"Validation AUC is highest after the last epoch for {who}; more might raise it."

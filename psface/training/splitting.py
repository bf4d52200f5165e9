"""Assign people to parts so that every task's class ratios agree across the parts."""

from __future__ import annotations

import numpy as np
import pandas as pd

from psface.errors import UserError
from psface.tasks import UNKNOWN, Tasks, class_indices, unknown_labels
from psface.training.split_params import SplitParams

PARTS = ("train", "val", "test")
FILES = ("train", "val", "gallery", "probe")


def class_ratios(parts: dict[str, pd.DataFrame], tasks: Tasks) -> pd.DataFrame:
    """Each class's share of the labelled captures in each part: a row per task and class."""
    rows = []
    indices = {name: class_indices(table, tasks) for name, table in parts.items()}
    for task, classes in tasks.items():
        for index, label in enumerate(classes):
            shares = {}
            for name, table in indices.items():
                known = table[task][table[task] != UNKNOWN]
                shares[name] = (known == index).mean() if len(known) else np.nan
            rows.append({"task": task, "class": label, **shares})
    return pd.DataFrame(rows, columns=["task", "class", *parts])


def divide(
    faces: pd.DataFrame, tasks: Tasks, params: SplitParams, rng: np.random.Generator
) -> tuple[dict[str, pd.DataFrame], pd.Series]:
    """Divide people into train, val and test; nobody is in two parts.

    Parameters
    ----------
    faces : DataFrame
        Columns ``identity`` and raw labels.

    Returns
    -------
    parts : dict of str to DataFrame
        Rows of ``faces``, by `PARTS`.
    reasons : Series of str
        Why a row is in none of them; otherwise empty.

    Raises
    ------
    UserError
        If no face is usable, or there are too few people for three parts of two.
    """
    reasons = unknown_labels(faces, tasks)
    reasons[_too_many(faces[reasons == ""], params.max_sessions, rng)] = (
        f"under-sampled to split.max_sessions={params.max_sessions}"
    )
    kept = faces[reasons == ""]
    counts = kept["identity"].map(kept["identity"].value_counts())
    few = counts.index[counts < params.min_sessions]
    reasons[few] = [
        f"too few captures ({n}), split.min_sessions={params.min_sessions}" for n in counts[few]
    ]
    kept = faces[reasons == ""]
    if kept.empty:
        raise UserError(f"split: no usable face; the first: {reasons.iloc[0]}")
    part = assign_people(kept, tasks, (params.val, params.test), rng)
    parts = {name: kept[kept["identity"].map(part) == name] for name in PARTS}
    _check_sizes(parts, params)
    return parts, reasons


def _check_sizes(parts: dict[str, pd.DataFrame], params: SplitParams) -> None:
    for name, table in parts.items():
        people = table["identity"].nunique()
        if people < 2:
            total = sum(t["identity"].nunique() for t in parts.values())
            raise UserError(
                f"split: {name} needs 2 people but has {people} of the {total} with at least "
                f"{params.min_sessions} usable captures; add people or change split.val, "
                "split.test and split.min_sessions (params.yaml)"
            )


def _too_many(faces: pd.DataFrame, most: int, rng: np.random.Generator) -> pd.Index:
    order = pd.Series(rng.permutation(len(faces)), index=faces.index)
    rank = order.groupby(faces["identity"]).rank()
    return faces.index[rank > most]


SWAPS = 20_000
SIZE_WEIGHT = 0.5  # of the parts' capture counts relative to their class counts


def assign_people(
    faces: pd.DataFrame, tasks: Tasks, fractions: tuple[float, float], rng: np.random.Generator
) -> dict[str, str]:
    """Assign a part (train, val or test) to every identity.

    A capture counts in a class of each task, and a person's captures stay together, so exact
    ratios need not exist. From a random assignment with the right sizes, pairs of people from two
    parts are swapped if that brings the parts' class counts closer to their share (Sechidis et
    al., ECML 2011, state the same target and approach it greedily).

    Parameters
    ----------
    fractions : (val, test)
        Shares of the people.
    """
    people = sorted(faces["identity"].unique())
    counts = _class_counts(faces, tasks, people)
    sizes = [round(fraction * len(people)) for fraction in fractions]
    part = np.repeat([0, 1, 2], [len(people) - sum(sizes), *sizes])
    rng.shuffle(part)

    share = np.bincount(part, minlength=3)[:, None] / max(len(people), 1)
    target = share * counts.sum(axis=0)
    # Relative to the target, so that rare classes weigh as much as common ones.
    weight = 1 / np.maximum(target, 1)
    weight[:, -1] *= SIZE_WEIGHT
    totals = np.stack([counts[part == p].sum(axis=0) for p in range(3)])
    for first, second in rng.integers(0, max(len(people), 1), size=(SWAPS, 2)):
        a, b = part[first], part[second]
        if a == b:
            continue
        difference = counts[second] - counts[first]
        moved = totals[[a, b]] + np.stack([difference, -difference])
        before = (np.square(totals[[a, b]] - target[[a, b]]) * weight[[a, b]]).sum()
        after = (np.square(moved - target[[a, b]]) * weight[[a, b]]).sum()
        if after < before:
            totals[[a, b]] = moved
            part[first], part[second] = b, a
    return {person: ("train", "val", "test")[p] for person, p in zip(people, part, strict=True)}


def _class_counts(faces: pd.DataFrame, tasks: Tasks, people: list[str]) -> np.ndarray:
    """Captures of each person per class, and in total: (people, classes of all tasks + 1)."""
    indices = class_indices(faces, tasks)
    columns = [
        (indices[task] == index) for task, classes in tasks.items() for index in range(len(classes))
    ]
    columns.append(pd.Series(True, index=faces.index))
    table = pd.concat(columns, axis=1).astype(float)
    return table.groupby(faces["identity"]).sum().loc[people].to_numpy()

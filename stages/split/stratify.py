"""Assigning people to parts so that every task's class ratios agree across the parts."""

from __future__ import annotations

import numpy as np
import pandas as pd

from stages.tasks import Tasks, class_indices

SWAPS = 20_000
SIZE_WEIGHT = 0.5  # of the parts' session counts beside their class counts


def assign_people(
    faces: pd.DataFrame, tasks: Tasks, fractions: tuple[float, float], rng: np.random.Generator
) -> dict[str, str]:
    """Part (train, val or test) of every identity.

    A session counts in each of its tasks' classes, and a person brings all their sessions along,
    so exact ratios need not exist. From a random assignment of the wanted sizes, pairs of people
    from two parts change places while that brings the parts' class counts closer to their
    share (Sechidis et al., ECML 2011, state the same target and approach it greedily).

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
    """(people, classes of all tasks + 1) sessions of each person in each class, and in all."""
    indices = class_indices(faces, tasks)
    columns = [
        (indices[task] == index) for task, classes in tasks.items() for index in range(len(classes))
    ]
    columns.append(pd.Series(True, index=faces.index))
    table = pd.concat(columns, axis=1).astype(float)
    return table.groupby(faces["identity"]).sum().loc[people].to_numpy()

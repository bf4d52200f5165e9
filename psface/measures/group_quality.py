"""Quality and attribute recognition of each group of people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from psface.measures.groups import FEWEST
from psface.measures.intervals import interval
from psface.measures.scores import Scores


def quality_table(
    scores: Scores, probabilities: Mapping[str, np.ndarray], draws: np.ndarray
) -> pd.DataFrame:
    """The mean magnitude of each group's captures, and the balanced accuracy of each task on them.

    Parameters
    ----------
    probabilities : mapping of str to (N, classes)
        The network's output for each attribute.

    Returns
    -------
    DataFrame
        ``attribute``, ``group``, ``people``, ``captures``, ``measure`` (``magnitude`` or a task),
        ``value``, ``low``, ``high``, ``verdict`` (whether there are too few people to tell). A task
        is not measured on groups of its own attribute, nor where a group lacks a class.
    """
    rows = []
    for attribute, labels in scores.labels.items():
        for group, name in enumerate(scores.classes[attribute]):
            chosen = labels == group
            people = len(np.unique(scores.person[chosen]))
            for measure, value, low, high in _measures(
                scores, chosen, attribute, probabilities, draws
            ):
                verdict = "" if people >= FEWEST else f"fewer than {FEWEST} people"
                count = int(chosen.sum())
                rows.append((attribute, name, people, count, measure, value, low, high, verdict))
    columns = ["attribute", "group", "people", "captures", "measure", "value", "low", "high"]
    return pd.DataFrame(rows, columns=[*columns, "verdict"])


def _measures(
    scores: Scores, chosen: np.ndarray, attribute: str, probabilities: Mapping[str, np.ndarray],
    draws: np.ndarray,
) -> Iterator[tuple[str, float, float, float]]:  # fmt: skip
    if not chosen.any():
        return
    person = scores.person[chosen]
    yield "magnitude", *_mean([scores.magnitude[chosen]], [person], draws)
    for task, predicted in probabilities.items():
        labels = scores.labels[task]
        parts = [chosen & (labels == c) for c in range(predicted.shape[1])]
        if task == attribute or not all(part.any() for part in parts):
            continue
        right = predicted.argmax(axis=1) == labels
        yield task, *_mean([right[p] for p in parts], [scores.person[p] for p in parts], draws)


def _mean(
    values: Sequence[np.ndarray], people: Sequence[np.ndarray], draws: np.ndarray
) -> tuple[float, float, float]:
    """The mean of the means of some sets of values, with its 95% interval by resampling people."""
    sets = list(zip(values, people, strict=True))
    count = draws.shape[1]
    drawn = []
    for some, person in sets:
        sums = np.bincount(person, some, count), np.bincount(person, minlength=count)
        with np.errstate(invalid="ignore"):
            drawn.append((draws @ sums[0]) / (draws @ sums[1]))
    low, high = interval(np.mean(drawn, axis=0))
    return float(np.mean([some.mean() for some, _ in sets])), low, high

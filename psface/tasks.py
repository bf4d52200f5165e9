"""Attribute tasks: classes that are groups of raw labels, defined in params.yaml."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator

from psface.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

Tasks = dict[str, dict[str, list[str]]]
UNKNOWN = -1  # the class of a missing label


def _with_classes(attributes: Tasks) -> Tasks:
    for attribute, classes in attributes.items():
        if len(classes) < 2:
            raise ValueError(f"{attribute} needs two or more classes")
        values = [value for group in classes.values() for value in group]
        repeated = sorted({value for value in values if values.count(value) > 1})
        if repeated:
            raise ValueError(f"{attribute}: {', '.join(repeated)} is in more than one class")
        if not all(classes.values()):
            raise ValueError(f"{attribute} has a class without raw labels")
    return attributes


# Section ``attributes`` of params.yaml.
Attributes = Annotated[Tasks, AfterValidator(_with_classes)]


def class_indices(table: pd.DataFrame, tasks: Tasks) -> pd.DataFrame:
    """Return the class index of every row in every task; `UNKNOWN` without a label.

    Raises
    ------
    UserError
        If a label is in no class; to list those first, see `unknown_labels`.
    """
    if reason := next(filter(None, unknown_labels(table, tasks)), ""):
        raise UserError(reason)
    import pandas as pd

    return pd.DataFrame(
        {task: _labels(table, task).map(_index(classes)) for task, classes in tasks.items()},
        index=table.index,
        dtype="int64",
    )


def unknown_labels(table: pd.DataFrame, tasks: Tasks) -> pd.Series:
    """Return, for each row, a reason that names its first label in no class; else empty."""
    import pandas as pd

    reasons = pd.Series("", index=table.index)
    for task, classes in tasks.items():
        labels = _labels(table, task)
        bad = ~labels.isin(list(_index(classes))) & (reasons == "")
        where = f"` is in no class of attributes.{task} (params.yaml): add it to one"
        reasons[bad] = f"{task} `" + labels[bad] + where
    return reasons


def _index(classes: dict[str, list[str]]) -> dict[str, int]:
    values = {value: i for i, group in enumerate(classes.values()) for value in group}
    return {"": UNKNOWN, **values}


def _labels(table: pd.DataFrame, task: str) -> pd.Series:
    if task not in table.columns:
        import pandas as pd

        return pd.Series("", index=table.index)
    return table[task].fillna("").astype(str)

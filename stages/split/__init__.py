"""split: who is trained on, who picks the epoch and who is tested; nobody is on two sides."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from stages.errors import UserError
from stages.files import replacing, replacing_together
from stages.params import SplitParams
from stages.session import read_table
from stages.split.picture import draw_ratios
from stages.split.stratify import assign_people
from stages.tables import safe
from stages.tasks import UNKNOWN, Tasks, class_indices, unknown_labels

PARTS = ("train", "val", "test")
FILES = ("train", "val", "gallery", "probe")


def split(
    params: SplitParams, tasks: Tasks, seed: int, faces_path: Path, out: Path, reports: Path
) -> dict[str, pd.DataFrame]:
    """Write ``out/{train,val,gallery,probe}.csv``, ``out/excluded.csv`` and the ratios.

    Each CSV holds rows of ``faces_path`` (``row`` is the index into the packed arrays) with their
    raw labels; ``excluded.csv`` says why a face is in none of them. ``reports`` receives
    ``split.csv`` and ``split.png``: each class's share of the sessions before and after.

    Returns
    -------
    dict of str to DataFrame
        The four tables by name.

    Raises
    ------
    UserError
        If no face can be used, or there are too few people for three parts of two.
    """
    faces = read_table(faces_path, "crop", ["identity", "session", *tasks])
    faces.insert(0, "row", range(len(faces)))
    rng = np.random.default_rng(seed)

    reasons = unknown_labels(faces, tasks)
    reasons[_too_many(faces[reasons == ""], params.max_sessions, rng)] = (
        f"under-sampled to split.max_sessions={params.max_sessions}"
    )
    kept = faces[reasons == ""]
    counts = kept["identity"].map(kept["identity"].value_counts())
    few = counts.index[counts < params.min_sessions]
    reasons[few] = [
        f"{n} session of this person, split.min_sessions={params.min_sessions}" for n in counts[few]
    ]
    kept = faces[reasons == ""]
    if kept.empty:
        raise UserError(f"split: no face can be used, the first because {reasons.iloc[0]}")

    part = assign_people(kept, tasks, (params.val, params.test), rng)
    parts = {name: kept[kept["identity"].map(part) == name] for name in PARTS}
    _check_sizes(parts, params)
    gallery = parts["test"].groupby("identity").sample(n=1, random_state=rng).index
    tables = {
        "train": parts["train"],
        "val": parts["val"],
        "gallery": parts["test"].loc[sorted(gallery)],
        "probe": parts["test"].drop(index=gallery),
    }
    excluded = faces[reasons != ""].assign(reason=reasons[reasons != ""])
    written = {**tables, "excluded": excluded}
    # Parts of two runs side by side would share people.
    with replacing_together(*(out / f"{name}.csv" for name in written)) as paths:
        for path, table in zip(paths, written.values(), strict=True):
            safe(table).to_csv(path, index=False)

    ratios = class_ratios({"before": faces[unknown_labels(faces, tasks) == ""], **parts}, tasks)
    with replacing(reports / "split.csv") as path:
        ratios.round(4).to_csv(path, index=False)
    with replacing(reports / "split.png") as path:
        draw_ratios(ratios, path)
    return tables


def class_ratios(parts: dict[str, pd.DataFrame], tasks: Tasks) -> pd.DataFrame:
    """Each class's share of the labelled sessions in each part: a row per task and class."""
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


def _too_many(faces: pd.DataFrame, most: int, rng: np.random.Generator) -> pd.Index:
    order = pd.Series(rng.permutation(len(faces)), index=faces.index)
    rank = order.groupby(faces["identity"]).rank()
    return faces.index[rank > most]


def _check_sizes(parts: dict[str, pd.DataFrame], params: SplitParams) -> None:
    for name, table in parts.items():
        people = table["identity"].nunique()
        if people < 2:
            total = sum(t["identity"].nunique() for t in parts.values())
            raise UserError(
                f"split: {people} people for {name} out of {total} with at least "
                f"{params.min_sessions} usable sessions; bring more people or change split.val, "
                "split.test and split.min_sessions (params.yaml)"
            )

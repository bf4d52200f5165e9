"""What is trained on: the parts of the split as rows of the packed crops, with their labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from psface.errors import UserError
from psface.faces.arrays import Faces, rows_of
from psface.faces.modalities import maps_of
from psface.model.scale import LIMIT, Scale
from psface.stage_tables import read_table
from psface.tasks import UNKNOWN, Tasks, class_indices
from psface.training.train_params import Recipe


def measure_scale(faces: Faces, rows: np.ndarray) -> Scale:
    """Mean and standard deviation of each channel over the training rows.

    The normal's x keeps mean zero, so that mirroring it is a change of sign.
    """
    total = np.zeros(sum(faces.channels))
    squares = np.zeros_like(total)
    pixels = len(rows) * faces.side**2
    for chunk in np.array_split(rows, max(1, len(rows) // 256)):
        values = faces.read(chunk).astype(np.float64)
        total += values.sum(axis=(0, 2, 3))
        squares += np.square(values).sum(axis=(0, 2, 3))
    mean = total / pixels
    mean[faces.x_channels] = 0
    std = np.sqrt(np.maximum(squares / pixels - mean**2, 1e-8))
    return Scale(mean.round(6).tolist(), std.round(6).tolist(), LIMIT)


@dataclass(frozen=True)
class Part:
    """Rows of the packed faces with their labels.

    Attributes
    ----------
    rows : (N,) int
    identities : (N,) str
    labels : dict of str to (N,) int64 tensor
        Class indices per task, `UNKNOWN` where not given.
    """

    rows: np.ndarray
    identities: np.ndarray
    labels: dict[str, Tensor]


def read_part(table: pd.DataFrame, tasks: Tasks, faces: int) -> Part:
    """A split's table as arrays, of so many packed ``faces``.

    Raises
    ------
    UserError
        If it is no table of the split.
    """
    rows = rows_of(table, faces)
    if "identity" not in table:
        raise UserError("a table of the split has no identities; run `dvc repro -f split`")
    indices = class_indices(table, tasks)
    return Part(
        rows,
        table["identity"].astype(str).to_numpy(),
        {task: torch.from_numpy(indices[task].to_numpy(copy=True)) for task in tasks},
    )


def usable_tasks(table: pd.DataFrame, tasks: Tasks) -> Tasks:
    """The tasks with at least two classes in ``table``; the others cannot be learned."""
    indices = class_indices(table, tasks)
    usable = {}
    for task, classes in tasks.items():
        if indices.loc[indices[task] != UNKNOWN, task].nunique() >= 2:
            usable[task] = classes
        else:
            print(f"train: task {task} left out: fewer than two of its classes are in the data")
    return usable


@dataclass(frozen=True)
class TrainingData:
    """The crops of a modality, and which of them are for what.

    Attributes
    ----------
    faces : Faces
    tasks : dict
        That the training part has two classes of or more.
    part, val : Part
        Trained on, and for choosing the epoch.
    identities : (N,) int64 tensor
        Of ``part``: people as numbers.
    people : int
        How many they are.
    """

    faces: Faces
    tasks: Tasks
    part: Part
    val: Part
    identities: Tensor
    people: int


def read_data(recipe: Recipe, faces_folder: Path, splits: Path) -> TrainingData:
    """The packed crops and the split's tables.

    Raises
    ------
    UserError
        If one of them is missing or does not fit the others.
    """
    table, val_table = (read_table(splits / f"{n}.csv", "split") for n in ("train", "val"))
    tasks = usable_tasks(table, recipe.tasks)
    faces = Faces(faces_folder, maps_of(recipe.modality))
    part, val = (read_part(some, tasks, len(faces)) for some in (table, val_table))
    people, identities = np.unique(part.identities, return_inverse=True)
    return TrainingData(faces, tasks, part, val, torch.from_numpy(identities), len(people))

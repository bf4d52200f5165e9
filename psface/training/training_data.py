"""Training data: the parts of the split as rows of the packed crops, with labels."""

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

MEASURED = 50_000  # rows, at most, evenly spaced


def measure_scale(faces: Faces, rows: np.ndarray, detail: float = 0.0) -> Scale:
    """Mean and standard deviation of each channel over the training rows; see `Scale.detail`.

    The normal's x keeps mean zero, so that mirroring only changes its sign.
    """
    rows = rows[:: -(-len(rows) // MEASURED)]
    total = np.zeros(sum(faces.channels))
    squares = np.zeros_like(total)
    pixels = len(rows) * faces.side**2
    for stored in faces.read_ahead(np.array_split(rows, max(1, len(rows) // 256))):
        values = stored.astype(np.float64)
        total += values.sum(axis=(0, 2, 3))
        squares += np.square(values).sum(axis=(0, 2, 3))
    mean = total / pixels
    mean[faces.x_channels] = 0
    std = np.sqrt(np.maximum(squares / pixels - mean**2, 1e-8))
    return Scale(mean.round(6).tolist(), std.round(6).tolist(), LIMIT, detail)


@dataclass(frozen=True)
class Part:
    """Rows of the packed faces with their labels.

    Attributes
    ----------
    rows : (N,) int
    identities : (N,) int64
        People as numbers, in the order of their names.
    people : int
        How many there are.
    labels : dict of str to (N,) int64 tensor
        Class indices per task, `UNKNOWN` where missing.
    """

    rows: np.ndarray
    identities: np.ndarray
    people: int
    labels: dict[str, Tensor]


def together(first: Part, second: Part) -> Part:
    """Two parts of the split, which share no people, as one."""
    return Part(
        np.concatenate([first.rows, second.rows]),
        np.concatenate([first.identities, first.people + second.identities]),
        first.people + second.people,
        {task: torch.cat([classes, second.labels[task]]) for task, classes in first.labels.items()},
    )


def read_part(table: pd.DataFrame, tasks: Tasks, faces: int) -> Part:
    """Convert a split's table to arrays; ``faces`` is the number of packed faces.

    Raises
    ------
    UserError
        If it is not a table of the split.
    """
    rows = rows_of(table, faces)
    if "identity" not in table:
        raise UserError("a table of the split has no column identity; run `dvc repro -f split`")
    indices = class_indices(table, tasks)
    numbers, people = pd.factorize(table["identity"].astype(str), sort=True)
    return Part(
        rows,
        numbers.astype(np.int64),
        len(people),
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
    """The crops of a modality, and their use.

    Attributes
    ----------
    faces : Faces
    frames : Faces or None
        All frames of the captures, of which ``faces`` have one, if training draws from them.
    tasks : dict
        Those with at least two classes in the training part.
    part, val : Part
        For training, and for choosing the epoch.
    """

    faces: Faces
    frames: Faces | None
    tasks: Tasks
    part: Part
    val: Part

    @property
    def identities(self) -> Tensor:
        """People of ``part``, (N,) int64."""
        return torch.from_numpy(self.part.identities)

    @property
    def people(self) -> int:
        """Number of people in ``part``."""
        return self.part.people


def read_data(recipe: Recipe, faces_folder: Path, splits: Path) -> TrainingData:
    """Read the packed crops and the split's tables.

    Raises
    ------
    UserError
        If one of them is missing or they do not match.
    """
    columns = ["row", "identity", *recipe.tasks]
    table, val_table = (read_table(splits / f"{n}.csv", "split", columns) for n in ("train", "val"))
    tasks = usable_tasks(table, recipe.tasks)
    faces = Faces(faces_folder, maps_of(recipe.modality))
    part, val = (read_part(rows, tasks, len(faces)) for rows in (table, val_table))
    frames = None
    if recipe.train.any_frame and recipe.modality == "raw":
        if faces.channels != [1] or not (faces_folder / "frames.npy").exists():
            raise UserError(
                "train.any_frame=true needs captures of several frames and crop.colour=false; set "
                "it to false (params.yaml)"
            )
        frames = Faces(faces_folder, ("frames",))
    return TrainingData(faces, frames, tasks, part, val)

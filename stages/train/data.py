"""The packed faces as standardised batches, and the parts of the split as labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from stages.errors import UserError
from stages.params import Map
from stages.tasks import UNKNOWN, Tasks, class_indices

LIMIT = 3.0  # standard deviations
INFERENCE_BATCH = 64


@dataclass(frozen=True)
class Scale:
    """How stored values become the network's input.

    ``(value - mean) / std`` per channel, clamped to [-limit, limit]: a depth map of a face turned
    far away would else lie beyond all that training has seen.
    """

    mean: list[float]
    std: list[float]
    limit: float

    def applied(self, values: np.ndarray, device: torch.device) -> Tensor:
        """Stored values (B, C, S, S) as the network's input on ``device``."""
        batch = torch.from_numpy(values).to(device)
        mean = torch.tensor(self.mean, device=device)[:, None, None]
        std = torch.tensor(self.std, device=device)[:, None, None]
        return ((batch - mean) / std).clamp(-self.limit, self.limit)


class Faces:
    """Memory-mapped crops of the maps of one modality, in channel order.

    Attributes
    ----------
    side : int
    channels : list of int
        Of each map.
    x_channels : list of int
        Where the x components of normals are.
    """

    def __init__(self, folder: Path, maps: Sequence[Map]) -> None:
        self.arrays = []
        for name in maps:
            path = folder / f"{name}.npy"
            if name != "raw" and not path.exists() and (folder / "raw.npy").exists():
                raise UserError(
                    f"{path}: missing, since pictures without known lights have no {name}; set "
                    "modality=raw"
                )
            try:
                self.arrays.append(np.load(path, mmap_mode="r"))
            except (OSError, ValueError) as error:
                raise UserError(f"{path}: unreadable ({error}); run `dvc repro crop`") from error
        self.side: int = self.arrays[0].shape[-1]
        self.channels: list[int] = [array.shape[1] for array in self.arrays]
        self.x_channels = normal_x_channels(maps, self.channels)

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Stored values of some rows, (B, C, S, S) float32."""
        parts = [array[rows].astype(np.float32) for array in self.arrays]
        return np.concatenate(parts, axis=1)

    def batches(self, rows: np.ndarray) -> Iterator[np.ndarray]:
        """Stored values of many rows, (B, C, S, S) float32 at a time."""
        for chunk in np.array_split(rows, max(1, -(-len(rows) // INFERENCE_BATCH))):
            yield self.read(chunk)


def normal_x_channels(maps: Sequence[Map], channels: Sequence[int]) -> list[int]:
    """Positions of the normal's x component among the channels of ``maps``."""
    starts = np.cumsum([0, *channels])
    return [int(starts[i]) for i, name in enumerate(maps) if name == "normalmap"]


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


def read_part(table: pd.DataFrame, tasks: Tasks) -> Part:
    """A split's table as arrays."""
    indices = class_indices(table, tasks)
    return Part(
        table["row"].astype(int).to_numpy(),
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

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
from stages.files import check_regular
from stages.params import Map
from stages.tables import whole
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
            check_regular(path)
            try:
                array = np.load(path, mmap_mode="r")
                if array.ndim != 4 or array.dtype != np.float16 or 0 in array.shape[1:]:
                    raise ValueError("not an array of crops")
                if array.shape[2] != array.shape[3]:
                    raise ValueError("crops that are not square")
            except FileNotFoundError:
                raise UserError(f"{path}: missing; run `dvc repro crop`") from None
            except Exception as error:  # whatever a damaged header runs the reader into
                reason = " ".join(str(error).split())[:200]
                raise UserError(
                    f"{path}: unreadable ({reason}); run `dvc repro -f crop`"
                ) from error
            self.arrays.append(array)
        if len({(len(a), a.shape[-1]) for a in self.arrays}) > 1:
            raise UserError(f"{folder}: maps of several lengths or sizes; run `dvc repro -f crop`")
        self.side: int = self.arrays[0].shape[-1]
        self.channels: list[int] = [array.shape[1] for array in self.arrays]
        self.x_channels = normal_x_channels(maps, self.channels)

    def __len__(self) -> int:
        return len(self.arrays[0])

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


def rows_of(table: pd.DataFrame, faces: int) -> np.ndarray:
    """A split's rows (N,) int of the packed faces, of which there are so many.

    Raises
    ------
    UserError
        If it has none, or others.
    """
    rows = [whole(text) for text in table["row"].astype(str)] if "row" in table else []
    if not rows or any(row is None or row >= faces for row in rows):
        raise UserError("a table of the split has rows that are no faces; run `dvc repro -f split`")
    return np.array(rows, dtype=int)


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

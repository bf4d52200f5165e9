"""Packed crops, read a batch at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from psface.errors import UserError
from psface.faces.modalities import Map, normal_x_channels
from psface.faces.records import COMPANION, PLACE, Records
from psface.faces.stored_planes import in_floats
from psface.files import reading
from psface.threads import ahead_in_threads
from psface.user_tables import whole

if TYPE_CHECKING:
    import pandas as pd

INFERENCE_BATCH = 64


class Faces:
    """Packed crops of the maps of one modality, in channel order.

    Attributes
    ----------
    side : int
    channels : list of int
        Number of channels of each map.
    x_channels : list of int
        Positions of the normals' x components.
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
            self.arrays.append(open_crops(path))
        if len({(len(a), a.shape[-1]) for a in self.arrays}) > 1:
            raise UserError(f"{folder}: maps differ in length or size; run `dvc repro -f crop`")
        self.side: int = self.arrays[0].shape[-1]
        self.channels: list[int] = [array.shape[1] for array in self.arrays]
        self.x_channels = normal_x_channels(maps, self.channels)

    def __len__(self) -> int:
        return len(self.arrays[0])

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Read the stored values of some rows, (B, C, S, S) float32."""
        parts = [in_floats(array[rows]) for array in self.arrays]
        return np.concatenate(parts, axis=1) if len(parts) > 1 else parts[0]

    def read_ahead(
        self, batches: Iterable[np.ndarray], ready: Callable[[np.ndarray], Any] | None = None
    ) -> Iterator[Any]:
        """Yield the stored values of batches of rows, as `read`, or what ``ready`` makes of them: a
        few batches are read and decoded while the caller works on the last."""
        return ahead_in_threads(lambda rows: (ready or np.asarray)(self.read(rows)), batches)

    def batches(self, rows: np.ndarray) -> Iterator[np.ndarray]:
        """Yield the stored values of many rows in batches, (B, C, S, S) float32."""
        return self.read_ahead(parted(rows))


def parted(rows: np.ndarray) -> list[np.ndarray]:
    """Part rows into batches for inference."""
    return np.array_split(rows, max(1, -(-len(rows) // INFERENCE_BATCH)))


def open_crops(path: Path) -> np.ndarray | Records:
    """Open the packed crops of a map: an array (N, C, S, S) of float16 or uint8, memory-mapped, or
    what reads it from a RecordIO file.

    Raises
    ------
    UserError
        If it is missing or damaged.
    """
    with reading(path, "crop"):
        array = np.load(path, mmap_mode="r")
        if array.dtype == PLACE and array.ndim == 1:
            return Records(array, path.with_name(COMPANION))
        if array.ndim != 4 or array.dtype not in (np.float16, np.uint8) or 0 in array.shape[1:]:
            raise ValueError("not an array of crops")
        if array.shape[2] != array.shape[3]:
            raise ValueError("crops are not square")
        return array


def rows_of(table: pd.DataFrame, faces: int) -> np.ndarray:
    """Return the rows (N,) int of a split's table, valid for that number of packed faces.

    Raises
    ------
    UserError
        If there are no rows, or invalid ones.
    """
    texts = table["row"].astype(str).tolist() if "row" in table else []
    rows = np.fromiter((-1 if (row := whole(text)) is None else row for text in texts), int)
    if not len(rows) or rows.min() < 0 or rows.max() >= faces:
        raise UserError("a split table has rows that are not faces; run `dvc repro -f split`")
    return rows

"""Memory-mapped packed crops."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from psface.errors import UserError
from psface.faces.modalities import Map, normal_x_channels
from psface.files import check_regular
from psface.user_tables import whole

if TYPE_CHECKING:
    import pandas as pd

INFERENCE_BATCH = 64


class Faces:
    """Memory-mapped crops of the maps of one modality, in channel order.

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
            check_regular(path)
            try:
                array = np.load(path, mmap_mode="r")
                if array.ndim != 4 or array.dtype != np.float16 or 0 in array.shape[1:]:
                    raise ValueError("not an array of crops")
                if array.shape[2] != array.shape[3]:
                    raise ValueError("crops are not square")
            except FileNotFoundError:
                raise UserError(f"{path}: missing; run `dvc repro crop`") from None
            except Exception as error:  # a damaged header can make the reader raise anything
                reason = " ".join(str(error).split())[:200]
                raise UserError(
                    f"{path}: unreadable ({reason}); run `dvc repro -f crop`"
                ) from error
            self.arrays.append(array)
        if len({(len(a), a.shape[-1]) for a in self.arrays}) > 1:
            raise UserError(f"{folder}: maps differ in length or size; run `dvc repro -f crop`")
        self.side: int = self.arrays[0].shape[-1]
        self.channels: list[int] = [array.shape[1] for array in self.arrays]
        self.x_channels = normal_x_channels(maps, self.channels)

    def __len__(self) -> int:
        return len(self.arrays[0])

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Read the stored values of some rows, (B, C, S, S) float32."""
        parts = [array[rows].astype(np.float32) for array in self.arrays]
        return np.concatenate(parts, axis=1)

    def batches(self, rows: np.ndarray) -> Iterator[np.ndarray]:
        """Yield the stored values of many rows in batches, (B, C, S, S) float32."""
        for chunk in np.array_split(rows, max(1, -(-len(rows) // INFERENCE_BATCH))):
            yield self.read(chunk)


def rows_of(table: pd.DataFrame, faces: int) -> np.ndarray:
    """Return the rows (N,) int of a split's table, valid for that number of packed faces.

    Raises
    ------
    UserError
        If there are no rows, or invalid ones.
    """
    rows = [whole(text) for text in table["row"].astype(str)] if "row" in table else []
    if not rows or any(row is None or row >= faces for row in rows):
        raise UserError("a split table has rows that are not faces; run `dvc repro -f split`")
    return np.array(rows, dtype=int)

"""Draw pairs of pictures side by side."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from psface.captures.decoding import decode
from psface.captures.images import read_bytes, rgb
from psface.errors import UserError
from psface.report.plotting import plt

ACROSS = 3  # pairs per row


def draw_pairs(rows: Sequence[dict[Hashable, Any]], path: Path) -> None:
    """Draw the pairs of one or more rows of ``overlaps.csv``."""
    down = -(-len(rows) // ACROSS)
    figure = plt.figure(figsize=(4.2 * ACROSS, 2.7 * down), layout="constrained")
    cells = figure.subfigures(down, ACROSS, squeeze=False, wspace=0.02, hspace=0.02)
    for cell, row in zip(cells.flat, rows, strict=False):
        cell.suptitle(_caption(row), fontsize=8)
        for number, axes in zip("12", cell.subplots(1, 2), strict=True):
            axes.axis("off")
            name = f"{row[f'identity_{number}']}/{row[f'session_{number}']}"
            part = row[f"part_{number}"]
            title = f"{name[-36:]}\n{part}" if part else name[-36:]
            axes.set_title(title, fontsize=6.5, pad=2)
            axes.imshow(_picture(Path(str(row[f"path_{number}"]))))
    figure.savefig(path, dpi=100)
    plt.close(figure)


def _caption(row: dict[Hashable, Any]) -> str:
    units = (("distance", "{:.0f} bits"), ("agreement", "{:.3f}"), ("similarity", "cosine {:.3f}"))
    values = [text.format(row[name]) for name, text in units if not pd.isna(row[name])]
    return f"{row['kind']} ({', '.join(values)})"


def _picture(path: Path) -> np.ndarray:
    try:
        return rgb(decode(read_bytes(path), path, 16, None))
    except UserError:  # deleted since, or named only by the crops
        return np.ones((8, 8, 3), np.float32)

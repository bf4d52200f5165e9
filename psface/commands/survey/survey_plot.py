"""Plot accuracy against speed."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from psface.report.plotting import log_x


def draw(table: pd.DataFrame, side: int, path: Path) -> None:
    """Draw a point per detector: images per second at ``side`` px, and average precision.

    The area of a point shows peak memory.
    """
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    known = table[table["average_precision"].notna()]
    known = known.sort_values(["average_precision", f"ms_at_{side}"])
    for number, row in enumerate(known.to_dict("records")):
        point = 1000 / row[f"ms_at_{side}"], row["average_precision"]
        axes.scatter(*point, s=max(20.0, (row["peak_mib"] or 100) / 5), alpha=0.75)
        offset = (8, -14 if number % 2 else 6)  # keeps neighbouring names apart
        axes.annotate(row["detector"], point, xytext=offset, textcoords="offset points", fontsize=9)
    log_x(axes)
    axes.set_ylim(-0.02, 1.06)
    axes.set_xmargin(0.15)
    axes.set_xlabel(f"images per second, {side} px wide or high")
    axes.set_ylabel("average precision at IoU 0.5")
    axes.set_title("Face detectors: accuracy against speed (area: peak memory)", fontsize=10)
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=130)

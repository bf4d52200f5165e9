"""Plot of the class ratios."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from psface.report.plotting import plt


def draw_ratios(ratios: pd.DataFrame, path: Path) -> None:
    """Draw grouped bars: each class's share of the captures before the split and in each part."""
    parts = list(ratios.columns[2:])
    height = max(2.0, 0.42 * len(ratios) + 1.2)
    figure, axes = plt.subplots(figsize=(7.5, height), layout="constrained")
    width = 0.8 / len(parts)
    for index, name in enumerate(parts):
        positions = [row + (index - (len(parts) - 1) / 2) * width for row in range(len(ratios))]
        colour = "0.6" if name == "before" else None
        axes.barh(positions, ratios[name], height=width, label=name, color=colour)
    axes.set_yticks(
        range(len(ratios)),
        [f"{t}: {c}" for t, c in zip(ratios["task"], ratios["class"], strict=True)],
    )
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_xlabel("share of the labelled captures")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(ncols=len(parts), loc="lower right", bbox_to_anchor=(1, 1), frameon=False)
    figure.savefig(path, dpi=110)
    plt.close(figure)

"""Plot of the class ratios."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from psface.report.palette import BLUE, GREEN, VERMILION
from psface.report.plotting import plt

BARS = (("0.6", ""), (BLUE, ""), (VERMILION, "///"), (GREEN, "..."))  # colour and hatch


def draw_ratios(ratios: pd.DataFrame, path: Path) -> None:
    """Draw the shares of the classes; see `plot_ratios`."""
    figure, axes = plt.subplots(figsize=(7.5, ratios_height(ratios)), layout="constrained")
    plot_ratios(axes, ratios)
    axes.spines[["top", "right"]].set_visible(False)
    columns = len(ratios.columns) - 2
    axes.legend(ncols=columns, loc="lower right", bbox_to_anchor=(1, 1), frameon=False)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def ratios_height(ratios: pd.DataFrame) -> float:
    """The height of the plot in inches."""
    return max(2.0, 0.42 * len(ratios) + 1.2)


def plot_ratios(axes: plt.Axes, ratios: pd.DataFrame) -> None:
    """Plot grouped bars: each class's share of the captures before the split and in each part."""
    parts = list(ratios.columns[2:])
    width = 0.8 / len(parts)
    for index, name in enumerate(parts):
        positions = [row + (index - (len(parts) - 1) / 2) * width for row in range(len(ratios))]
        colour, hatch = BARS[index % len(BARS)]
        axes.barh(
            positions, ratios[name], height=width, label=name, color=colour, hatch=hatch,
            edgecolor="white", lw=0,
        )  # fmt: skip
    axes.set_yticks(
        range(len(ratios)),
        [
            f"{t}: {c}".replace("_", " ")
            for t, c in zip(ratios["task"], ratios["class"], strict=True)
        ],
    )
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_xlabel("share of the labelled captures")

"""Charts of a run that are on its page alone."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from psface.report.palette import marker, series


def plot_leakage(axes: Axes, leaks: pd.DataFrame, told: Mapping[str, float]) -> None:
    """Plot what each probe reads of each attribute, and what the network tells of it."""
    attributes = list(dict.fromkeys(leaks["attribute"]))
    shown = {str(p): rows.set_index("attribute")["auc"] for p, rows in leaks.groupby("probe")}
    kinds = {f"{probe} probe on the embedding": of for probe, of in shown.items()}
    kinds["the network's own output"] = pd.Series(dict(told), dtype=float)
    for number, (name, of) in enumerate(kinds.items()):
        places = np.arange(len(attributes)) + 0.15 * (number - 1)
        colour = series(number)["color"]
        axes.plot(places, of.reindex(attributes), marker(number), color=colour, ms=7, label=name)
    axes.axhline(0.5, color=series(4)["color"], lw=1, ls=":")
    axes.set_xticks(range(len(attributes)), [a.replace("_", " ") for a in attributes])
    axes.set_ylim(min(0.45, leaks["auc"].min() - 0.02), 1.02)
    axes.set_ylabel("AUC")


def plot_training(left: Axes, right: Axes, curves: Mapping[str, pd.Series]) -> None:
    """Plot loss and validation AUC against epoch."""
    for number, (axes, name, label) in enumerate(
        (
            (left, "loss", "training loss"),
            (right, "validation", "identity AUC of validation people"),
        )
    ):
        if name in curves:
            epochs = np.arange(1, len(curves[name]) + 1)
            axes.plot(epochs, curves[name], marker(number), ls="-", color=series(number)["color"])
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.set_xlabel("epoch")
        axes.set_ylabel(label)

"""Plots of the report: ROC, error versus reject, probes with their nearest gallery faces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from psface.measures.identification import PICTURED, Ranking
from psface.report.plotting import plt

HIT, MISS = "#2a9d4a", "#d1382c"


def draw_probes(
    pictures: Mapping[int, np.ndarray],
    ranking: Ranking,
    rows: Sequence[tuple[str, int]],
    path: Path,
) -> None:
    """Draw a row per probe: the probe, its own gallery capture, and the nearest gallery faces.

    Parameters
    ----------
    pictures : mapping of int to (S, S, 3) uint8 RGB
        Faces by capture, for the captures of `Ranking.pictured`.
    rows : sequence of (str, int)
        A title, which may be empty, and a probe's index.
    """
    columns = 2 + min(PICTURED, ranking.order.shape[1])
    figure, grid = plt.subplots(
        max(len(rows), 1), columns, figsize=(1.25 * columns, 1.55 * max(len(rows), 1)),
        squeeze=False, layout="constrained",
    )  # fmt: skip
    for axes in grid.flat:
        axes.axis("off")
    if not rows:
        grid[0, 0].set_title("no such probes", fontsize=8, loc="left")
    for row, (title, probe) in zip(grid, rows, strict=False):
        name = ranking.probe_ids[probe]
        shown = [pictures[capture] for capture in ranking.pictured(probe)]
        _show(row[0], shown[0], title or f"probe {name}", None)
        _show(row[1], shown[1], f"enrolled {name}", None)
        for axes, picture, nearest in zip(row[2:], shown[2:], ranking.order[probe], strict=False):
            other = str(ranking.gallery_ids[nearest])
            _show(axes, picture, other, HIT if other == name else MISS)
    figure.savefig(path, dpi=100)
    plt.close(figure)


def draw_quality(rejects: pd.DataFrame, path: Path) -> None:
    """Draw the error-versus-reject curves of `psface.measures.quality.curves_table`."""
    figure, axes = plt.subplots(figsize=(5.5, 4.5), layout="constrained")
    plot_rejects(axes, rejects)
    axes.set_ylim(bottom=0)
    axes.set_title("Rejecting captures of low magnitude")
    if len(rejects):
        axes.legend(fontsize=8)
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def plot_rejects(axes: plt.Axes, rejects: pd.DataFrame) -> None:
    """Plot the curves at each false match rate, with random and ideal rejection."""
    for number, (fmr, rows) in enumerate(rejects.groupby("fmr", sort=False)):
        colour, rejected = f"C{number}", rows["rejected"]
        axes.plot(rejected, rows["fnmr"], colour, label=f"by magnitude, FMR {fmr:g}")
        axes.plot(rejected, rows["random"], colour, ls=":", label="at random")
        axes.plot(rejected, rows["ideal"], colour, ls="--", alpha=0.6, label="ideal")
    axes.set_xlabel("share of genuine pairs rejected")
    axes.set_ylabel("false non-match rate")


def _show(axes: plt.Axes, face: np.ndarray, title: str, colour: str | None) -> None:
    axes.imshow(face)
    axes.axis("on")
    axes.set_title(title, fontsize=6 if len(title) > 14 else 8, color=colour or "black", pad=2)
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_color(colour or "0.8")
        side.set_linewidth(2.5 if colour else 0.8)

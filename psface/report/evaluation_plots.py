"""Plots of the report: ROC, error versus reject, probes with their nearest gallery faces."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from psface.measures.identification import PICTURED, Ranking
from psface.report.palette import BLUE, VERMILION, series
from psface.report.plotting import plt

TITLE = 22  # characters of a line
ABOVE = 34  # points from a face to the head of its column
# A hit is told by its mark and its whole frame as well as by its colour.
HIT, MISS = (BLUE, "\N{CHECK MARK}", "-"), (VERMILION, "\N{MULTIPLICATION X}", ":")


def draw_probes(
    pictures: Mapping[int, np.ndarray],
    ranking: Ranking,
    rows: Sequence[tuple[str, int]],
    path: Path,
) -> None:
    """Draw a row per probe: the probe, its own gallery capture, and the nearest gallery faces, each
    with its person's name.

    Parameters
    ----------
    pictures : mapping of int to (S, S, 3) uint8 RGB
        Faces by capture, for the captures of `Ranking.pictured`.
    rows : sequence of (str, int)
        A title, which may be empty, and a probe's index.
    """
    columns = 2 + min(PICTURED, ranking.order.shape[1])
    figure, grid = plt.subplots(
        max(len(rows), 1), columns, figsize=(1.25 * columns, 1.65 * max(len(rows), 1) + 0.3),
        squeeze=False, layout="constrained",
    )  # fmt: skip
    for axes in grid.flat:
        axes.axis("off")
    if not rows:
        grid[0, 0].set_title("no such probes", fontsize=8, loc="left")
    for row, (title, probe) in zip(grid, rows, strict=False):
        name = ranking.probe_ids[probe]
        shown = [pictures[capture] for capture in ranking.pictured(probe)]
        _show(row[0], shown[0], "\n".join([name, *textwrap.wrap(title, TITLE)]))
        _show(row[1], shown[1], name)
        for axes, picture, nearest in zip(row[2:], shown[2:], ranking.order[probe], strict=False):
            other = str(ranking.gallery_ids[nearest])
            _show(axes, picture, other, HIT if other == name else MISS)
    if rows:
        heads = ["probe", "enrolled", *(f"nearest {n + 1}" for n in range(columns - 2))]
        for axes, head in zip(grid[0], heads, strict=True):
            axes.annotate(
                head, (0.5, 1), (0, ABOVE), "axes fraction", textcoords="offset points",
                ha="center", fontsize=8, weight="bold",
            )  # fmt: skip
    figure.savefig(path, dpi=100)
    plt.close(figure)


def draw_quality(rejects: pd.DataFrame, path: Path) -> None:
    """Draw the error-versus-reject curves of `psface.measures.quality.curves_table`."""
    figure, axes = plt.subplots(figsize=(5.5, 4.5), layout="constrained")
    plot_rejects(axes, rejects)
    axes.set_title("Rejecting captures of low magnitude")
    if len(rejects):
        axes.legend(fontsize=8)
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def plot_rejects(axes: plt.Axes, rejects: pd.DataFrame) -> None:
    """Plot the curves at each false match rate, with random and ideal rejection."""
    for number, (fmr, rows) in enumerate(rejects.groupby("fmr", sort=False)):
        colour, rejected = series(number)["color"], rows["rejected"]
        axes.plot(rejected, rows["fnmr"], color=colour, label=f"by magnitude, FMR {fmr:g}")
        axes.plot(rejected, rows["random"], color=colour, ls=":", label=f"at random, FMR {fmr:g}")
        axes.plot(
            rejected, rows["ideal"], color=colour, ls="--", alpha=0.6, label=f"ideal, FMR {fmr:g}"
        )
    axes.set_ylim(bottom=0)
    axes.set_xlabel("share of genuine pairs rejected")
    axes.set_ylabel("false non-match rate")


def _show(
    axes: plt.Axes, face: np.ndarray, title: str, mark: tuple[str, str, str] | None = None
) -> None:
    colour, sign, dashes = mark or ("0.8", "", "-")
    axes.imshow(face)
    axes.axis("on")
    size = 6 if max(map(len, title.split("\n"))) > 14 else 8
    axes.set_title(f"{title} {sign}".strip(), fontsize=size, color=colour if mark else "black",
                   pad=2)  # fmt: skip
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_color(colour)
        side.set(linestyle=dashes)
        side.set_linewidth(2.5 if mark else 0.8)

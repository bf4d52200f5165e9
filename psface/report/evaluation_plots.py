"""Plots of the report: ROC, error versus reject, probes with their nearest gallery faces."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.patches import Rectangle

from psface.measures.identification import PICTURED, Ranking
from psface.report.palette import BLUE, VERMILION, series
from psface.report.plotting import plt

TITLE = 22  # characters of a line
# A hit is told by its mark and its whole frame as well as by its colour.
HIT, MISS = (BLUE, "\N{CHECK MARK}", "-"), (VERMILION, "\N{MULTIPLICATION X}", ":")
CELL, MARGIN, HEADS = (1.25, 1.75), (0.07, 0.5), 0.25  # inches, across and down


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
    columns, count = 2 + min(PICTURED, ranking.order.shape[1]), max(len(rows), 1)
    width, height = CELL[0] * columns, CELL[1] * count + HEADS
    # One pair of axes: with a pair for each face, the layout takes longer than all else.
    figure = plt.figure(figsize=(width, height))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0), aspect="equal")
    axes.axis("off")
    if not rows:
        axes.text(*MARGIN, "no such probes", fontsize=8, va="top")
    for row, (title, probe) in enumerate(rows):
        name = ranking.probe_ids[probe]
        nearest = [str(ranking.gallery_ids[n]) for n in ranking.order[probe]][: columns - 2]
        marks = [None, None, *(HIT if other == name else MISS for other in nearest)]
        shown = [pictures[capture] for capture in ranking.pictured(probe)]
        names = ["\n".join([name, *textwrap.wrap(title, TITLE)]), name, *nearest]
        for column, cell in enumerate(zip(shown, names, marks, strict=False)):
            _show(axes, row, column, *cell)
    if rows:
        for column in range(columns):
            head = ("probe", "enrolled")[column] if column < 2 else f"nearest {column - 1}"
            place = (column + 0.5) * CELL[0]
            axes.text(place, 0.08, head, fontsize=8, weight="bold", ha="center", va="top")
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
    axes: plt.Axes,
    row: int,
    column: int,
    face: np.ndarray,
    title: str,
    mark: tuple[str, str, str] | None,
) -> None:
    colour, sign, dashes = mark or ("0.8", "", "-")
    left, top = column * CELL[0] + MARGIN[0], HEADS + row * CELL[1] + MARGIN[1]
    side = CELL[0] - 2 * MARGIN[0]
    axes.imshow(face, extent=(left, left + side, top + side, top), aspect="auto")
    axes.add_patch(
        Rectangle(
            (left, top), side, side,
            fill=False, edgecolor=colour, linestyle=dashes, linewidth=2.5 if mark else 0.8,
        )
    )  # fmt: skip
    longest = max(map(len, title.split("\n")))
    axes.text(
        left + side / 2, top - 0.04, f"{title} {sign}".strip(),
        fontsize=6 if longest > 14 else 8, color=colour if mark else "black",
        ha="center", va="bottom",
    )  # fmt: skip

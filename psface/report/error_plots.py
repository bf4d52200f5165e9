"""Plots of the report on errors: DET, identification and groups."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator
from scipy.special import ndtri

from psface.measures.groups import BETTER, TOO_FEW, WORSE
from psface.report.palette import BLUE, VERMILION, marker, series
from psface.report.plotting import log_x, plt

TICKS = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.95)
EDGE = 0.06  # of the axis
UNTOLD = "0.55"


def draw_det(det: pd.DataFrame, errors: pd.DataFrame, title: str, path: Path) -> None:
    """Draw the detection error trade-off; see `plot_det`."""
    figure, axes = plt.subplots(figsize=(5.5, 5), layout="constrained")
    plot_det(axes, det, errors)
    axes.set_title(title, fontsize=10)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def plot_det(axes: plt.Axes, det: pd.DataFrame, errors: pd.DataFrame) -> None:
    """Plot the detection error trade-off on normal-deviate axes, with its 95% band.

    On these axes, scores with normal distributions give straight lines (Martin et al., 1997). What
    is 0 is drawn at the lower edge, which is then called 0.
    """
    across, up = _ends(det[["fmr"]]), _ends(det[["fnmr", "low", "high"]])
    x = ndtri(det["fmr"].clip(*across))
    if det["low"].notna().any():
        low, high = (ndtri(det[name].clip(*up)) for name in ("low", "high"))
        axes.fill_between(x, low, high, color=BLUE, alpha=0.2, lw=0, label="95% band by people")
    axes.plot(x, ndtri(det["fnmr"].clip(*up)), color=BLUE, label="all test people", clip_on=False)
    told = errors[errors["fnmr"].notna() & errors["fmr_seen"].gt(0)]
    axes.plot(
        ndtri(told["fmr_seen"].clip(*across)), ndtri(told["fnmr"].clip(*up)),
        "o", color=VERMILION, ms=5, label="FMR of the table", clip_on=False,
    )  # fmt: skip
    shown = (axes.xaxis, across, det[["fmr"]]), (axes.yaxis, up, det[["fnmr", "low", "high"]])
    for axis, (least, most), rates in shown:
        ticks = [t for t in TICKS if least <= t <= most]
        places, names = ndtri(ticks).tolist(), [f"{t:g}" for t in ticks]
        if rates.eq(0).any(axis=None):  # on the edge, where no other tick may be
            apart = EDGE * (ndtri(most) - ndtri(least))
            kept = [i for i, place in enumerate(places) if place - ndtri(least) > apart]
            places = [float(ndtri(least)), *(places[i] for i in kept)]
            names = ["0", *(names[i] for i in kept)]
        axis.set_ticks(places, names, fontsize="small")
    axes.set_xlim(*ndtri(across))
    axes.set_ylim(*ndtri(up))
    axes.set_xlabel("false match rate (FMR)")
    axes.set_ylabel("false non-match rate (FNMR)")


def _ends(rates: pd.DataFrame) -> tuple[float, float]:
    """The ends of an axis that shows some rates; what is 0 or 1 lies on an edge."""
    seen = rates.where(rates > 0)
    least = 1e-3 if seen.isna().all().all() else float(seen.min().min())
    most = next((top for top in (0.5, *TICKS[-3:]) if rates.max().max() <= top), 0.99)
    return min(least / 1.5, 0.1), most


def draw_identification(
    fnir: pd.DataFrame, cmc: pd.DataFrame, table: pd.DataFrame, path: Path
) -> None:
    """Draw FNIR against FPIR and the rank curve; see `plot_fnir` and `plot_cmc`."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 4), layout="constrained")
    plot_fnir(left, fnir, table)
    plot_cmc(right, cmc)
    if len(fnir):
        left.legend(fontsize=8)
    for axes in (left, right):
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def plot_fnir(axes: plt.Axes, fnir: pd.DataFrame, table: pd.DataFrame) -> None:
    """Plot FNIR against FPIR for each size of the gallery, with the table's intervals."""
    for number, (size, curve) in enumerate(fnir.groupby("gallery", sort=False)):
        seen, style = curve[curve["fpir"] > 0], series(number)
        label = f"{size:g} people in the gallery"
        axes.step(seen["fpir"], seen["fnir"], where="post", label=label, **style)
        points = table[(table["gallery"] == size) & table["fnir"].notna()]
        spread = np.abs(points[["low", "high"]].to_numpy().T - points["fnir"].to_numpy())
        if points["low"].notna().all() and len(points):
            axes.errorbar(
                points["fpir"], points["fnir"], spread, fmt=marker(number), ms=5,
                color=style["color"],
            )  # fmt: skip
    if len(fnir):
        log_x(axes)
    axes.set_ylim(0, None)
    axes.set_xlabel("false positive identification rate (FPIR)")
    axes.set_ylabel("false negative identification rate (FNIR)")


def plot_cmc(axes: plt.Axes, cmc: pd.DataFrame) -> None:
    """Plot the share of probes found by rank."""
    axes.plot(cmc["rank"], cmc["hit_rate"], "o-", ms=3, color=BLUE, clip_on=False)
    axes.set_ylim(None, 1.0)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.set_xlabel("rank")
    axes.set_ylabel("share of probes found (CMC)")


def draw_groups(groups: pd.DataFrame, path: Path) -> None:
    """Draw the groups' rates; see `plot_groups`."""
    panels, height = groups_size(groups)
    figure, grid = plt.subplots(
        1, panels, figsize=(9.5, height), sharey=True, squeeze=False, layout="constrained"
    )
    plot_groups(grid[0], groups)
    for axes in grid[0]:
        axes.grid(alpha=0.3)
    handles, labels = grid[0, 0].get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside upper center", ncols=3, fontsize=8)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def groups_size(groups: pd.DataFrame) -> tuple[int, float]:
    """How many panels a plot of groups has, and its height in inches."""
    names = (groups["attribute"] + groups["group"]).nunique()
    return max(1, groups["rate"].nunique()), max(1.6, 0.3 * names + 1)


def plot_groups(panels: Sequence[plt.Axes], groups: pd.DataFrame) -> None:
    """Plot each group's FMR, FNMR and FTA, a panel each, with 95% intervals by people."""
    rates = list(dict.fromkeys(groups["rate"])) or ["FMR"]
    names = list(dict.fromkeys(groups["attribute"] + ": " + groups["group"]))
    kinds = {
        "no difference found": (BLUE, "o"),
        "differs from the others": (VERMILION, "D"),
        "too few people to tell": (UNTOLD, "x"),
    }
    for axes, rate in zip(panels, rates, strict=True):
        for name, (colour, sign) in kinds.items():
            axes.plot([], [], sign, color=colour, label=name)
        for row in groups[groups["rate"] == rate].itertuples():
            place = names.index(f"{row.attribute}: {row.group}")
            told = row.verdict in (WORSE, BETTER)
            colour, sign = list(kinds.values())[1 if told else 2 if row.verdict == TOO_FEW else 0]
            axes.plot([row.low, row.high], [place, place], color=colour, lw=2, alpha=0.6)
            axes.plot([row.value], [place], sign, color=colour, ms=5)
        axes.set_xlim(left=0)
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.set_xlabel(rate)
    panels[0].set_yticks(range(len(names)), [n.replace("_", " ") for n in names])
    panels[0].set_ylim(max(len(names), 1) - 0.5, -0.5)

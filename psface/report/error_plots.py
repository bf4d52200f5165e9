"""Plots of the report on errors: DET, identification and groups."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator
from scipy.special import ndtri

from psface.report.plotting import log_x, plt

TICKS = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.95)
BAND, MARK = "#2a7fb8", "#d1382c"


def draw_det(det: pd.DataFrame, errors: pd.DataFrame, title: str, path: Path) -> None:
    """Draw the detection error trade-off on normal-deviate axes, with its 95% band.

    On these axes, scores with normal distributions give straight lines (Martin et al., 1997). What
    is 0 is drawn at the lower edge.
    """
    figure, axes = plt.subplots(figsize=(5.5, 5), layout="constrained")
    across, up = _ends(det[["fmr"]]), _ends(det[["fnmr", "low", "high"]])
    x = ndtri(det["fmr"].clip(*across))
    if det["low"].notna().any():
        low, high = (ndtri(det[name].clip(*up)) for name in ("low", "high"))
        axes.fill_between(x, low, high, color=BAND, alpha=0.2, lw=0, label="95% band by people")
    axes.plot(x, ndtri(det["fnmr"].clip(*up)), color=BAND, label="all test people", clip_on=False)
    told = errors[errors["fnmr"].notna() & errors["fmr_seen"].gt(0)]
    axes.plot(
        ndtri(told["fmr_seen"].clip(*across)), ndtri(told["fnmr"].clip(*up)),
        "o", color=MARK, ms=4, label="FMR of the table",
    )  # fmt: skip
    for axis, (least, most) in ((axes.xaxis, across), (axes.yaxis, up)):
        ticks = [t for t in TICKS if least <= t <= most]
        axis.set_ticks(ndtri(ticks).tolist(), [f"{t:g}" for t in ticks], fontsize=8)
    axes.set_xlim(*ndtri(across))
    axes.set_ylim(*ndtri(up))
    axes.set_xlabel("false match rate (FMR)")
    axes.set_ylabel("false non-match rate (FNMR)")
    axes.set_title(title, fontsize=10)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _ends(rates: pd.DataFrame) -> tuple[float, float]:
    """The ends of an axis that shows some rates; what is 0 or 1 lies on an edge."""
    seen = rates.where(rates > 0)
    least = 1e-3 if seen.isna().all().all() else float(seen.min().min())
    most = next((top for top in (0.5, *TICKS[-3:]) if rates.max().max() <= top), 0.99)
    return min(least / 1.5, 0.1), most


def draw_identification(
    fnir: pd.DataFrame, cmc: pd.DataFrame, table: pd.DataFrame, path: Path
) -> None:
    """Draw FNIR against FPIR for each size of the gallery, with intervals, and the rank curve."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 4), layout="constrained")
    for number, (size, curve) in enumerate(fnir.groupby("gallery", sort=False)):
        seen = curve[curve["fpir"] > 0]
        colour = f"C{number}"
        left.step(seen["fpir"], seen["fnir"], color=colour, where="post", label=f"{size:g} people")
        points = table[(table["gallery"] == size) & table["fnir"].notna()]
        spread = np.abs(points[["low", "high"]].to_numpy().T - points["fnir"].to_numpy())
        if points["low"].notna().all() and len(points):
            left.errorbar(points["fpir"], points["fnir"], spread, fmt="o", ms=3, color=colour)
    if len(fnir):
        log_x(left)
        left.legend(title="in the gallery", fontsize=8, title_fontsize=8)
    left.set_ylim(0, None)
    left.set_xlabel("false positive identification rate (FPIR)")
    left.set_ylabel("false negative identification rate (FNIR)")
    right.plot(cmc["rank"], cmc["hit_rate"], "o-", ms=3)
    right.set_ylim(None, 1.005)
    right.set_xlabel("rank")
    right.set_ylabel("share of probes found (CMC)")
    for axes in (left, right):
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def draw_groups(groups: pd.DataFrame, path: Path) -> None:
    """Draw each group's FMR, FNMR and FTA with its interval; found differences are red."""
    rates = list(dict.fromkeys(groups["rate"])) or ["FMR"]
    names = list(dict.fromkeys(groups["attribute"] + ": " + groups["group"]))
    height = max(1.6, 0.3 * len(names) + 1)
    figure, grid = plt.subplots(
        1, len(rates), figsize=(9.5, height), sharey=True, squeeze=False, layout="constrained"
    )
    for axes, rate in zip(grid[0], rates, strict=True):
        for row in groups[groups["rate"] == rate].itertuples():
            place = names.index(f"{row.attribute}: {row.group}")
            told = row.verdict in ("worse", "better")
            colour = MARK if told else "0.7" if "cannot tell" in row.verdict else BAND
            axes.plot([row.low, row.high], [place, place], color=colour, lw=2, alpha=0.6)
            axes.plot([row.value], [place], "o", color=colour, ms=4)
        axes.set_xlim(left=0)
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.set_xlabel(rate)
        axes.grid(alpha=0.3)
    grid[0, 0].set_yticks(range(len(names)), names, fontsize=8)
    grid[0, 0].set_ylim(max(len(names), 1) - 0.5, -0.5)
    figure.suptitle(
        "with 95% intervals by people; red: differs from the others; grey: too few people",
        fontsize=9,
    )
    figure.savefig(path, dpi=110)
    plt.close(figure)

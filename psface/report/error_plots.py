"""Plots of the report on errors: DET, identification and groups."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import ndtri

from psface.report.plotting import log_x, plt

TICKS = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.05, 0.1, 0.2, 0.4)
BAND, MARK = "#2a7fb8", "#d1382c"


def draw_det(det: pd.DataFrame, errors: pd.DataFrame, title: str, path: Path) -> None:
    """Draw the detection error trade-off on normal-deviate axes, with its 95% band.

    On these axes, scores with normal distributions give straight lines (Martin et al., 1997). What
    is 0 is drawn at the lower edge.
    """
    figure, axes = plt.subplots(figsize=(5.5, 5), layout="constrained")
    floor = _floor(det)
    x, low, y, high = (
        ndtri(np.clip(det[name], floor, 0.6)) for name in ("fmr", "low", "fnmr", "high")
    )
    if det["low"].notna().any():
        axes.fill_between(x, low, high, color=BAND, alpha=0.2, lw=0, label="95% band by people")
    axes.plot(x, y, color=BAND, label="all test people")
    told = errors[errors["fnmr"].notna() & errors["fmr_seen"].gt(0)]
    axes.plot(
        ndtri(np.clip(told["fmr_seen"], floor, 0.6)), ndtri(np.clip(told["fnmr"], floor, 0.6)),
        "o", color=MARK, ms=4, label="FMR of the table",
    )  # fmt: skip
    for axis in (axes.xaxis, axes.yaxis):
        ticks = [t for t in TICKS if t >= floor]
        axis.set_ticks(ndtri(ticks).tolist(), [f"{t:g}" for t in ticks], fontsize=8)
    axes.set_xlim(ndtri(floor), ndtri(0.5))
    axes.set_ylim(ndtri(floor), ndtri(0.5))
    axes.set_xlabel("false match rate (FMR)")
    axes.set_ylabel("false non-match rate (FNMR)")
    axes.set_title(title, fontsize=10)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _floor(det: pd.DataFrame) -> float:
    """The lowest rate of the axes."""
    least = det["fmr"].min() if len(det) else 1e-3
    return float(max(1e-7, least / 1.5))


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

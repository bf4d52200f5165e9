"""Plots of verification: score distributions, worst pairs, scores against severity."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from psface.faces.modalities import Map
from psface.report.map_colours import as_images
from psface.report.plotting import plt

GENUINE, IMPOSTOR = "#2a7fb8", "#d1582c"
Shown = tuple[np.ndarray, str]  # a crop (C, S, S) and its name


def draw_scores(cosine: np.ndarray, same: np.ndarray, threshold: float | None, path: Path) -> None:
    """Draw the score histograms of both kinds of pairs over each other."""
    figure, axes = plt.subplots(figsize=(6.5, 4), layout="constrained")
    bins = np.linspace(min(cosine.min(), -0.2), 1, 81).tolist()
    kinds = ((~same, IMPOSTOR, "different people"), (same, GENUINE, "one person"))
    for chosen, colour, kind in kinds:
        axes.hist(
            cosine[chosen], bins, density=True, alpha=0.55, color=colour,
            label=f"{kind} ({int(chosen.sum())} pairs)",
        )  # fmt: skip
    if threshold is not None:
        far, missed = (cosine[~same] >= threshold).mean(), (cosine[same] < threshold).mean()
        label = f"threshold {threshold:.8g}: FAR {far:.3g}, FRR {missed:.3g}"
        axes.axvline(threshold, color="0.2", ls="--", label=label)
    axes.set_xlabel("cosine")
    axes.set_ylabel("density")
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def draw_worst(
    name: Map,
    genuine: Sequence[tuple[Shown, Shown, float]],
    impostor: Sequence[tuple[Shown, Shown, float]],
    path: Path,
) -> None:
    """Draw the least similar pairs of one person (left) and the most similar of two (right)."""
    count = max(len(genuine), len(impostor), 1)
    figure, grid = plt.subplots(
        count, 4, figsize=(7.5, 1.75 * count), squeeze=False, layout="constrained"
    )
    for axes in grid.flat:
        axes.axis("off")
    for column, (pairs, kind) in enumerate(((genuine, "one person"), (impostor, "two people"))):
        for row, (first, second, cosine) in zip(grid, pairs, strict=False):
            for axes, (crop, title) in zip(row[2 * column :], (first, second), strict=False):
                axes.imshow(as_images(name, crop[None])[0])
                axes.set_title(_short(title), fontsize=6, pad=2)
            row[2 * column].text(
                0, 0, f"{kind} {cosine:.3f}", transform=row[2 * column].transAxes,
                fontsize=7, color="white", va="bottom", backgroundcolor="black",
            )  # fmt: skip
    figure.savefig(path, dpi=100)
    plt.close(figure)


def _short(name: str) -> str:
    return "/".join(name.split("/")[-2:])[-32:]


def draw_degradations(levels: pd.DataFrame, threshold: float | None, path: Path) -> None:
    """Draw scores against the severity of each degradation: the median, 5% and 95% quantiles of
    both kinds of pairs, if their faces are found."""
    clean = levels[levels["degradation"] == "none"]
    kinds = [name for name in levels["degradation"].unique() if name != "none"]
    figure, grid = plt.subplots(
        2, -(-len(kinds) // 2), figsize=(13, 6), sharey=True, squeeze=False, layout="constrained"
    )
    for axes, kind in zip(grid.flat, kinds, strict=False):
        rows = pd.concat([clean, levels[levels["degradation"] == kind]])
        places = np.arange(len(rows))
        for name, colour in (("genuine", GENUINE), ("impostor", IMPOSTOR)):
            axes.plot(places, rows[f"{name}_p50"], "o-", color=colour, label=f"{name} pairs")
            axes.fill_between(
                places, rows[f"{name}_p05"], rows[f"{name}_p95"], color=colour, alpha=0.2
            )
        if threshold is not None:
            axes.axhline(threshold, color="0.2", ls="--", lw=0.8)
        names = ["clean", *(f"{severity:g}" for severity in rows["severity"][1:])]
        lost = [f"\n{count} not found" if count else "" for count in rows["not_found"]]
        ticks = zip(names, rows["auc"], lost, strict=True)
        axes.set_xticks(places, [f"{n}\nAUC {a:.3f}{m}" for n, a, m in ticks], fontsize=6.5)
        axes.set_title(kind, fontsize=10)
        axes.set_xlabel(rows["unit"].iloc[-1], fontsize=8)
        axes.grid(alpha=0.3)
    grid[0, 0].legend(fontsize=8)
    for row in grid:
        row[0].set_ylabel("cosine with the clean capture")
    figure.savefig(path, dpi=100)
    plt.close(figure)

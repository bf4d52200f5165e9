"""Write the report of a benchmark, and print it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from psface.commands.transfer.transfer_tables import (
    MODEL,
    TUNED,
    Tested,
    differences_table,
    draws_table,
    transfer_table,
)
from psface.files import replacing
from psface.report.plotting import plt
from psface.user_tables import safe

PICTURED = {"auc": "identity AUC", "rank1": "rank-1, one capture enrolled"}
TITLES = {
    "auc": "AUC",
    "eer": "EER",
    "tar_at_far_1e-2": "TAR at FAR 1e-2",
    "tar_at_far_1e-3": "TAR at FAR 1e-3",
    "rank1": "rank-1",
}


def write_transfer(out: Path, results: list[Tested], about: dict[str, object]) -> None:
    """Write ``transfer.csv``, ``differences.csv``, ``draws.csv`` if anything was trained, all of
    them as ``transfer.json``, and ``transfer.png``."""
    tables = {"transfer": transfer_table(results), "differences": differences_table(results)}
    if len(draws := draws_table(results)):
        tables["draws"] = draws
    for name, table in tables.items():
        with replacing(out / f"{name}.csv") as path:
            safe(table.round(4)).to_csv(path, index=False)
    with replacing(out / "transfer.json") as path:
        rows = {n: json.loads(t.round(4).to_json(orient="records")) for n, t in tables.items()}
        path.write_text(json.dumps({**about, **rows}, indent=2) + "\n", encoding="utf-8")
    with replacing(out / "transfer.png") as path:
        draw_transfer(tables["transfer"], path)


def shown(results: list[Tested]) -> str:
    """The tables as text."""
    parts = []
    for tested, table in zip(results, _grouped(transfer_table(results)), strict=True):
        trained = headline(tested.people, len(tested.draws))
        parts.append(f"{trained}; tested on {tested.captures:.0f} captures")
        cells = {title: table.apply(_cell, axis=1, name=n) for n, title in TITLES.items()}
        text = pd.DataFrame(cells).set_axis(table["method"].rename(None)).to_string()
        parts.append(text)
    for row in differences_table(results).to_dict("records"):
        trained = f" on {row['people']} people" if row["people"] else ""
        certain = "" if row["excludes_zero"] else ", which may be chance"
        parts.append(
            f"{row['method']}{trained}, {TITLES[row['figure']]}: {row['better_by']:+.3f} "
            f"[{row['low']:+.3f}, {row['high']:+.3f}] to {row['against']}{certain}"
        )
    return "\n".join(parts)


def headline(people: int, draws: int) -> str:
    """What was trained."""
    return f"fine-tuned on {people} people, mean of {draws} draws" if people else "nothing trained"


def _grouped(table: pd.DataFrame) -> list[pd.DataFrame]:
    return [rows for _, rows in table.groupby("people", sort=True)]


def _cell(row: pd.Series, name: str) -> str:
    if np.isnan(row[name]):
        return "-"
    return f"{row[name]:.3f} [{row[f'{name}_low']:.3f}, {row[f'{name}_high']:.3f}]"


def draw_transfer(table: pd.DataFrame, path: Path) -> None:
    """Draw AUC and rank-1 of every method with their intervals, a block per number of people.

    Parameters
    ----------
    table : DataFrame
        Of `transfer_table`.
    """
    groups = _grouped(table)
    lines = sum(len(rows) + 1 for rows in groups)
    figure, panels = plt.subplots(
        1, len(PICTURED), figsize=(10, 1.2 + 0.27 * lines), sharey=True, layout="constrained"
    )
    colours = {MODEL: "#1f77b4", TUNED: "#d1382c"}
    ticks: dict[float, str] = {}
    height = 0.0
    for rows in groups:
        trained = headline(*map(int, rows.iloc[0][["people", "draws"]]))
        panels[0].text(
            0.01, height, trained, fontsize=8, va="center", weight="bold",
            transform=panels[0].get_yaxis_transform(),
        )  # fmt: skip
        for row in rows.to_dict("records"):
            height -= 1
            ticks[height] = row["method"]
            for axes, name in zip(panels, PICTURED, strict=True):
                ends = [row[f"{name}_low"], row[f"{name}_high"]]
                colour = colours.get(row["method"], "0.45")
                axes.plot(ends, [height, height], color=colour, lw=2)
                axes.plot(row[name], height, "o", color=colour, ms=5)
                axes.annotate(
                    f"{row[name]:.3f}", (row[name], height), (0, 4), fontsize=6.5,
                    textcoords="offset points", ha="center", color=colour,
                )  # fmt: skip
        height -= 1.3
    for axes, title in zip(panels, PICTURED.values(), strict=True):
        axes.set_xlabel(f"{title} (95% interval over people)")
        axes.grid(axis="x", alpha=0.3)
        axes.tick_params(axis="y", length=0)
    figure.suptitle("grey: without any training, on the same crops", fontsize=8, color="0.35")
    panels[0].set_yticks(list(ticks), list(ticks.values()), fontsize=8)
    panels[0].set_ylim(height + 0.7, 0.8)
    figure.savefig(path, dpi=130)
    plt.close(figure)

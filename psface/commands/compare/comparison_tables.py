"""Tables that compare runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from psface.commands.compare.comparison_sentences import between_say
from psface.commands.compare.results import Result
from psface.measures.intervals import interval
from psface.measures.paired import Measured, paired_p

# Metric, heading, and whether higher is better; None for the floors, which describe the data, not
# the runs.
COLUMNS = (
    ("eer", "EER", False),
    ("tar_at_far_1e-2", "TAR at FAR 1e-2", True),
    ("tar_at_far_1e-3", "TAR at FAR 1e-3", True),
    ("rank1", "rank-1", True),
    ("rank5", "rank-5", True),
    ("pixel_auc", "pixel AUC", None),
    ("pca_auc", "PCA AUC", None),
)


def comparison_table(
    runs: Mapping[str, Sequence[Result]], measured: Mapping[str, Measured], attributes: list[str]
) -> pd.DataFrame:
    """A row per run: identity AUC with interval and spread, and means over seeds of `COLUMNS` and
    of the attributes' AUCs."""
    rows = []
    for run, seeds in runs.items():
        m = measured[run]
        row: dict[str, Any] = {
            "run": run,
            "seeds": len(seeds),
            "identity AUC": m.mean,
            "low": m.low,
            "high": m.high,
            "spread": m.spread,
        }
        row |= {heading: mean_of(seeds, metric) for metric, heading, _ in COLUMNS}
        row |= {a.replace("_", " "): mean_of(seeds, f"{a}_auc") for a in attributes}
        rows.append(row)
    return pd.DataFrame(rows)


def detectors_table(path: Path) -> dict[str, Any] | None:
    """The survey's table for the page, with columns as (name, heading, digits); None if there was
    no survey."""
    if not path.exists():
        return None
    table = pd.read_csv(path)
    sides = [name for name in map(str, table) if name.startswith("ms_at_")]
    columns: list[tuple[str, str, int, bool | None]] = [
        ("average_precision", "AP", 3, True),
        ("precision", "precision", 3, True),
        ("recall", "recall", 3, True),
        ("landmark_error", "landmark error", 3, False),
        *((name, f"ms at {name.removeprefix('ms_at_')} px", 1, False) for name in sides),
        ("video_fps", "video, frames/s", 1, True),
        ("peak_mib", "peak MiB", 0, False),
        ("parameters", "parameters", 0, None),
        ("weight_bytes", "weights, bytes", 0, None),
    ]
    return {
        "columns": [(name, heading, digits) for name, heading, digits, _ in columns],
        "rows": marked(table, [(name, higher) for name, _, _, higher in columns]),
        "faces": int(table["faces"].iloc[0]),
        "says": between_say(
            table.rename(columns={"detector": "run"}), "average_precision", "Average precision"
        ),
    }


def mean_of(seeds: Sequence[Result], metric: str) -> float | None:
    """The mean of a metric over seeds; None if a seed lacks it."""
    values = [value for seed in seeds if (value := seed.metrics.get(metric)) is not None]
    return float(np.mean(values)) if len(values) == len(seeds) else None


def marked(table: pd.DataFrame, columns: Sequence[tuple[str, bool | None]]) -> list[dict[str, Any]]:
    """Rows of the table; ``best`` lists the columns in which a row is best."""
    rows: list[dict[str, Any]] = [
        {str(k): None if isinstance(v, float) and np.isnan(v) else v for k, v in row.items()}
        for row in table.to_dict("records")
    ]
    for row in rows:
        row["best"] = []
    for column, higher in columns:
        known = [row[column] for row in rows if row[column] is not None]
        if len(known) > 1 and higher is not None:
            best = max(known) if higher else min(known)
            for row in rows:
                if row[column] == best:
                    row["best"].append(column)
    return rows


def paired_table(measured: Mapping[str, Measured]) -> pd.DataFrame:
    """A row per ordered pair of runs: the difference of their AUCs, its 95% interval by resampling
    people, and p."""
    rows = []
    for run, a in measured.items():
        for other, b in measured.items():
            if run != other:
                low, high = interval(a.resampled - b.resampled)
                rows.append(
                    {
                        "run": run,
                        "other": other,
                        "difference": a.mean - b.mean,
                        "low": low,
                        "high": high,
                        "p": paired_p(a, b),
                    }
                )
    return pd.DataFrame(rows, columns=["run", "other", "difference", "low", "high", "p"])


def leakage_table(runs: Mapping[str, Sequence[Result]]) -> pd.DataFrame:
    """Columns run, attribute, linear, mlp: the probes' AUCs, means over seeds."""
    parts = []
    for run, seeds in runs.items():
        every = pd.concat([seed.tables["leakage"] for seed in seeds])
        mean = every.pivot_table(index="attribute", columns="probe", values="auc", sort=False)
        parts.append(mean.reset_index().assign(run=run))
    # Data without attributes give no rows, and not even these columns.
    return pd.concat(parts, ignore_index=True).reindex(
        columns=["run", "attribute", "linear", "mlp"]
    )


def pivot_leaks(leaks: pd.DataFrame) -> list[dict[str, Any]]:
    """A row per run: its name, and the two probes' AUCs by attribute."""
    return [
        {"run": run, "of": {r.attribute: (r.linear, r.mlp) for r in rows.itertuples()}}
        for run, rows in leaks.groupby("run", sort=False)
    ]


def conditions_table(runs: Mapping[str, Sequence[Result]]) -> list[dict[str, Any]]:
    """A row per attribute and condition in the data, with figures by run: means over the seeds
    that have them."""
    parts = []
    for run, seeds in runs.items():
        every = pd.concat([seed.tables["conditions"] for seed in seeds])
        mean = every.groupby(["attribute", "condition"], sort=False).mean(numeric_only=True)
        parts.append(mean.reset_index().assign(run=run))
    table = pd.concat(parts, ignore_index=True)
    out = []
    for (attribute, condition), rows in table.groupby(["attribute", "condition"], sort=False):
        if not rows[["genuine", "probes"]].to_numpy().any():
            continue  # the data have no such captures
        shown = rows.astype(object).where(rows.notna(), None)
        out.append(
            {
                "attribute": str(attribute).replace("_", " "),
                "condition": condition,
                "genuine": int(rows["genuine"].iloc[0]),
                "probes": int(rows["probes"].iloc[0]),
                "of": {r["run"]: r for r in shown.to_dict("records")},
            }
        )
    return out

"""Compare the runs of ``params.yaml``'s ``compare`` section on one page."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from jinja2 import Environment
from tqdm import tqdm

from psface.commands.compare.charts import leakage_chart, reject_chart, roc_chart, training_chart
from psface.commands.compare.compare_params import Sections
from psface.commands.compare.experiments import base_params
from psface.commands.compare.results import Result, by_run, read_results
from psface.files import replacing
from psface.measures.intervals import interval
from psface.measures.paired import Measured, check_same_captures, measure, paired_p
from psface.report.pages import templates

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
WEBP_QUALITY = 70


def compare(params: Sections, out: Path) -> tuple[int, list[str]]:
    """Write ``comparison.html``, ``comparison.csv`` and ``paired.csv`` to ``out``.

    Returns
    -------
    runs : int
    missing : list of str
        Names of unfinished experiments.

    Raises
    ------
    UserError
        If none is finished, or they were tested on different captures.
    """
    results, missing = read_results(params.compare)
    runs = by_run(results)
    check_same_captures([r.scores for r in results])
    measured = {
        run: measure([r.scores for r in seeds], params.seed)
        for run, seeds in tqdm(runs.items(), desc="resampling people", unit="run")
    }
    table = comparison_table(runs, measured, list(params.attributes))
    paired = paired_table(measured)
    leaks = leakage_table(runs)
    first = next(iter(runs.values()))[0]
    page = _environment().get_template("comparison.html.j2").render(
        people=first.details["test_people"],
        captures=first.details["test_captures"],
        source=params.ingest.source,
        missing=missing,
        seeds={run: len(seeds) for run, seeds in runs.items()},
        table=marked(table, [("identity AUC", True), *((h, b) for _, h, b in COLUMNS)]),
        columns=[heading for _, heading, _ in COLUMNS],
        attributes=[name.replace("_", " ") for name in params.attributes],
        paired=paired[paired["run"] == next(iter(runs))].to_dict("records"),
        reference=next(iter(runs)),
        roc=roc_chart(runs),
        training=training_chart(runs),
        leakage=leakage_chart(leaks),
        leaks=pivot_leaks(leaks),
        conditions=conditions_table(runs),
        reject=reject_chart(first.tables["reject"]),
        quality=_of_interest(first.details, ("quality_gain", "magnitude_vs")),
        pictures={run: {n: _webp(seeds[0].pictures[n]) for n in ("conditions", "probes")}
                  for run, seeds in runs.items()},
        faces=_webp(first.pictures["faces"]),
        split=_webp(first.pictures["split"]),
        settings={run: " ".join(s[0].experiment.settings[:-1]) for run, s in runs.items()},
        parameters=base_params(),
        detectors=detectors_table(out / "survey" / "survey.csv"),
    )  # fmt: skip
    for name, frame in (("comparison", table), ("paired", paired)):
        with replacing(out / f"{name}.csv") as path:
            frame.round(6).to_csv(path, index=False)
    with replacing(out / "comparison.html") as path:
        path.write_text(page, encoding="utf-8")
    return len(runs), missing


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


def _of_interest(metrics: Mapping[str, Any], prefixes: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in metrics.items() if name.startswith(prefixes)}


def _webp(png: bytes) -> str:
    """Recompress a picture, as base64."""
    image = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None  # our own file
    _, data = cv2.imencode(".webp", image, [cv2.IMWRITE_WEBP_QUALITY, WEBP_QUALITY])
    return base64.b64encode(data.tobytes()).decode()


def _environment() -> Environment:
    environment = templates("psface.commands.compare.comparison")
    environment.filters["number"] = _number
    return environment


def _number(value: float | None, digits: int = 4) -> str:
    return "\N{EN DASH}" if value is None else f"{value:.{digits}f}"

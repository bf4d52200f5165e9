"""Compare the runs of ``params.yaml``'s ``compare`` section on one page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment
from tqdm import tqdm

from psface.commands.compare.charts import (
    leakage_chart,
    mean_validation,
    reject_chart,
    roc_chart,
    training_chart,
)
from psface.commands.compare.compare_params import Sections
from psface.commands.compare.comparison_sentences import (
    attributes_say,
    between_say,
    conditions_say,
    leakage_say,
    paired_say,
    runs_say,
    training_say,
)
from psface.commands.compare.comparison_tables import (
    COLUMNS,
    comparison_table,
    conditions_table,
    detectors_table,
    leakage_table,
    marked,
    paired_table,
    pivot_leaks,
)
from psface.commands.compare.experiments import base_params
from psface.commands.compare.results import Result, by_run, read_results
from psface.files import replacing
from psface.measures.paired import check_same_captures, measure
from psface.report.data_set_name import data_set_name
from psface.report.embedded_pictures import embedded
from psface.report.page_sections import Picture
from psface.report.pages import templates
from psface.report.run_sentences import rejects_say
from psface.report.wording import spoken


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
    leaks, conditions = leakage_table(runs), conditions_table(runs)
    reference, (first, *_) = next(iter(runs.items()))
    against = paired[paired["run"] == reference].to_dict("records")
    page = _environment().get_template("comparison.html.j2").render(
        people=first.details["test_people"],
        captures=first.details["test_captures"],
        data_set=data_set_name(params.ingest),
        source=params.ingest.source,
        says=_sentences(params, runs, table, paired, leaks, conditions),
        missing=missing,
        seeds={run: len(seeds) for run, seeds in runs.items()},
        table=marked(table, [("identity AUC", True), *((h, b) for _, h, b in COLUMNS)]),
        columns=[heading for _, heading, _ in COLUMNS],
        attributes=[name.replace("_", " ") for name in params.attributes],
        paired=against,
        reference=reference,
        roc=roc_chart(runs),
        training=training_chart(runs),
        leakage=leakage_chart(leaks),
        leaks=pivot_leaks(leaks),
        conditions=conditions,
        reject=reject_chart(first.tables["reject"]),
        quality=_of_interest(first.details, ("quality_gain", "magnitude_vs")),
        pictures={run: _probes(run, seeds[0].pictures) for run, seeds in runs.items()},
        faces=embedded(first.pictures["faces"], "Crops of some faces, by person", "Some crops."),
        split=embedded(first.pictures["split"], "Class shares before and after the split",
                       "Class shares before and after the split."),
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


def _of_interest(metrics: Mapping[str, Any], prefixes: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in metrics.items() if name.startswith(prefixes)}


def _probes(run: str, pictures: Mapping[str, bytes]) -> dict[str, Picture]:
    return {
        "conditions": embedded(
            pictures["conditions"],
            f"Probes of {run} whose gallery capture differs in an attribute, with the nearest "
            "gallery faces",
            "Probes whose gallery capture differs in an attribute, misses before hits: probe, own "
            "gallery capture, nearest five; a tick marks the probe's person.",
        ),
        "probes": embedded(
            pictures["probes"],
            f"Probes of {run} with the nearest gallery faces",
            "Any probes, misses before hits.",
        ),
    }


def _sentences(
    params: Sections,
    runs: Mapping[str, Sequence[Result]],
    table: pd.DataFrame,
    paired: pd.DataFrame,
    leaks: pd.DataFrame,
    conditions: list[dict[str, Any]],
) -> dict[str, str]:
    """What each section says."""
    reference = next(iter(runs))
    attributes = [spoken(name) for name in params.attributes]
    against = [row for row in paired.to_dict("records") if row["run"] == reference]
    return {
        "runs": runs_say(table, paired),
        "paired": paired_say(against, reference, int(table["seeds"].min())),
        "roc": between_say(table, "TAR at FAR 1e-2", "At FAR 0.01, TAR"),
        "attributes": attributes_say(table, attributes),
        "leakage": leakage_say(leaks) if len(leaks) else "",
        "conditions": conditions_say(conditions),
        "probes": between_say(table, "rank-1", "Rank-1"),
        "quality": rejects_say(runs[reference][0].tables["reject"]),
        "training": training_say({run: mean_validation(of) for run, of in runs.items()}),
    }


def _environment() -> Environment:
    environment = templates("psface.commands.compare.comparison")
    environment.filters["number"] = _number
    return environment


def _number(value: float | None, digits: int = 4) -> str:
    return "\N{EN DASH}" if value is None else f"{value:.{digits}f}"

"""Write the tables and plots of errors, and read the tables again."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from psface.files import reading, replacing
from psface.measures.error_summary import ErrorSummary
from psface.report.error_plots import draw_det, draw_groups, draw_identification

FACTS = "facts.json"
TABLES = (
    "errors", "det", "failures", "identification", "fnir", "cmc", "groups", "group_pairs",
    "group_indices", "templates", "group_quality",
)  # fmt: skip
# Columns of text, which pandas would take for numbers if groups are called 1 and 2.
TEXTS = (
    "attribute", "group", "first", "second", "rate", "index", "against", "pooling", "measure",
    "verdict", "test", "note",
)  # fmt: skip


def write_errors(out: Path, title: str, summary: ErrorSummary) -> None:
    """Write a CSV per table, ``facts.json``, ``det.png``, ``identification.png`` and
    ``groups.png``; ``title`` says what was tested."""
    tables = summary.tables
    for name, table in tables.items():
        with replacing(out / f"{name}.csv") as path:
            # Thresholds are not rounded: a pair's score may equal one.
            rounded = table.round({c: 8 for c in table.columns if c != "threshold"})
            rounded.to_csv(path, index=False)
    facts = {name: _finite(value) for name, value in summary.facts.items()}
    with replacing(out / FACTS) as path:
        content = {"facts": facts, "no_searches": summary.no_searches}
        path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    with replacing(out / "det.png") as path:
        draw_det(tables["det"], tables["errors"], title, path)
    with replacing(out / "identification.png") as path:
        draw_identification(tables["fnir"], tables["cmc"], tables["identification"], path)
    with replacing(out / "groups.png") as path:
        draw_groups(tables["groups"], path)


def _finite(value: float | int | None) -> float | int | None:
    """A number as JSON has it: a threshold above all scores is infinite."""
    return value if value is None or math.isfinite(value) else None


def read_errors(folder: Path) -> ErrorSummary:
    """Read what `write_errors` wrote of an evaluation, rounded as it is there.

    Raises
    ------
    UserError
        If a file is missing or unreadable; the message names the stage to run.
    """
    with reading(folder / FACTS, "evaluate"):
        content = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        facts, no_searches = content["facts"], content["no_searches"]
    return ErrorSummary(
        facts, {name: read_figures(folder / f"{name}.csv") for name in TABLES}, no_searches
    )


def read_figures(path: Path, stage: str = "evaluate", texts: Sequence[str] = TEXTS) -> pd.DataFrame:
    """Read a table of figures, whose columns ``texts`` may be empty or say None."""
    with reading(path, stage):
        table = pd.read_csv(
            path, dtype=dict.fromkeys(texts, str), keep_default_na=False, na_values=[""]
        )
    named = [name for name in texts if name in table]
    return table.fillna(dict.fromkeys(named, "")) if named else table

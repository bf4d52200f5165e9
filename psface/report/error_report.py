"""Write the report on errors: tables, plots and one page that prints."""

from __future__ import annotations

import base64
from pathlib import Path

from psface.files import replacing
from psface.measures.error_summary import ErrorSummary
from psface.report.error_page import error_page
from psface.report.error_plots import draw_det, draw_groups, draw_identification

PLOTS = ("det", "identification", "groups")


def write_error_report(out: Path, title: str, measured_on: str, summary: ErrorSummary) -> None:
    """Write a CSV per table, ``det.png``, ``identification.png``, ``groups.png`` and
    ``report.html``.

    Parameters
    ----------
    title : str
        What was tested.
    measured_on : str
        On what.
    """
    tables = summary.tables
    for name, table in tables.items():
        with replacing(out / f"{name}.csv") as path:
            # Thresholds are not rounded: a pair's score may equal one.
            rounded = table.round({c: 8 for c in table.columns if c != "threshold"})
            rounded.to_csv(path, index=False)
    with replacing(out / "det.png") as path:
        draw_det(tables["det"], tables["errors"], title, path)
    with replacing(out / "identification.png") as path:
        draw_identification(tables["fnir"], tables["cmc"], tables["identification"], path)
    with replacing(out / "groups.png") as path:
        draw_groups(tables["groups"], path)
    pictures = {name: _embedded(out / f"{name}.png") for name in PLOTS}
    with replacing(out / "report.html") as path:
        path.write_text(error_page(title, measured_on, summary, pictures), encoding="utf-8")


def _embedded(path: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"

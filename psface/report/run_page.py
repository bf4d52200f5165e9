"""The page of one run, or of any system's scores, from its template."""

from __future__ import annotations

from collections.abc import Iterable

from psface.measures.error_summary import ErrorSummary
from psface.report.error_plots import plot_det
from psface.report.error_sections import error_sections
from psface.report.first_answers import answers
from psface.report.page_sections import Section
from psface.report.pages import templates
from psface.report.svg_charts import svg_chart


def run_page(
    title: str, measured_on: str, summary: ErrorSummary, sections: Iterable[Section] = ()
) -> str:
    """The page as HTML: first what it measured in short, then errors, then other ``sections``.

    Parameters
    ----------
    title : str
        What was tested.
    measured_on : str
        On what.
    """
    det, errors = summary.tables["det"], summary.tables["errors"]
    page = templates("psface.report").get_template("run_page.html.j2")
    return page.render(
        title=title,
        answers=answers(summary, measured_on),
        det=svg_chart(
            "Detection error trade-off: FNMR against FMR",
            lambda axes: plot_det(axes, det, errors),
            (7, 5.2),
        ),
        sections=[*error_sections(summary), *sections],
    )

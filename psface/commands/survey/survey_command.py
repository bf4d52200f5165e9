"""``psface survey``: compare face detectors."""

from __future__ import annotations

from pathlib import Path

import click

from psface.commands.arguments import out_option
from psface.commands.survey.survey_params import SurveyParams
from psface.config import Selection, load


class Sections(Selection):
    survey: SurveyParams


@click.command(epilog="Example: psface survey --out reports/survey")
@out_option("reports/survey")
def survey(out: Path) -> None:
    """Compare face detectors on annotated pictures, by section survey of params.yaml.

    Exit status: 0; 1 if no detector can be measured; 2 for wrong arguments.
    """
    from psface.commands.survey.surveying import survey as measure

    table, unavailable = measure(load(Sections).survey, out)
    shown = table.drop(columns=["licence", "parameters", "weight_bytes", "faces"])
    print(shown.round(3).to_string(index=False, na_rep="-"))
    for name, reason in unavailable.items():
        print(f"not surveyed: {name}: {reason}")
    print(f"survey: {len(table)} detectors ({out / 'survey.csv'}, {out / 'survey.png'})")

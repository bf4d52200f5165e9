"""The first lines of a page: how good, how sure, for whom not, on what."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from psface.measures.error_summary import ErrorSummary
from psface.report.error_sentences import USUAL, auc_says, failures_say, groups_say
from psface.report.wording import Row, number, percent, with_interval


def answers(summary: ErrorSummary, measured_on: str) -> list[tuple[str, str]]:
    """Questions and their answers.

    Parameters
    ----------
    measured_on : str
        What was measured: the data set's name, and its size if known.
    """
    facts, errors = summary.facts, summary.tables["errors"]
    told = errors[errors["fnmr"].notna()]
    good = [
        *(_in_words(row) for row in told[told["fmr"] == USUAL].to_dict("records")),
        auc_says(facts),
        *(
            f"at FMR {row['fmr']:g}: FNMR {with_interval(row, 'fnmr')}"
            for row in told.to_dict("records")
        ),
        *(
            f"of {number(row['gallery'])} enrolled at FPIR {row['fpir']:g}: FNIR "
            + with_interval(row, "fnir")
            for row in summary.tables["identification"].head(1).to_dict("records")
            if not pd.isna(row["fnir"])
        ),
    ]
    failed = failures_say(summary.tables["failures"])
    return [
        ("How good?", "; ".join(good) + "."),
        ("How sure?", _how_sure(facts, errors)),
        ("For whom not?", groups_say(summary.tables["groups"])),
        ("Measured on what?", f"{measured_on} {_counts(facts)} {failed}"),
    ]


def _in_words(row: Row) -> str:
    """The trade-off at one threshold without any term."""
    said = (
        f"A threshold that {percent(row['fmr'])} of the pairs of two people pass at most is passed "
        f"by {percent(1 - row['fnmr'])} of the pairs of one person"
    )
    if pd.isna(row["fnmr_low"]):
        return said
    return f"{said} [{percent(1 - row['fnmr_high'])}, {percent(1 - row['fnmr_low'])}]"


def _how_sure(facts: Mapping[str, float | int | None], errors: pd.DataFrame) -> str:
    if facts["people"] is None:
        return "Not told: the people are not known, and pairs of one person err together."
    sure = f"Intervals are of 95%, by resampling {facts['people']} people."
    if (other := errors[errors["other_fmr"].notna()]).size:
        row = other.iloc[-1]
        sure += (
            f" A threshold for FMR {row['fmr']:g} set on half of the people gives FMR "
            f"{number(row['other_fmr'])} and FNMR {number(row['other_fnmr'])} on the other half."
        )
    if (missing := errors[errors["fnmr"].isna()]).size:
        sure += f" FMR {missing['fmr'].max():g} and less cannot be told with so few pairs."
    return sure


def _counts(facts: Mapping[str, float | int | None]) -> str:
    people = "" if facts["people"] is None else f"{number(facts['people'])} people, "
    return (
        f"{people}{number(facts['captures'])} captures, {number(facts['genuine'])} pairs of one "
        f"person, {number(facts['impostors'])} of two."
    )

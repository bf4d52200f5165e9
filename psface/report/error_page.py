"""The page of the report on errors, from its template."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from psface.measures.error_summary import ErrorSummary
from psface.measures.groups import TOO_FEW, WORSE
from psface.report.pages import templates

Row = dict
NONE = "-"


@dataclass(frozen=True)
class Table:
    """A table of the page: headings and cells of text."""

    title: str
    note: str
    heads: list[str]
    rows: list[list[str]]


def error_page(
    title: str, measured_on: str, summary: ErrorSummary, pictures: Mapping[str, str]
) -> str:
    """The page as HTML; ``pictures`` are data URLs of the plots by name."""
    page = templates("psface.report").get_template("error_page.html.j2")
    return page.render(
        title=title,
        answers=answers(summary, measured_on),
        pictures=pictures,
        tables=[table for table in _tables(summary) if table.rows],
        no_searches=summary.no_searches,
        has_groups=len(summary.tables["groups"]) > 0,
    )


def number(value: float | int | None) -> str:
    """A number with three digits that count; a dash if there is none."""
    if value is None or pd.isna(value):
        return NONE
    if math.isinf(value):
        return "∞"
    whole = float(value).is_integer() and (isinstance(value, int) or abs(value) >= 10)
    return f"{int(value):,}" if whole else f"{value:.3g}"


def with_interval(row: Row, name: str, errors: str | None = None) -> str:
    """A rate with its interval, or the bound where no error was seen: never a bare 0."""
    value, low, high = (row.get(key) for key in (name, *_ends(row, name)))
    if pd.isna(value):
        return NONE
    if value == 0 and not pd.isna(high):
        people = row.get(errors) if errors else None
        return f"0 seen, ≤ {number(high)}" + (f" ({number(people)} people)" if people else "")
    if value == 0:
        return "0 seen, no bound"
    return number(value) if pd.isna(low) else f"{number(value)} [{number(low)}, {number(high)}]"


def _ends(row: Row, name: str) -> tuple[str, str]:
    stem = name.removesuffix("_seen")
    return (f"{stem}_low", f"{stem}_high") if f"{stem}_low" in row else ("low", "high")


def answers(summary: ErrorSummary, measured_on: str) -> list[tuple[str, str]]:
    """The first lines of the page: how good, how sure, for whom not, on what."""
    facts, errors = summary.facts, summary.tables["errors"]
    told = errors[errors["fnmr"].notna()]
    good = [
        f"AUC {number(facts['auc'])}, equal error rate {number(facts['eer'])}",
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
    return [
        ("How good?", "; ".join(good) + "."),
        ("How sure?", _how_sure(summary)),
        ("For whom not?", _for_whom(summary.tables["groups"])),
        ("Measured on what?", f"{measured_on} {_counts(facts)} {_failures(summary)}".strip()),
    ]


def _how_sure(summary: ErrorSummary) -> str:
    facts, errors = summary.facts, summary.tables["errors"]
    if facts["people"] is None:
        return "Not told: the people are not known, and pairs of one person err together."
    sure = f"Intervals are of 95%, by resampling {facts['people']} people"
    sure += f"; AUC [{number(facts['auc_low'])}, {number(facts['auc_high'])}]."
    if (other := errors[errors["other_fmr"].notna()]).size:
        row = other.iloc[-1]
        sure += (
            f" A threshold for FMR {row['fmr']:g} set on half of the people gives FMR "
            f"{number(row['other_fmr'])} and FNMR {number(row['other_fnmr'])} on the other half."
        )
    if (missing := errors[errors["fnmr"].isna()]).size:
        sure += f" FMR {missing['fmr'].max():g} and less cannot be told with so few pairs."
    return sure


def _for_whom(groups: pd.DataFrame) -> str:
    if not len(groups):
        return "Not told: no groups are known, or there are too few false matches to compare them."
    worse = [
        f"{row['attribute']} {row['group']} ({row['rate']} {number(row['ratio'])} times the "
        f"others', [{number(row['ratio_low'])}, {number(row['ratio_high'])}], p {number(row['p'])})"
        for row in groups[groups["verdict"] == WORSE].to_dict("records")
    ]
    text = f"Worse for: {'; '.join(worse)}." if worse else "No difference between groups was found."
    few = groups[groups["verdict"] == TOO_FEW]
    named = dict.fromkeys(few["attribute"] + " " + few["group"])
    return text + (f" Too few people to tell: {', '.join(named)}." if named else "")


def _counts(facts: Mapping[str, float | int | None]) -> str:
    people = "" if facts["people"] is None else f"{number(facts['people'])} people, "
    return (
        f"{people}{number(facts['captures'])} captures, {number(facts['genuine'])} pairs of one "
        f"person, {number(facts['impostors'])} of two."
    )


def _failures(summary: ErrorSummary) -> str:
    table = summary.tables["failures"]
    if not len(table):
        return "Failed captures are not known, so FRR and GFRR are not told."
    rates = {row["rate"]: row for row in table.to_dict("records")}
    return " ".join(
        f"{name}: {with_interval(rates[name], 'value')} of {number(rates[name]['of'])} {of}."
        for name, of in (("FTA", "attempts"), ("FTE", "people"))
    )


Cell = Callable[[Row], str]


def _table(title: str, note: str, frame: pd.DataFrame, columns: Mapping[str, str | Cell]) -> Table:
    rows = [
        [text(row[c]) if isinstance(c, str) else c(row) for c in columns.values()]
        for row in frame.to_dict("records")
    ]
    return Table(title, note, list(columns), rows)


def text(value: object) -> str:
    """A cell as text."""
    return value if isinstance(value, str) else number(value)  # type: ignore[arg-type]


def _tables(summary: ErrorSummary) -> Iterable[Table]:
    tables, facts = summary.tables, summary.facts
    yield _table(
        "Error trade-off",
        "FNMR at each FMR. FRR and GFRR count failed captures and people. The last columns are "
        "what a threshold set on one half of the people gives on the other.",
        tables["errors"],
        {
            "FMR": lambda r: f"{r['fmr']:g}",
            "threshold": lambda r: NONE if pd.isna(r["threshold"]) else f"{r['threshold']:.4g}",
            "FMR there": lambda r: with_interval(r, "fmr_seen"),
            "FNMR": lambda r: with_interval(r, "fnmr"),
            "misses": "misses", "FRR": "frr", "GFRR": "gfrr",
            "other half: FMR": "other_fmr", "FNMR there": "other_fnmr", "note": "note",
        },
    )  # fmt: skip
    yield _table(
        "Failures", "Captures and people that were never compared.", tables["failures"],
        {
            "rate": "rate", "failed": "failed", "of": "of",
            "share": lambda r: with_interval(r, "value"),
        },
    )  # fmt: skip
    yield _table(
        "Identification",
        "Open set: each probe is searched with its person enrolled (FNIR: not first, or under the "
        "threshold) and without (FPIR: anyone at or above it). Smaller galleries are random parts.",
        tables["identification"],
        {
            "people enrolled": "gallery", "FPIR": "fpir", "threshold": "threshold",
            "FNIR": lambda r: with_interval(r, "fnir"), "note": "note",
        },
    )  # fmt: skip
    if "templates" in tables:
        yield _table(
            "Templates",
            "Several captures of a person enrolled as one, against captures that are in none.",
            tables["templates"],
            {
                "captures enrolled": "captures", "against": "against", "pooling": "pooling",
                "AUC": lambda r: with_interval(r, "auc"), "EER": "eer",
                "FNMR at FMR 0.01": lambda r: with_interval(r, "fnmr"),
            },
        )  # fmt: skip
    yield from _group_tables(tables, facts)


def _group_tables(
    tables: Mapping[str, pd.DataFrame], facts: Mapping[str, float | int | None]
) -> Iterable[Table]:
    yield _table(
        "Groups",
        f"At the threshold of FMR {number(facts['fmr'])} over all people. FMR and FNMR are of "
        "pairs within the group; the ratio is to the others. p says how often people dealt to the "
        "groups by chance differ as much, corrected for all tests here. The intervals resample "
        "people, so they are wider.",
        tables["groups"],
        {
            "attribute": "attribute", "rate": "rate", "group": "group", "people": "people",
            "value": lambda r: with_interval(r, "value"),
            "ratio": lambda r: with_interval(r, "ratio"), "p": "p",
            "verdict": lambda r: r["verdict"] + ("; worst" if r["worst"] else ""),
        },
    )  # fmt: skip
    yield _table(
        "Pairs of groups", "Pairs within and across groups, at the same threshold.",
        tables["group_pairs"],
        {
            "attribute": "attribute", "groups": lambda r: f"{r['first']} / {r['second']}",
            "FMR": lambda r: with_interval(r, "fmr"), "of pairs": "fmr_pairs",
            "FNMR": lambda r: with_interval(r, "fnmr"), "of": "fnmr_pairs",
        },
    )  # fmt: skip
    yield _table(
        "Indices of evenness",
        "GARBE and 1 - FDR are 0 where all groups are alike, INEQUITY is 1; chance is what even "
        "groups of this size stay within, 95% of the time.",
        tables["group_indices"],
        {
            "attribute": "attribute", "groups": "groups", "index": "index",
            "value": lambda r: with_interval(r, "value"), "chance": "chance",
        },
    )  # fmt: skip
    if "group_quality" in tables:
        yield _table(
            "Quality and attributes by group",
            "Mean magnitude of the embeddings, and balanced accuracy of each attribute task.",
            tables["group_quality"],
            {
                "attribute": "attribute", "group": "group", "people": "people",
                "captures": "captures", "measure": "measure",
                "value": lambda r: with_interval(r, "value"), "note": "verdict",
            },
        )  # fmt: skip

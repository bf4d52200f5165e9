"""The sections of a page that tell of errors: trade-offs, failures, identification and groups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd

from psface.measures.error_summary import ErrorSummary
from psface.report.error_plots import groups_size, plot_cmc, plot_fnir, plot_groups
from psface.report.error_sentences import (
    errors_say,
    failures_say,
    group_pairs_say,
    group_quality_say,
    groups_say,
    identification_say,
    indices_say,
    templates_say,
)
from psface.report.page_sections import Chart, Section, table_of
from psface.report.svg_charts import svg_chart
from psface.report.wording import NONE, area_with_interval, number, with_interval


def error_sections(summary: ErrorSummary) -> Iterable[Section]:
    """Every section that has something to show."""
    tables = summary.tables
    yield _trade_off(tables["errors"])
    yield _failures(tables["failures"], tables["errors"])
    if len(tables["identification"]):
        yield _identification(tables)
    else:
        why = f"Identification is not told: {summary.no_searches}."
        yield Section("identification", "Identification", why)
    if len(tables.get("templates", ())):
        yield _templates(tables["templates"])
    if len(tables["groups"]):
        yield from _groups(tables, summary.facts["fmr"])


def _trade_off(errors: pd.DataFrame) -> Section:
    table = table_of(errors, {
        "FMR": lambda r: f"{r['fmr']:g}",
        "threshold": lambda r: NONE if pd.isna(r["threshold"]) else f"{r['threshold']:.4g}",
        "FMR there": lambda r: with_interval(r, "fmr_seen"),
        "FNMR": lambda r: with_interval(r, "fnmr"),
        "misses": "misses",
        "other half: FMR": "other_fmr", "FNMR there": "other_fnmr", "note": "note",
    })  # fmt: skip
    note = (
        "FNMR at each FMR. The columns of the other half are what a threshold set on one half of "
        "the people gives on the other."
    )
    return Section("errors", "Error trade-off", errors_say(errors), [table], note)


def _failures(failures: pd.DataFrame, errors: pd.DataFrame) -> Section:
    said = failures_say(failures)
    if not len(failures):
        return Section("failures", "Failures", said)
    counts = table_of(failures, {
        "rate": "rate", "failed": "failed", "of": "of",
        "share": lambda r: with_interval(r, "value"),
    })  # fmt: skip
    rejects = table_of(errors[errors["frr"].notna()], {
        "FMR": lambda r: f"{r['fmr']:g}",
        "FRR": lambda r: with_interval(r, "frr"),
        "GFRR": lambda r: with_interval(r, "gfrr"),
    })  # fmt: skip
    note = "Captures and people that were never compared, and false rejects that count them."
    return Section("failures", "Failures", said, [counts, rejects], note)


def _identification(tables: Mapping[str, pd.DataFrame]) -> Section:
    searches, fnir, cmc = tables["identification"], tables["fnir"], tables["cmc"]
    table = table_of(searches, {
        "people enrolled": "gallery", "FPIR": "fpir", "threshold": "threshold",
        "FNIR": lambda r: with_interval(r, "fnir"), "note": "note",
    })  # fmt: skip

    def draw(left, right):  # type: ignore[no-untyped-def]
        plot_fnir(left, fnir, searches)
        plot_cmc(right, cmc)

    chart = svg_chart(
        "FNIR against FPIR, and the share of probes found by rank", draw, (11, 4.8), 2
    )
    note = (
        "Open set: each probe is searched with its person enrolled (FNIR: not first, or under the "
        "threshold) and without (FPIR: anyone at or above it). Smaller galleries are random parts."
    )
    said = identification_say(searches, cmc)
    return Section("identification", "Identification", said, [table, Chart(chart, True)], note)


def _templates(templates: pd.DataFrame) -> Section:
    table = table_of(templates, {
        "captures enrolled": "captures", "against": "against", "pooling": "pooling",
        "AUC": area_with_interval, "EER": "eer",
        "FNMR at FMR 0.01": lambda r: with_interval(r, "fnmr"),
    })  # fmt: skip
    note = "Several captures of a person enrolled as one, against captures that are in none."
    return Section("templates", "Templates", templates_say(templates), [table], note)


def _groups(tables: Mapping[str, pd.DataFrame], fmr: float | int | None) -> Iterable[Section]:
    groups = tables["groups"]
    table = table_of(groups, {
        "attribute": "attribute", "rate": "rate", "group": "group", "people": "people",
        "value": lambda r: with_interval(r, "value"),
        "ratio": lambda r: with_interval(r, "ratio"), "p": "p",
        "verdict": lambda r: r["verdict"] + ("; worst" if r["worst"] else ""),
    })  # fmt: skip
    panels, height = groups_size(groups)
    chart = svg_chart(
        "Error rates of the groups with their intervals", lambda *axes: plot_groups(axes, groups),
        (11, height + 1), panels, True,
    )  # fmt: skip
    note = (
        f"At the threshold of FMR {number(fmr)} over all people. FMR and FNMR are of pairs within "
        "the group; the ratio is to the others. p says how often people dealt to the groups by "
        "chance differ as much, corrected for all tests here. The intervals resample people, so "
        "they are wider."
    )
    yield Section("groups", "Groups", groups_say(groups), [Chart(chart, True), table], note)
    pairs = tables["group_pairs"]
    table = table_of(pairs, {
        "attribute": "attribute", "groups": lambda r: f"{r['first']} / {r['second']}",
        "FMR": lambda r: with_interval(r, "fmr"), "of pairs": "fmr_pairs",
        "FNMR": lambda r: with_interval(r, "fnmr"), "of": "fnmr_pairs",
    })  # fmt: skip
    note = "Pairs within and across groups, at the same threshold."
    yield Section("group-pairs", "Pairs of groups", group_pairs_say(pairs), [table], note)
    if len(tables["group_indices"]):
        yield _indices(tables["group_indices"])
    if len(tables.get("group_quality", ())):
        yield _group_quality(tables["group_quality"])


def _indices(indices: pd.DataFrame) -> Section:
    table = table_of(indices, {
        "attribute": "attribute", "groups": "groups", "index": "index",
        "value": lambda r: with_interval(r, "value"), "chance": "chance",
    })  # fmt: skip
    note = (
        "GARBE and 1 - FDR are 0 where all groups are alike, INEQUITY is 1; chance is what even "
        "groups of this size stay within, 95% of the time."
    )
    return Section("indices", "Indices of evenness", indices_say(indices), [table], note)


def _group_quality(quality: pd.DataFrame) -> Section:
    table = table_of(quality, {
        "attribute": "attribute", "group": "group", "people": "people", "captures": "captures",
        "measure": "measure", "value": lambda r: with_interval(r, "value"), "note": "verdict",
    })  # fmt: skip
    note = "Mean magnitude of the embeddings, and balanced accuracy of each attribute task."
    said = group_quality_say(quality)
    return Section("group-quality", "Quality and attributes by group", said, [table], note)

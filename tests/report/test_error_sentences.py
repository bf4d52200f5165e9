"""What is said of errors, against the numbers: either way, and where they cannot tell."""

import numpy as np
import pandas as pd
import pytest

from psface.measures.error_summary import ErrorSummary
from psface.measures.groups import NO_DIFFERENCE, TOO_FEW, WORSE
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
from psface.report.first_answers import answers
from psface.report.wording import area, listed, percent, with_interval


def error(fmr, fnmr, low=np.nan, high=np.nan, note=""):
    row = {"fmr": fmr, "fnmr": fnmr, "fnmr_low": low, "fnmr_high": high, "note": note}
    return row | {"other_fmr": np.nan, "other_fnmr": np.nan}


def test_errors():
    rows = [error(0.1, 0.01, 0, 0.02), error(0.01, 0.05, 0.03, 0.08), error(1e-3, 0.2, 0.1, 0.3)]
    table = pd.DataFrame([*rows, error(1e-4, np.nan, note="needs more")])
    assert errors_say(table) == (
        "At FMR 0.01, FNMR is 0.05 [0.03, 0.08]; at FMR 0.001, 0.2 [0.1, 0.3]."
    )
    assert errors_say(table[:1]) == "At FMR 0.1, FNMR is 0.01 [0, 0.02]."
    assert errors_say(table[3:]) == "No FMR can be told: needs more."
    assert "0 seen, ≤ 0.07" in errors_say(pd.DataFrame([error(0.01, 0.0, 0, 0.07)]))


def test_failures():
    rates = [("FTA", 252, 0, 0.0, 0.0, 0.0688), ("FTE", 150, 3, 0.02, 0.0068, 0.0571)]
    table = pd.DataFrame(rates, columns=["rate", "of", "failed", "value", "low", "high"])
    assert failures_say(table) == (
        "0 of 252 captures failed (FTA 0 seen, ≤ 0.0688) and 3 of 150 people have no usable "
        "capture (FTE 0.02 [0.0068, 0.0571])."
    )
    assert "not known" in failures_say(table[:0])


def test_identification():
    columns = ["gallery", "fpir", "fnir", "low", "high"]
    table = pd.DataFrame([(42, 0.1, 0.05, 0.02, 0.08), (10, 0.1, 0.01, 0, 0.02)], columns=columns)
    cmc = pd.DataFrame({"rank": [1, 2], "hit_rate": [0.971, 1.0]})
    assert identification_say(table, cmc) == (
        "With 42 people enrolled, 97.1% of the probes find their person first; at FPIR 0.1, FNIR "
        "is 0.05 [0.02, 0.08]."
    )
    assert identification_say(table.assign(fnir=np.nan), cmc[:0]) == ""
    assert identification_say(table[:0], cmc) == ""


@pytest.mark.parametrize(
    ("last", "chance"),
    [((0.01, 0.0, 0.03), False), ((0.05, 0.02, 0.09), True), ((0.4, 0.25, 0.5), False)],
)
def test_templates(last, chance):
    columns = ["captures", "against", "pooling", "fmr", "fnmr", "fnmr_low", "fnmr_high"]
    rows = [(1, "captures", "mean", 0.01, 0.1, 0.05, 0.2), (3, "captures", "mean", 0.01, *last)]
    said = templates_say(pd.DataFrame(rows, columns=columns))
    assert ("may be chance" in said) == chance
    assert said.startswith("With 3 captures enrolled instead of 1, FNMR at FMR 0.01 is ")
    assert templates_say(pd.DataFrame(rows[:1], columns=columns)) == ""


def test_groups():
    columns = ["attribute", "group", "rate", "ratio", "ratio_low", "ratio_high", "p", "verdict"]
    worse = ("facial_hair", "some", "FNMR", 3.0, 1.5, 6.0, 0.01, WORSE)
    few = ("gender", "female", "FMR", np.nan, np.nan, np.nan, np.nan, TOO_FEW)
    same = ("pose", "frontal", "FMR", 1.1, 0.8, 1.4, 1.0, NO_DIFFERENCE)
    assert groups_say(pd.DataFrame([worse, few, same], columns=columns)) == (
        "Worse for: facial hair some (FNMR 3 times the others', [1.5, 6], p 0.01). Too few people "
        "to tell: gender female."
    )
    assert groups_say(pd.DataFrame([same], columns=columns)) == (
        "No difference between groups was found."
    )
    assert groups_say(pd.DataFrame(columns=columns)).startswith("Not told")


def test_pairs_of_groups_with_few_people_are_not_spoken_of():
    columns = ["attribute", "first", "second", "fmr", "fmr_low", "fmr_high", "fmr_people"]
    rows = [("a_b", "x", "y", 0.02, 0.01, 0.04, 30), ("a_b", "y", "y", 0.5, 0, 1, 3)]
    table = pd.DataFrame(rows, columns=columns)
    assert group_pairs_say(table) == "The highest FMR is 0.02 [0.01, 0.04], of a b: x / y."
    assert group_pairs_say(table[1:]) == ""


def test_indices_either_way_and_without_chance():
    columns = ["attribute", "index", "value", "chance"]
    rows = [("pose", "GARBE", 0.5, 0.3), ("pose", "FDR", 0.99, 0.95), ("gender", "FDR", 0.9, 0.95)]
    table = pd.DataFrame(rows, columns=columns)
    assert indices_say(table) == (
        "More uneven than chance leaves 95% of even groups: GARBE of pose and FDR of gender."
    )
    assert indices_say(table[1:2]).startswith("No index is beyond what chance gives")
    assert indices_say(table.assign(chance=np.nan)).startswith("No index is judged")


def test_quality_of_groups_whose_intervals_overlap_does_not_differ():
    columns = ["attribute", "group", "people", "measure", "value", "low", "high"]
    rows = [
        ("beard", "no", 30, "magnitude", 14.0, 13.5, 14.5),
        ("beard", "yes", 20, "magnitude", 15.5, 15.1, 16.0),
        ("pose", "front", 30, "magnitude", 14.0, 13.5, 14.5),
        ("pose", "side", 30, "magnitude", 14.6, 14.4, 15.0),
    ]
    table = pd.DataFrame(rows, columns=columns)
    assert group_quality_say(table) == (
        "Magnitude differs by more than its intervals between groups of beard (14 of no, 15.5 of "
        "yes)."
    )
    assert group_quality_say(table[2:]).startswith("No groups differ")
    assert group_quality_say(table.assign(people=3)) == ""


def test_the_first_answers():
    errors = pd.DataFrame([error(0.01, 0.05, 0.03, 0.08), error(1e-3, np.nan)])
    facts = {"people": 42, "captures": 252, "genuine": 630, "impostors": 30996, "fmr": 0.01}
    facts |= {"auc": 0.99, "auc_low": 0.98, "auc_high": 0.99996, "eer": 0.02}
    empty = pd.DataFrame(columns=["fnir"])
    tables = {"errors": errors, "identification": empty, "failures": empty, "groups": empty}
    told = dict(
        answers(ErrorSummary(facts, tables, ""), "Data set: mine, 900 captures. Tested on:")
    )
    assert list(told) == ["How good?", "How sure?", "For whom not?", "Measured on what?"]
    assert "is passed by 95% of the pairs of one person [92%, 97%]" in told["How good?"]
    assert "AUC 0.9900 [0.9800, >0.9999]" in told["How good?"]
    assert "resampling 42 people" in told["How sure?"] and "FMR 0.001 and" in told["How sure?"]
    assert told["Measured on what?"].startswith(
        "Data set: mine, 900 captures. Tested on: 42 people"
    )
    unknown = ErrorSummary(facts | {"people": None}, tables, "")
    assert dict(answers(unknown, ""))["How sure?"].startswith("Not told")


def test_words():
    assert (area(0.99996), area(None), percent(0.0)) == (">0.9999", "-", "0%")
    assert (listed([]), listed(["a"]), listed(["a", "b"])) == ("", "a", "a and b")
    assert with_interval({"value": 0.0, "low": np.nan, "high": np.nan}, "value").endswith(
        "no bound"
    )

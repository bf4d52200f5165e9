"""Limits: what is allowed, and how they are written."""

import pytest

from psface.commands.audit.rules import Rule, rules_of


@pytest.mark.parametrize(
    ("low", "high", "value", "verdict"),
    [(1, 2, 1, "ok"), (1, 2, 2, "ok"), (1, 2, 2.04, "ok"), (1, 2, 2.06, "violation"),
     (1, 2, 0.94, "violation"), (None, 2, -9, "ok"), (1, None, 99, "ok"),
     (None, 1.2, float("inf"), "violation")],
)  # fmt: skip
def test_limits_are_allowed_to_the_digits_written(low, high, value, verdict):
    finding = Rule("x", "of x", low, high, digits=1).judge(value)
    assert (finding.verdict, finding.value) == (verdict, round(value, 1))


def test_what_could_not_be_measured():
    finding = Rule("x", "of x", 1, 2).judge(None, "no face found")
    assert (finding.verdict, finding.value, finding.note) == (
        "not measurable", None, "no face found"
    )  # fmt: skip


def test_how_limits_are_written(settings):
    written = {name: rule.limits for name, rule in rules_of(settings.audit).items()}
    assert written["yaw"] == "-30 to 30 degrees" and written["face_size"] == ">= 112 px"
    assert written["blur"] == "<= 1.2 px" and written["faces"] == "1"
    assert written["adult_share"] == "0.85 to 0.95" and written["male_share"] == "0.45 to 0.55"
    assert written["age"] == "adults over 7, children not"


def test_shares_stay_within_all(settings):
    all_adults = settings.audit.model_copy(update={"adult_share": 0.98})
    assert rules_of(all_adults)["adult_share"].limits == "0.93 to 1"

import numpy as np
import pandas as pd
import pytest

from psface.measures.failures import attempts_of, wilson
from psface.measures.intervals import draw_people
from psface.measures.people_rates import proven_bound
from psface.tasks import UNKNOWN

TASKS = {"gender": {"male": ["m"], "female": ["f"]}, "pose": {"front": ["1"], "side": ["2", "3"]}}


def table(*rows, columns=("identity", "session", "gender", "pose")):
    return pd.DataFrame(rows, columns=list(columns))


KNOWN = table(
    ("anna", "1", "f", "1"), ("anna", "2", "f", "3"), ("bo", "1", "m", "1"), ("bo", "2", "", "2"),
    ("cy", "1", "m", "1"), ("dee", "1", "f", "1"),
)  # fmt: skip
REFUSED = {
    "ingest": table(("anna", "3"), ("dee", "2"), ("eve", "1"), columns=("identity", "session")),
    "crop": table(("bo", "2"), ("dee", "1"), columns=("identity", "session")),
}


@pytest.fixture
def attempts():
    return attempts_of(KNOWN, REFUSED, np.array(["anna", "bo", "cy"]), TASKS)


def test_every_attempt_counts_once(attempts):
    """A capture that crop refused is one attempt, not two; dee and eve have no capture left."""
    assert attempts.person.tolist() == [0, 0, 1, 1, 2, 0]
    assert attempts.step.tolist() == ["", "", "", "crop", "", "ingest"]
    assert attempts.fta == pytest.approx(2 / 6)
    assert (attempts.unenrolled, attempts.population) == (2, 5)
    assert attempts.fte == 2 / 5


def test_missing_labels_are_those_that_a_person_s_captures_share(attempts):
    assert attempts.labels["gender"].tolist() == [1, 1, 0, 0, 0, 1]
    assert attempts.labels["pose"].tolist() == [0, 1, 0, 1, 0, UNKNOWN]  # anna's differ
    men, women = attempts.by_group("gender", 2)
    assert (men.rate, women.rate) == (1 / 3, 1 / 3)
    assert (men.people, women.people) == (2, 1)


def test_rejects_with_failures(attempts):
    found = attempts.rejects((0.1, 0.05, 0.2), None)
    assert found["frr"] == pytest.approx(1 - (1 - 2 / 6) * 0.9)
    assert found["gfrr"] == pytest.approx(1 - (1 - 2 / 5) * (1 - 2 / 6) * 0.9)
    assert np.isnan([found["frr_low"], found["gfrr_high"]]).all()


def test_intervals_of_rejects_hold_all_that_their_parts_leave_possible(attempts):
    draws = draw_people(3, 200, 0)
    found = attempts.rejects((0.1, 0.05, 0.2), draws)
    rates = attempts.table(draws).set_index("rate")
    for end, fnmr in (("low", 0.05), ("high", 0.2)):
        acquired, enrolled = 1 - rates.loc["FTA", end], 1 - rates.loc["FTE", end]
        assert found[f"frr_{end}"] == pytest.approx(1 - acquired * (1 - fnmr))
        assert found[f"gfrr_{end}"] == pytest.approx(1 - enrolled * acquired * (1 - fnmr))
    nothing_failed = attempts_of(KNOWN[:3], {}, np.array(["anna", "bo"]), TASKS)
    found = nothing_failed.rejects((0.0, 0.0, 0.3), draw_people(2, 20, 0))
    assert (found["frr"], found["frr_low"]) == (0, 0) and found["gfrr_high"] > 0.3


def test_the_table(attempts):
    found = attempts.table(draw_people(3, 200, 0)).set_index("rate")
    assert found.index.tolist() == ["FTA", "FTA at crop", "FTA at ingest", "FTE"]
    assert found["failed"].tolist() == [2, 1, 1, 2]
    assert (found["low"] <= found["value"]).all() and (found["value"] <= found["high"]).all()
    all_well = attempts_of(KNOWN[:3], {}, np.array(["anna", "bo"]), TASKS)
    found = all_well.table(draw_people(2, 20, 0)).set_index("rate")
    assert found.loc["FTA", ["value", "high"]].tolist() == [0, proven_bound(2)]
    assert found.loc["FTE", ["value", "high"]].tolist() == [0, proven_bound(2)]


def test_wilson_against_its_equation():
    """Its ends are the shares that lie 1.96 standard errors from what was seen."""
    for errors, trials in ((1, 10), (7, 50), (0, 5)):
        for end in wilson(errors, trials):
            reach = 1.959963984540054 * np.sqrt(end * (1 - end) / trials)
            assert abs(errors / trials - end) == pytest.approx(reach, abs=1e-9)

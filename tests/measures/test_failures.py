import numpy as np
import pandas as pd
import pytest

from psface.measures.failures import Attempts, attempts_of
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
    found = attempts.rejects(0.1, None, None)
    assert found["frr"] == pytest.approx(1 - (1 - 2 / 6) * 0.9)
    assert found["gfrr"] == pytest.approx(1 - (1 - 2 / 5) * (1 - 2 / 6) * 0.9)
    assert set(found) == {"frr", "gfrr"}


def test_intervals_of_rejects_cover_the_true_ones():
    """People of whom some fail more, in capture and in comparison: 95% of the intervals hold the
    rate of all people."""
    rng, people, each, trials = np.random.default_rng(4), 60, 5, 120
    inside = {"frr": 0, "gfrr": 0}
    for _ in range(trials):
        failing, missed = rng.beta(0.5, 4.5, people), rng.beta(0.5, 4.5, people)
        person = np.repeat(np.arange(people), each)
        step = np.where(rng.random(people * each) < failing[person], "crop", "")
        misses = rng.binomial(20, missed) / 20
        attempts = Attempts(person, people, step, {}, rng.binomial(people, 0.05), people)
        draws = draw_people(people, 200, 0)
        found = attempts.rejects(misses.mean(), draws, draws @ misses / people)
        for name, true in (("frr", 0.19), ("gfrr", 0.05 + 0.95 * 0.19)):
            inside[name] += found[f"{name}_low"] <= true <= found[f"{name}_high"]
    assert min(inside.values()) >= 0.9 * trials


def test_no_reject_is_never_a_bare_zero():
    none = np.zeros((50, 4))
    found = Attempts(np.arange(4), 4, np.array([""] * 4), {}, 0, 4).rejects(
        0.0, none + 1, none[:, 0]
    )
    assert (found["frr"], found["frr_low"], found["frr_high"]) == (0, 0, proven_bound(4))
    assert found["gfrr_high"] == proven_bound(4)


def test_the_table(attempts):
    found = attempts.table(draw_people(3, 200, 0)).set_index("rate")
    assert found.index.tolist() == ["FTA", "FTA at crop", "FTA at ingest", "FTE"]
    assert found["failed"].tolist() == [2, 1, 1, 2]
    assert (found["low"] <= found["value"]).all() and (found["value"] <= found["high"]).all()
    all_well = attempts_of(KNOWN[:3], {}, np.array(["anna", "bo"]), TASKS)
    found = all_well.table(draw_people(2, 20, 0)).set_index("rate")
    assert found.loc["FTA", ["value", "high"]].tolist() == [0, proven_bound(2)]
    assert found.loc["FTE", ["value", "high"]].tolist() == [0, proven_bound(2)]

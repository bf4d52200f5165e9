from dataclasses import replace

import numpy as np
import pytest

from psface.measures.error_summary import grouped_at
from psface.measures.failures import Attempts
from psface.measures.group_tests import holm
from psface.measures.groups import ALONE, NO_DIFFERENCE, TOO_FEW, group_pairs_table, groups_table
from psface.measures.intervals import draw_people
from psface.tasks import UNKNOWN
from tests.measures.drawn_people import comparisons_with


def grouped(comparisons, fmr=1e-2, resamples=200):
    draws = draw_people(comparisons.people, resamples, 0)
    return grouped_at(comparisons, comparisons.pairs.threshold_at(fmr), draws)


def outcome(comparisons, **options):
    return groups_table(grouped(comparisons, **options), None).set_index(["rate", "group"])


def test_rates_of_each_pair_of_groups_against_plain_loops():
    rng = np.random.default_rng(0)
    comparisons = comparisons_with(60, 4, rng)
    labels = rng.integers(-1, 3, size=240)  # captures of a person are in several groups
    comparisons = replace(
        comparisons, labels={"pose": labels}, classes={"pose": np.array(["l", "m", "r"])}
    )
    threshold = comparisons.pairs.threshold_at(0.05)
    of = grouped_at(comparisons, threshold, draw_people(60, 50, 0))
    table = group_pairs_table(of).set_index(["first", "second"])
    for i in range(3):
        for j in range(i, 3):
            counts = {"fmr": [0, 0], "fnmr": [0, 0]}
            for a, b, same, score in zip(
                comparisons.first, comparisons.second, comparisons.pairs.same,
                comparisons.pairs.score, strict=True,
            ):  # fmt: skip
                if {labels[a], labels[b]} == {i, j}:
                    kind = counts["fnmr" if same else "fmr"]
                    kind[0] += 1
                    kind[1] += bool(score < threshold) == bool(same)
            row = table.loc[("lmr"[i], "lmr"[j])]
            for name, (trials, errors) in counts.items():
                assert (row[f"{name}_pairs"], row[f"{name}_errors"]) == (trials, errors)
                assert row[name] == pytest.approx(errors / trials, abs=1e-12)
                assert row[f"{name}_low"] <= row[name] <= row[f"{name}_high"]
    rows = groups_table(of, None)
    assert set(rows["test"]) == {"resampled"}  # no person has one group


@pytest.mark.parametrize("seed", range(3))
def test_a_planted_bias_is_found(seed):
    """150 people: one half blurred in capture, and drawn to one face."""
    rng = np.random.default_rng(seed)
    found = outcome(comparisons_with(150, 4, rng, worse=0.35, nearer=0.4))
    assert found.loc["FNMR", "verdict"].tolist() == ["better", "worse"]
    assert found.loc["FMR", "verdict"].tolist() == ["better", "worse"]
    assert (found["p"] < 0.05).all() and set(found["test"]) == {"shuffled"}
    for rate in ("FMR", "FNMR"):
        row = found.loc[rate, "b"]
        assert row["worst"] and row["ratio"] > 1
        assert row["ratio_low"] <= row["ratio"] <= row["ratio_high"]


def test_no_false_finding_in_unbiased_populations():
    """Of 20, as many are found as chance allows: more than 3 with a probability of 1.6%."""
    false = 0
    for seed in range(20):
        found = outcome(comparisons_with(60, 3, np.random.default_rng(100 + seed)), resamples=100)
        false += int((found["verdict"] != NO_DIFFERENCE).any())
    assert false <= 3


def test_groups_too_small_are_said_to_be():
    comparisons = comparisons_with(30, 3, np.random.default_rng(1))
    small = np.where(comparisons.person < 5, 1, 0)
    found = outcome(replace(comparisons, labels={"kind": small}))
    assert set(found.xs("b", level="group")["verdict"]) == {TOO_FEW}
    assert set(found.xs("a", level="group")["verdict"]) == {ALONE}
    assert found["p"].isna().all() and not found["worst"].any()


def test_people_without_a_label_are_left_out():
    comparisons = comparisons_with(80, 3, np.random.default_rng(2), worse=1.0)
    labels = np.where(comparisons.person % 4 < 2, comparisons.labels["kind"], UNKNOWN)
    found = outcome(replace(comparisons, labels={"kind": labels}))
    assert found["people"].tolist() == [20] * 4
    assert found.loc[("FNMR", "b"), "verdict"] == "worse"


def test_failures_by_group():
    comparisons = comparisons_with(40, 3, np.random.default_rng(3))
    person = np.repeat(np.arange(40), 5)
    failed = (person % 2 == 1) & (np.arange(200) % 5 < 2)
    step = np.where(failed, "ingest", "")
    attempts = Attempts(person, 40, step, {"kind": person % 2}, 0, 40)
    found = groups_table(grouped(comparisons), attempts).set_index(["rate", "group"])
    assert found.loc[("FTA", "b"), ["value", "verdict"]].tolist() == [0.4, "worse"]
    assert found.loc[("FTA", "a"), ["value", "errors"]].tolist() == [0, 0]
    assert found.loc[("FTA", "a"), "high"] > 0.1
    assert found.loc[("FTA", "b"), "ratio"] == np.inf  # to none, of which a bound is known
    assert 1 < found.loc[("FTA", "b"), "ratio_low"] <= 0.4 / found.loc[("FTA", "a"), "high"]


def test_a_side_without_an_error_is_no_proof_where_people_are_in_several_groups():
    """Resampling never gives it an error, so it would look sure."""
    comparisons = comparisons_with(40, 3, np.random.default_rng(3))
    person = np.repeat(np.arange(40), 5)
    labels = {"kind": (person < 15).astype(int)}
    mixed = (comparisons.person < 15).astype(int)
    mixed[0] = 0  # this person is in both groups
    both = replace(comparisons, labels={"kind": mixed})

    def fta(failed):
        attempts = Attempts(person, 40, np.where(failed, "crop", ""), labels, 0, 40)
        return groups_table(grouped(both), attempts).set_index(["rate", "group"]).loc["FTA"]

    few = fta(np.isin(person, range(20, 24)) & (np.arange(200) % 5 == 0))
    assert set(few["test"]) == {"resampled"} and few["verdict"].tolist() == [NO_DIFFERENCE] * 2
    assert few["p"].tolist() == [1, 1] and few.loc["a", "ratio"] == np.inf
    assert fta(person >= 15)["verdict"].tolist() == ["worse", "better"]


def test_holm_against_its_steps():
    rng = np.random.default_rng(0)
    p = rng.random(12)
    found, before = holm(p), 0.0
    for step, place in enumerate(np.argsort(p)):
        before = max(before, min(1, p[place] * (12 - step)))
        assert found[place] == before

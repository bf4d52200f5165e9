"""What is said of runs, against the numbers: either way, and where they cannot tell."""

import numpy as np
import pandas as pd
import pytest

from psface.commands.compare.comparison_sentences import (
    attributes_say,
    between_say,
    conditions_say,
    leakage_say,
    paired_say,
    runs_say,
    training_say,
)


def row(other, difference, low, high, p):
    return {"other": other, "difference": difference, "low": low, "high": high, "p": p}


ABOVE = row("albedo", 0.021, 0.012, 0.031, 0.002)
BELOW = row("late", -0.01, -0.02, -0.004, 0.002)
ALIKE = row("early", 0.002, -0.003, 0.007, 0.4)
PERHAPS = row("raw", 0.003, 0.0001, 0.006, 0.04)


@pytest.mark.parametrize(
    ("paired", "said"),
    [
        ([ABOVE], "all beats albedo by 0.0210 [0.0120, 0.0310]."),
        ([BELOW], "late beats all by 0.0100 [0.0040, 0.0200]."),
        ([ALIKE], "all cannot be told from early: the interval of the difference holds 0."),
        (
            [ABOVE, ALIKE, PERHAPS],
            "all beats albedo by 0.0210 [0.0120, 0.0310]. all cannot be told from early: the "
            "interval of the difference holds 0. Among 3 comparisons, a difference may be chance "
            "from: raw (0.0030 [0.0001, 0.0060]).",
        ),
    ],
)
def test_pairs(paired, said):
    assert paired_say(paired, "all", 3) == said


def test_one_training_each_is_said_to_tell_less():
    assert paired_say([ABOVE], "all", 1).endswith("another seed may change this.")
    assert "seed" not in paired_say([ALIKE], "all", 1)


def test_the_best_run_and_those_that_cannot_be_told_from_it():
    table = pd.DataFrame({"run": ["a", "b", "c"], "identity AUC": [0.97, 0.99, 0.98]}).assign(
        low=0.9, high=0.995
    )
    rows = [("b", "a", 0.01, 0.03, 0.002), ("b", "c", -0.01, 0.03, 0.2)]
    paired = pd.DataFrame(rows, columns=["run", "other", "low", "high", "p"])
    best = "b has the highest identity AUC, 0.9900 [0.9000, 0.9950]"
    assert runs_say(table, paired) == f"{best}; it cannot be told from c."
    assert runs_say(table[:2], paired[:1]).startswith(f"{best}, above every other run's")
    assert runs_say(table[1:2], paired[:0]) == f"{best}."
    of_chance = paired.assign(low=0.001, p=0.03)  # of two comparisons
    assert runs_say(table, of_chance) == f"{best}; it cannot be told from a and c."


def test_between():
    table = pd.DataFrame({"run": ["a", "b"], "TAR": [0.9, 0.8]})
    assert between_say(table, "TAR", "TAR") == "TAR is between 0.8000 (b) and 0.9000 (a)."
    assert between_say(table[:1], "TAR", "TAR") == "TAR is 0.9000 everywhere."
    assert "cannot be told" in between_say(table.assign(TAR=np.nan), "TAR", "TAR")


def test_attributes_and_leaks():
    table = pd.DataFrame({"run": ["a", "b"], "pose": [0.9, np.nan], "facial hair": [0.7, np.nan]})
    assert attributes_say(table, ["pose", "facial hair"]) == (
        "Told worst is facial hair by a (AUC 0.7000), and best pose by a (AUC 0.9000)."
    )
    assert attributes_say(table[1:], ["pose"]) == "No run was trained on attributes."
    rows = [("a", "pose", 0.6, 0.7), ("b", "facial_hair", 0.5, 0.52)]
    leaks = pd.DataFrame(rows, columns=["run", "attribute", "linear", "mlp"])
    assert leakage_say(leaks) == (
        "Probes read pose from a (AUC 0.6500) best and facial hair from b (AUC 0.5100) least; 0.5 "
        "is no leak."
    )


def test_conditions_and_training():
    cells = {"a": {"tar": 0.9}, "b": {"tar": None}}
    conditions = [
        {"attribute": "pose", "condition": "differs", "genuine": 1, "of": cells},
        {"attribute": "pose", "condition": "agrees", "genuine": 9, "of": {"a": {"tar": 0.95}}},
    ]
    assert conditions_say(conditions) == (
        "The lowest TAR is 0.900: pose differs, by a (1 genuine pair)."
    )
    assert conditions_say([]) == ""
    rising, falling = np.array([0.7, 0.8]), np.array([0.8, 0.7])
    assert "for every run" in training_say({"a": rising, "b": rising})
    assert "for b; more" in training_say({"a": falling, "b": rising})
    assert training_say({"a": falling}).endswith("before its last epoch.")

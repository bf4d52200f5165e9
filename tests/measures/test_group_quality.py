import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from psface.measures.group_quality import quality_table
from psface.measures.intervals import draw_people
from tests.measures.scored_people import scores_of


def test_quality_and_tasks_of_each_group_against_plain_loops():
    rng = np.random.default_rng(0)
    names = np.repeat([f"p{i:02}" for i in range(14)], 4)
    gender = np.repeat(["f"] * 3 + ["m"] * 11, 4).tolist()
    pose = rng.choice(["left", "right", ""], size=56).tolist()
    scores = scores_of(rng.normal(size=(56, 5)), names, {"gender": gender, "pose": pose})
    predicted = {name: rng.random((56, 2)) for name in ("gender", "pose")}
    draws = draw_people(14, 80, 0)
    table = quality_table(scores, predicted, draws)
    assert (table["low"] <= table["value"]).all() and (table["value"] <= table["high"]).all()
    found = table.set_index(["attribute", "group", "measure"])
    assert len(found) == 8  # magnitude and the other task, of two groups each
    for attribute, task in (("gender", "pose"), ("pose", "gender")):
        for number, group in enumerate(scores.classes[attribute]):
            chosen = scores.labels[attribute] == number
            row = found.loc[attribute, group, "magnitude"]
            assert row["value"] == pytest.approx(scores.magnitude[chosen].mean())
            assert row["captures"] == chosen.sum()
            assert row["verdict"] == ("fewer than 10 people" if group == "f" else "")
            both = chosen & (scores.labels[task] >= 0)
            expected = balanced_accuracy_score(
                scores.labels[task][both], predicted[task][both].argmax(axis=1)
            )
            assert found.loc[attribute, group, task]["value"] == pytest.approx(expected)


def test_a_group_without_a_class_of_a_task_is_not_measured_on_it():
    names = np.repeat(["a", "b", "c"], 3)
    labels = {"gender": ["f"] * 3 + ["m"] * 6, "beard": ["no"] * 3 + ["yes", "no", "no"] * 2}
    scores = scores_of(np.random.default_rng(1).normal(size=(9, 4)), names, labels)
    found = quality_table(scores, {"beard": np.ones((9, 2))}, draw_people(3, 9, 0))
    tasks = found[found["measure"] == "beard"]
    assert tasks[["attribute", "group"]].to_numpy().tolist() == [["gender", "m"]]

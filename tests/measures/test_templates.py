import numpy as np
import pytest

from psface.measures.intervals import draw_people
from psface.measures.templates import _places, templates_table
from psface.measures.verification import Verification
from psface.vectors import unit


def people(count=12, captures=6):
    """Captures that differ in quality: longer embeddings are nearer to their person."""
    rng = np.random.default_rng(1)
    own = unit(rng.normal(size=(count, 8)))
    person = np.repeat(np.arange(count), captures)
    length = rng.uniform(1, 10, size=len(person))
    noise = unit(rng.normal(size=(len(person), 8))) * (4 / length)[:, None]
    return unit(own[person] + noise) * length[:, None], person


@pytest.mark.parametrize(
    ("row", "size", "against", "pooling"),
    [(0, 1, "captures", "mean"), (1, 2, "captures", "mean"), (4, 3, "captures", "weighted"),
     (5, 3, "templates", "mean"), (6, 3, "templates", "weighted")],
)  # fmt: skip
def test_templates_against_plain_loops(row, size, against, pooling):
    embeddings, person = people()
    place = _places(person, 3)
    found = templates_table(embeddings, person, draw_people(12, 40, 0), 3).iloc[row]
    assert found[["captures", "against", "pooling"]].tolist() == [size, against, pooling]
    faces = unit(embeddings) if pooling == "mean" else embeddings

    def pooled(of, chosen):
        mean = sum(f for f, c in zip(faces, chosen & (person == of), strict=True) if c)
        return mean / np.linalg.norm(mean)

    score, same = [], []
    for one in range(12):
        template = pooled(one, place < size)
        if against == "templates":
            others = [(two, pooled(two, place >= 3)) for two in range(12)]
        else:
            singles = unit(embeddings[place >= 3])
            others = list(zip(person[place >= 3], singles, strict=True))
        for two, other in others:
            score.append(template @ other)
            same.append(one == two)
    expected = Verification(np.array(score), np.array(same))
    assert (found["genuine"], found["impostors"]) == (sum(same), expected.impostors)
    assert found["auc"] == pytest.approx(expected.auc, abs=1e-4)
    assert found["fnmr"] == pytest.approx(1 - expected.tar_at(0.01), abs=2 / sum(same))
    assert found["auc_low"] <= found["auc"] <= found["auc_high"]


def test_more_captures_help_and_weights_help_where_quality_differs():
    found = templates_table(*people(30), draw_people(30, 20, 0), 0).set_index(
        ["captures", "against", "pooling"]
    )["auc"]
    assert found[3, "captures", "mean"] > found[1, "captures", "mean"]
    assert found[3, "captures", "weighted"] > found[3, "captures", "mean"]


def test_places_are_a_permutation_of_each_person_s_captures():
    person = np.array([1, 0, 1, 1, 0, 2])
    for seed in range(5):
        place = _places(person, seed)
        for one, count in enumerate(np.bincount(person)):
            assert sorted(place[person == one]) == list(range(count))


def test_people_with_one_capture_are_left_out():
    embeddings, person = people(4, 2)
    assert len(templates_table(embeddings[::2], person[::2], draw_people(4, 9, 0), 0)) == 0
    kept = np.arange(8) != 7
    found = templates_table(embeddings[kept], person[kept], draw_people(4, 9, 0), 0)
    assert found["people"].tolist() == [3] and found["genuine"].tolist() == [3]

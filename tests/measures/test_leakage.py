"""Probes find what is there, and nothing where nothing is."""

import numpy as np
import pytest

from psface.measures.leakage import leakage
from tests.measures.scored_people import scores_of


@pytest.fixture(scope="module")
def table():
    """Glasses shift one direction, a smile two that only together tell; hair is not in it."""
    rng = np.random.default_rng(8)
    people = np.repeat([f"p{i:02}" for i in range(40)], 6)
    glasses, smile, hair = (rng.integers(0, 2, 240) for _ in range(3))
    faces = np.repeat(rng.normal(size=(40, 16)), 6, axis=0) + 0.3 * rng.normal(size=(240, 16))
    faces[:, 0] = 3 * glasses + 0.5 * rng.normal(size=240)
    a = rng.choice([-2.5, 2.5], 240)
    faces[:, 1], faces[:, 2] = a, a * np.where(smile, 1, -1)
    labels = {
        name: [["no", "yes"][v] for v in values]
        for name, values in {"glasses": glasses, "smile": smile, "hair": hair}.items()
    }
    labels["rare"] = ["yes"] + ["no"] * 239
    scores = scores_of(faces, people, labels)
    return leakage(faces, scores, 1).set_index(["attribute", "probe"])["auc"]


def test_what_is_linear_is_found_by_both(table):
    assert table["glasses", "linear"] > 0.9
    assert table["glasses", "mlp"] > 0.9


def test_what_is_not_linear_is_found_by_the_mlp(table):
    assert table["smile", "linear"] == pytest.approx(0.5, abs=0.15)
    assert table["smile", "mlp"] > 0.8


def test_what_is_not_there_is_not_found(table):
    """Had the probes seen the tested people, they would know their hair by heart."""
    assert table["hair", "linear"] == pytest.approx(0.5, abs=0.12)
    assert table["hair", "mlp"] == pytest.approx(0.5, abs=0.12)


def test_an_attribute_without_both_classes_is_left_out(table):
    assert "rare" not in table.index.get_level_values("attribute")

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from psface.model.network.multitask import Network
from psface.tasks import UNKNOWN
from psface.training import erasure
from psface.training.erasure import (
    class_directions,
    directions_to_erase,
    enough_people,
    nuisance_directions,
)
from psface.vectors import unit

ONE = np.zeros(400, int)  # all in one part


@pytest.fixture
def population():
    """Two attributes are in the embeddings: one of two classes, one of three."""
    rng = np.random.default_rng(0)
    glasses, hair = rng.integers(0, 2, 400), rng.integers(-1, 3, 400)
    faces = rng.normal(size=(400, 20))
    faces[:, 3] += 2 * glasses
    faces[:, 5] += 3 * (hair == 1)
    faces[:, 6] -= 3 * (hair == 2)
    return faces, {"glasses": glasses, "hair": hair}


def test_class_means_agree_once_the_directions_are_gone(population):
    faces, labels = population
    directions = class_directions(faces, ONE, labels)
    assert directions.shape == (20, 3)
    assert directions.T @ directions == pytest.approx(np.eye(3), abs=1e-12)
    left = unit(faces) @ (np.eye(20) - directions @ directions.T)
    for classes in labels.values():
        means = [left[classes == c].mean(axis=0) for c in range(classes.max() + 1)]
        assert np.ptp(means, axis=0).max() < 1e-12
    before = LogisticRegression().fit(unit(faces), labels["glasses"])
    after = LogisticRegression().fit(left, labels["glasses"])
    assert before.score(unit(faces), labels["glasses"]) > 0.75
    assert after.score(left, labels["glasses"]) < 0.6


def test_class_means_agree_in_each_part_for_itself(population):
    """A part whose classes differ along another axis than the others' is heard, small as it is."""
    faces, labels = population
    part = (np.arange(400) >= 340).astype(int)
    faces[part == 1, 9] += 2 * labels["glasses"][part == 1]
    directions = class_directions(faces, part, labels)
    assert directions.shape == (20, 6)
    left = unit(faces) @ (np.eye(20) - directions @ directions.T)
    for number in (0, 1):
        for classes in labels.values():
            means = [left[(part == number) & (classes == c)].mean(axis=0) for c in (0, 1)]
            assert np.ptp(means, axis=0).max() < 1e-12


def test_unknown_labels_and_missing_classes_say_nothing(population):
    faces, _ = population
    one_class = np.where(np.arange(400) < 200, 1, UNKNOWN)
    assert class_directions(
        faces, ONE, {"gone": one_class, "none": np.full(400, UNKNOWN)}
    ).shape == (
        20,
        0,
    )
    assert class_directions(faces, ONE, {}).shape == (20, 0)


def test_attributes_in_one_direction_take_one_direction(population):
    faces, labels = population
    twice = {"glasses": labels["glasses"], "again": labels["glasses"]}
    assert class_directions(faces, ONE, twice).shape == (20, 1)


def test_directions_in_which_a_persons_captures_differ(population):
    """Of people who differ everywhere, and whose captures differ along the first axis most, along
    the second less: those two are found, whatever the people differ in."""
    rng = np.random.default_rng(1)
    people = np.repeat(np.arange(40), 5)
    faces = 10 * rng.normal(size=(40, 12))[people] + 0.01 * rng.normal(size=(200, 12))
    faces[:, 0] += rng.normal(size=200)
    faces[:, 1] += 0.5 * rng.normal(size=200)
    found = nuisance_directions(faces, people, 2)
    assert np.abs(found) == pytest.approx(np.eye(12)[:, :2], abs=0.05)


def test_no_more_directions_than_captures_differ_in():
    rng = np.random.default_rng(2)
    once = np.arange(6)
    assert nuisance_directions(rng.normal(size=(6, 9)), once, 4).shape == (9, 0)
    assert nuisance_directions(rng.normal(size=(6, 9)), once // 2, 4).shape == (9, 3)
    assert nuisance_directions(np.zeros((0, 9)), np.zeros(0, int), 4).shape == (9, 0)


def test_all_erased_directions_are_orthonormal(population):
    faces, labels = population
    found = directions_to_erase(faces, np.arange(400) // 3, ONE, labels, 2)
    assert found.shape == (20, 3 + 2 * erasure.NUISANCES)
    assert found.T @ found == pytest.approx(np.eye(found.shape[1]), abs=1e-9)


def test_few_people_lose_few_directions(population):
    """They differ in few: of ORL's 28 people, erasing eight took rank-1 from 0.98 to 0.87."""
    faces, _ = population
    for people, directions in ((5, 0), (28, 0), (50, 4), (100, 14)):
        some = slice(4 * people)
        found = directions_to_erase(faces[some], np.arange(400)[some] // 4, ONE[some], {}, 2)
        assert found.shape == (20, directions)


def test_of_many_captures_whole_people_are_enough(monkeypatch):
    monkeypatch.setattr(erasure, "MOST", 6)
    people = np.array([4, 1, 0, 1, 4, 0, 1, 2, 0, 2])
    chosen = enough_people(people)
    assert chosen.tolist() == [1, 2, 3, 5, 6, 8]
    assert enough_people(people[:6]).tolist() == list(range(6))


def test_the_network_leaves_out_what_is_erased():
    torch.manual_seed(0)
    net = Network([1, 1], 32, {"a": 2, "b": 3}, 8, 0.0).eval()
    assert net.erased.shape == (16, 0)
    x = torch.randn(4, 2, 32, 32)
    before = net(x).identity
    q, _ = torch.linalg.qr(torch.randn(16, 3))
    net.erased = q
    after = net(x)
    assert torch.allclose(after.identity, before - before @ q @ q.T, atol=1e-5)
    assert (after.identity @ q).abs().max() < 1e-5
    with torch.autocast("cpu", torch.bfloat16):
        assert (net(x).identity @ q).abs().max() < 1e-2

"""Recognition without training, of so many captures at most."""

import numpy as np
import pytest

from psface.faces.arrays import Faces
from psface.measures import floors
from psface.measures.floors import floor_metrics
from psface.measures.intervals import draw_people
from psface.model.scale import Scale
from tests.packed_faces import write_faces


def test_of_many_captures_whole_people_are_tested(tmp_path, monkeypatch):
    table = write_faces(tmp_path, people=12, sessions=4)
    faces, scale = Faces(tmp_path, ("albedo",)), Scale([0.0], [1.0], 3.0)
    people = table["identity"].to_numpy()
    every = np.arange(len(table))
    third = np.flatnonzero(np.isin(people, np.unique(people)[::3]))
    embeddings = np.random.default_rng(0).normal(size=(len(table), 8))
    draws = draw_people(12, 50, 0)

    def measured(rows: np.ndarray, draws: np.ndarray) -> dict:
        return floor_metrics(faces, scale, rows, every, people[rows], embeddings[rows], draws)

    expected = measured(third, draws[:, ::3])
    monkeypatch.setattr(floors, "TESTED", 16)
    assert measured(every, draws) == expected
    monkeypatch.setattr(floors, "TESTED", 48)
    assert measured(every, draws) != expected


@pytest.fixture
def noise(tmp_path):
    """Crops that tell nothing of the people, who are eight, and the network's embeddings by how
    much these tell."""
    table = write_faces(tmp_path, people=8, sessions=5)
    rng = np.random.default_rng(1)
    array = np.load(tmp_path / "albedo.npy")
    np.save(tmp_path / "albedo.npy", rng.normal(size=array.shape).astype(array.dtype))
    people = table["identity"].to_numpy()
    own = rng.normal(size=(8, 16))[np.unique(people, return_inverse=True)[1]]
    faces, rows = Faces(tmp_path, ("albedo",)), np.arange(len(people))

    def measured(share: float) -> dict:
        embeddings = share * own + rng.normal(size=own.shape)
        scale, draws = Scale([0.0], [1.0], 3.0), draw_people(8, 200, 0)
        return floor_metrics(faces, scale, rows, rows, people, embeddings, draws)

    return measured


def test_a_network_that_has_learned_is_above_the_better_floor(noise):
    found = noise(10.0)
    assert found["above_floor"] == 1 - max(found["pixel_auc"], found["pca_auc"])
    assert 0.2 < found["above_floor_low"] < found["above_floor"] < found["above_floor_high"] < 0.8


def test_a_network_that_has_learned_nothing_is_no_better(noise):
    found = noise(0.0)
    assert found["above_floor_low"] < 0 and abs(found["above_floor"]) < 0.1


def test_one_person_alone_tells_nothing(tmp_path):
    table = write_faces(tmp_path, people=1, sessions=4)
    faces, rows = Faces(tmp_path, ("albedo",)), np.arange(len(table))
    people, embeddings = table["identity"].to_numpy(), np.eye(len(table))
    scale, draws = Scale([0.0], [1.0], 3.0), draw_people(1, 10, 0)
    found = floor_metrics(faces, scale, rows, rows, people, embeddings, draws)
    assert set(found.values()) == {None}

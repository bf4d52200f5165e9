"""Recognition without training, of so many captures at most."""

import numpy as np

from psface.faces.arrays import Faces
from psface.measures import floors
from psface.measures.floors import floor_metrics
from psface.model.scale import Scale
from tests.packed_faces import write_faces


def test_of_many_captures_whole_people_are_tested(tmp_path, monkeypatch):
    table = write_faces(tmp_path, people=12, sessions=4)
    faces, scale = Faces(tmp_path, ("albedo",)), Scale([0.0], [1.0], 3.0)
    people = table["identity"].to_numpy()
    every = np.arange(len(table))
    third = np.flatnonzero(np.isin(people, np.unique(people)[::3]))
    expected = floor_metrics(faces, scale, third, every, people[third])
    monkeypatch.setattr(floors, "TESTED", 16)
    assert floor_metrics(faces, scale, every, every, people) == expected
    monkeypatch.setattr(floors, "TESTED", 48)
    assert floor_metrics(faces, scale, every, every, people) != expected

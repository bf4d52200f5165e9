"""Precision, recall, average precision and landmark error, against plain counting."""

from pathlib import Path

import numpy as np
import pytest

from psface.commands.survey.detection_accuracy import accuracy
from psface.detect.annotations import Annotated
from psface.detect.face import Face, overlaps

NOWHERE = Path("a.jpg")


def picture(boxes, ignored=None, landmarks=None) -> Annotated:
    boxes = np.array(boxes, float).reshape(-1, 4)
    n = len(boxes)
    return Annotated(
        NOWHERE,
        boxes,
        np.full((n, 5, 2), np.nan) if landmarks is None else np.array(landmarks, float),
        np.zeros(n, bool) if ignored is None else np.array(ignored),
    )


def face(x1, y1, x2, y2, score, landmarks=None) -> Face:
    return Face(np.array([x1, y1, x2, y2], np.float32), score, landmarks)


def plain_overlap(a, b) -> float:
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    whole = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - width * height
    return width * height / whole


def plain(truth, found):
    """Average precision, precision and recall, one face after the other."""
    every = [(f.score, i, f) for i, faces in enumerate(found) for f in faces]
    every.sort(key=lambda item: -item[0])
    taken, right = set(), []
    for _, i, f in every:
        best, at = -1.0, None
        for j, box in enumerate(truth[i].boxes):
            if (i, j) not in taken and plain_overlap(f.box, box) > best:
                best, at = plain_overlap(f.box, box), (i, j)
        if best >= 0.5:
            taken.add(at)
        right.append(best >= 0.5)
    wanted = sum(len(t.boxes) for t in truth)
    points = []
    for n in range(1, len(right) + 1):
        points.append((sum(right[:n]) / wanted, sum(right[:n]) / n))
    area, before = 0.0, 0.0
    for i, (recall, _) in enumerate(points):
        area += (recall - before) * max(p for _, p in points[i:])
        before = recall
    return area, sum(right) / len(right), sum(right) / wanted


def test_against_plain_loops():
    rng = np.random.default_rng(3)
    truth, found = [], []
    for _ in range(40):
        corners = rng.uniform(0, 200, (rng.integers(0, 5), 2))
        boxes = np.concatenate([corners, corners + rng.uniform(20, 60, corners.shape)], axis=1)
        truth.append(picture(boxes))
        faces = [
            face(*(box + rng.normal(0, 4, 4)), rng.random()) for box in boxes if rng.random() < 0.8
        ]
        faces += [
            face(*(box + rng.normal(0, 6, 4)), rng.random()) for box in boxes if rng.random() < 0.3
        ]
        faces += [face(300, 300, 330, 340, rng.random())] if rng.random() < 0.5 else []
        found.append(faces)
    area, precision, recall = plain(truth, found)
    measured = accuracy(truth, found)
    assert measured["average_precision"] == pytest.approx(area)
    assert measured["precision"] == pytest.approx(precision)
    assert measured["recall"] == pytest.approx(recall)
    assert 0.3 < area < 0.95


def test_overlaps():
    a = np.array([[0, 0, 10, 10], [5, 5, 15, 15], [20, 20, 20, 20]])
    np.testing.assert_allclose(overlaps(a, a)[0], [1, 25 / 175, 0])
    assert overlaps(a, np.zeros((0, 4))).shape == (3, 0)


def test_a_face_found_twice_counts_once():
    truth = [picture([[0, 0, 10, 10]])]
    measured = accuracy(truth, [[face(0, 0, 10, 10, 0.9), face(1, 0, 10, 10, 0.8)]])
    assert (measured["precision"], measured["recall"]) == (0.5, 1)
    assert measured["average_precision"] == 1  # the wrong one comes after all are found


def test_ignored_faces_count_neither_way():
    truth = [picture([[0, 0, 10, 10], [50, 50, 70, 70]], ignored=[False, True])]
    both = [[face(0, 0, 10, 10, 0.5), face(50, 50, 70, 70, 0.9), face(51, 50, 70, 70, 0.8)]]
    assert accuracy(truth, both)["average_precision"] == 1
    assert accuracy(truth, both)["precision"] == 1
    assert accuracy(truth, [[face(0, 0, 10, 10, 0.5)]])["recall"] == 1


def test_landmark_error_is_in_distances_of_the_eyes():
    five = np.array([[2, 3], [6, 3], [4, 5], [3, 8], [5, 8]], float)
    truth = [picture([[0, 0, 10, 10]], landmarks=[five])]
    moved = five + [0.4, 0.3]
    moved[3] = np.nan  # not every detector knows every point
    measured = accuracy(truth, [[face(0, 0, 10, 10, 0.9, moved)]])
    assert measured["landmark_error"] == pytest.approx(0.5 / 4)
    assert accuracy(truth, [[face(0, 0, 10, 10, 0.9)]])["landmark_error"] is None
    assert accuracy(truth, [[face(40, 40, 50, 50, 0.9, moved)]])["landmark_error"] is None


def test_nothing_found_and_nothing_wanted():
    measured = accuracy([picture([[0, 0, 1, 1]])], [[]])
    assert measured["precision"] is None
    assert measured["recall"] == 0 and measured["average_precision"] == 0
    measured = accuracy([picture([])], [[face(0, 0, 5, 5, 0.5)]])
    assert measured["precision"] == 0
    assert measured["recall"] is None and measured["average_precision"] is None

"""Windows and their labels: what a network learns must be what the cascade makes of its output."""

from pathlib import Path

import numpy as np
import pytest
import torch

from psface.commands.train_detector.cascade_training import _batch
from psface.commands.train_detector.training_windows import (
    Samples,
    balanced,
    cut_out,
    fewer,
    label,
    mine,
    random_windows,
)
from psface.detect.annotations import Annotated
from psface.detect.face import overlaps
from psface.detect.mtcnn.boxes import shift
from psface.detect.mtcnn.cascade import _points
from psface.detect.mtcnn.networks import SIDES
from psface.detect.mtcnn.proposals import CELL

FIVE = np.array([[60, 70], [90, 70], [75, 85], [62, 100], [88, 100]], float)
UNKNOWN = np.full((5, 2), np.nan)


def picture(boxes, landmarks=None, ignored=None) -> Annotated:
    boxes = np.array(boxes, float).reshape(-1, 4)
    n = len(boxes)
    points = np.stack([UNKNOWN] * n) if n and landmarks is None else landmarks
    return Annotated(
        Path("a.jpg"),
        boxes,
        np.zeros((0, 5, 2)) if n == 0 else np.array(points, float),
        np.zeros(n, bool) if ignored is None else np.array(ignored),
    )


ONE = picture([[50, 50, 100, 110]], [FIVE])


@pytest.mark.parametrize("name", ["rnet", "onet"])
def test_a_learned_box_and_landmarks_come_out_where_they_are(name):
    windows = np.array([[45, 45, 105, 105], [55, 50, 115, 110], [300, 300, 360, 360]], float)
    kept, face, box, landmarks = label(windows, ONE, name)
    assert kept.tolist() == [0, 1, 2] and face.tolist() == [1, 1, 0]
    found = shift(windows[:2], box[:2])
    np.testing.assert_allclose(found, np.tile(ONE.boxes, (2, 1)), atol=1e-4)
    np.testing.assert_allclose(_points(landmarks[:2], windows[:2]), np.stack([FIVE] * 2), atol=1e-4)
    assert (box[2] == 0).all() and np.isnan(landmarks[2]).all()


def test_a_learned_box_of_pnet_comes_out_where_it_is():
    """A cell of P-Net at some level: its window, and its box as `Proposals` decodes it."""
    scale, row, column = CELL / 60, 5, 4
    corner = np.array([column, row]) * 2.0
    window = np.concatenate([corner, corner + CELL])[None] / scale
    truth = picture([window[0] + [3, -4, 5, 6]])
    _, face, box, _ = label(window, truth, "pnet")
    assert face.tolist() == [1]
    start = corner + 1
    decoded = np.concatenate([start, start + CELL - 1]) + box[0] * (CELL - 1)
    np.testing.assert_allclose(decoded / scale, truth.boxes[0], atol=1e-4)


def test_classes_by_overlap():
    side = 60.0
    truth = picture([[100, 100, 160, 160]])
    moves = np.array([0, 5, 15, 22, 30, 200])
    windows = np.stack([moves + 100, moves * 0 + 100, moves + 160, moves * 0 + 160], 1).astype(
        float
    )
    shared = (side - moves[:5]) / (side + moves[:5])
    assert ((shared > 0.65) == [True, True, False, False, False]).all()
    kept, face, _, _ = label(windows, truth, "rnet")
    # 0.6 and 0.46 are parts; 0.33 is neither; nothing shared is no face.
    assert kept.tolist() == [0, 1, 2, 3, 5] and face.tolist() == [1, 1, -1, -1, 0]


def test_ignored_faces_are_not_learned_either_way():
    truth = picture([[100, 100, 160, 160]], ignored=[True])
    windows = np.array([[100, 100, 160, 160], [300, 300, 360, 360]], float)
    kept, face, _, _ = label(windows, truth, "onet")
    assert kept.tolist() == [1] and face.tolist() == [0]


def test_a_picture_without_faces_has_only_what_is_none():
    windows = np.array([[0, 0, 30, 30], [5, 5, 40, 40]], float)
    kept, face, _, landmarks = label(windows, picture([]), "onet")
    assert len(kept) == 2 and (face == 0).all() and np.isnan(landmarks).all()


@pytest.mark.parametrize("name", SIDES)
def test_windows_show_what_they_frame(name):
    """A ramp: the value of each pixel tells where it was taken."""
    rows, columns = np.indices((200, 240))
    image = np.stack([columns, rows, columns * 0 + 9], axis=2).astype(np.uint8)
    windows = np.array([[60, 40, 108, 88], [20, 30, 44, 54], [10, 10, 22, 22]], float)
    cut = cut_out(image, windows, name).astype(float)
    assert cut.shape == (3, SIDES[name], SIDES[name], 3)
    for part, (x1, y1, x2, y2) in zip(cut, windows, strict=True):
        # P-Net's pixels are means between the window's edges; the others' first and last lie on
        # them.
        middle = (
            [(x1 + x2 - 1) / 2, (y1 + y2 - 1) / 2]
            if name == "pnet"
            else [(x1 + x2) / 2, (y1 + y2) / 2]
        )
        assert part[..., :2].mean(axis=(0, 1)) == pytest.approx(middle, abs=0.6)
        step = (x2 - x1) / (SIDES[name] - (name != "pnet"))
        assert np.diff(part[..., 0], axis=1).mean() == pytest.approx(step, rel=0.05)
    outside = cut_out(image, np.array([[-500, -500, -440, -440]], float), name)
    assert np.abs(outside.astype(int) - 127).max() <= 1


def test_random_windows_are_squares_of_all_kinds():
    rng = np.random.default_rng(0)
    windows = random_windows(rng, ONE, (200, 240))
    sides = windows[:, 2:] - windows[:, :2]
    np.testing.assert_allclose(sides[:, 0], sides[:, 1])
    best = overlaps(windows, ONE.boxes).max(axis=1)
    assert (best > 0.65).any() and ((best > 0.4) & (best < 0.65)).any() and (best < 0.3).sum() > 20


def test_balance():
    face = np.array([1] * 4 + [-1] * 20 + [0] * 100)
    chosen = face[balanced(np.random.default_rng(0), face)]
    assert [(chosen == kind).sum() for kind in (1, -1, 0)] == [4, 4, 12]


def test_what_was_wrongly_proposed_is_kept():
    rng = np.random.default_rng(0)
    wrong = np.array([[i, 150, i + 30, 180] for i in range(0, 200, 2)], float)
    image = np.zeros((200, 240, 3), np.uint8)
    samples = mine(rng, [ONE], [image], [wrong], "rnet", most=1000)
    assert (samples.face == 0).sum() >= len(wrong)
    assert len(samples.pixels) == len(samples.box) == len(samples.landmarks) == len(samples)


def test_when_there_are_too_many_all_kinds_are_left():
    rng = np.random.default_rng(0)
    wrong = np.array([[i % 200, 150, i % 200 + 30, 180] for i in range(300)], float)
    image = np.zeros((200, 240, 3), np.uint8)
    samples = mine(rng, [ONE], [image], [wrong], "rnet", most=25)
    faces, parts, none = ((samples.face == kind).sum() for kind in (1, -1, 0))
    assert 3 <= faces <= 5 and 3 <= parts <= 5 and none == 15
    rows, face = np.arange(40), np.array([1] * 10 + [0] * 30)
    hard = rows >= 30
    kept = fewer(rng, rows, face, hard, 20)
    assert hard[kept].sum() == 10  # before any that are easy


@pytest.mark.parametrize("name", SIDES)
def test_a_mirrored_window_has_mirrored_labels(name):
    """As the labels of the mirrored picture."""
    window = np.array([[45, 40, 117, 112]], float)
    x1, _, x2, _ = window[0]
    _, face, box, landmarks = label(window, ONE, name)
    turned = ONE.boxes[:, [2, 1, 0, 3]] * [-1, 1, -1, 1] + [x1 + x2, 0, x1 + x2, 0]
    points = FIVE[[1, 0, 2, 4, 3]] * [-1, 1] + [x1 + x2 - 1, 0]
    _, _, expected_box, expected_points = label(window, picture(turned, [points]), name)

    pixels = np.random.default_rng(0).integers(0, 255, (1, SIDES[name], SIDES[name], 3), np.uint8)
    samples = Samples(pixels, face, box, landmarks)
    seen = {}
    for seed in range(12):
        generator = torch.Generator().manual_seed(seed)
        x, (_, b, five) = _batch(samples, np.array([0]), name, generator, torch.device("cpu"))
        same = np.corrcoef(x[0, 0].ravel(), pixels[0, ..., 0].ravel())[0, 1] > 0.9
        seen[bool(same)] = b.numpy(), five.numpy()
    assert set(seen) == {True, False}
    np.testing.assert_allclose(seen[True][0], box)
    np.testing.assert_allclose(seen[False][0], expected_box, atol=1e-5)
    np.testing.assert_allclose(seen[False][1], expected_points, atol=0.02)

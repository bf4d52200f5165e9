"""Annotated pictures of simulated people."""

from pathlib import Path

import numpy as np
import pytest

from psface.captures.media import read_picture
from psface.commands.scenes.scene_set import render_scene, scenes
from psface.commands.survey.detection_accuracy import accuracy
from psface.detect.annotations import Annotated, read_annotations
from psface.detect.face import overlaps
from psface.detect.mtcnn.cascade import MTCNN


@pytest.fixture
def params(settings):
    return settings.scenes.model_copy(update={"train": 3, "test": 2})


@pytest.fixture(scope="module")
def rendered(settings):
    return [render_scene(settings.scenes, 5, number) for number in range(14)]


def test_faces_lie_in_the_picture_and_landmarks_in_the_faces(rendered, settings):
    p = settings.scenes
    for image, boxes, landmarks in rendered:
        assert image.shape == (p.height, p.width, 3) and image.dtype == np.uint8
        assert (boxes[:, :2] > -2).all()
        assert (boxes[:, 2:] < np.array([p.width, p.height]) + 2).all()
        inside = (landmarks > boxes[:, None, :2]) & (landmarks < boxes[:, None, 2:])
        assert inside.mean() > 0.97 if len(boxes) else True
        left, right, _, mouth_left, mouth_right = landmarks.transpose(1, 0, 2)
        assert (left[:, 0] < right[:, 0]).all() and (mouth_left[:, 0] < mouth_right[:, 0]).all()
        shared = overlaps(boxes, boxes) - np.eye(len(boxes))
        assert (shared <= 0).all()
    assert 0 in {len(boxes) for _, boxes, _ in rendered}
    sizes = np.concatenate([boxes[:, 3] - boxes[:, 1] for _, boxes, _ in rendered])
    assert sizes.min() < 60 and sizes.max() > 90


def test_the_packaged_detector_agrees_with_the_annotation(rendered):
    """Boxes as people who annotated WIDER FACE drew them, whose detector this is."""
    truth = [Annotated(Path("a"), b, five, np.zeros(len(b), bool)) for _, b, five in rendered]
    found = MTCNN(20).detect([image for image, _, _ in rendered])
    measured = accuracy(truth, found)
    assert measured["recall"] > 0.8 and measured["precision"] > 0.9
    assert measured["landmark_error"] < 0.15


def test_a_picture_depends_on_its_number_alone(settings):
    first, again = (render_scene(settings.scenes, 5, 3) for _ in range(2))
    for a, b in zip(first, again, strict=True):
        assert (a == b).all()
    assert (render_scene(settings.scenes, 6, 3)[0] != first[0]).any()


@pytest.mark.usefixtures("one_process")
def test_what_is_written(params, tmp_path):
    faces = scenes(params, 1, tmp_path)
    train = read_annotations(tmp_path / "train" / "label.txt", "wider")
    test = read_annotations(tmp_path / "test" / "label.txt", "wider")
    assert (len(train), len(test)) == (3, 2)
    assert sum(len(picture.boxes) for picture in (*train, *test)) == faces
    image = read_picture(test[0].path)
    whole, boxes, landmarks = render_scene(params, 1, 3)
    assert np.abs(image.astype(int) - whole).mean() < 8
    np.testing.assert_allclose(test[0].boxes, boxes, atol=0.02)
    np.testing.assert_allclose(test[0].landmarks, landmarks, atol=0.02)

"""The detector on photographs, and on what is none."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from stages.crop import mtcnn
from stages.crop.mtcnn import MTCNN
from stages.errors import UserError
from stages.images import read_frame

SMALLEST = 40
# What the weights find in two photographs: the box and the five landmarks of each face.
KNOWN = {
    "2008_002506.jpg": [
        ([117.0, 51.9, 202.8, 160.8], [155.9, 87.5, 192.9, 97.9, 180.5, 105.7, 147.0, 125.3]),
        ([344.0, 75.7, 436.3, 188.3], [362.1, 121.5, 401.3, 109.9, 381.7, 133.7, 371.2, 161.1]),
        ([227.3, 86.5, 307.5, 189.6], [247.5, 128.3, 285.2, 123.4, 267.0, 143.4, 253.6, 164.4]),
    ],
    "2008_001009.jpg": [
        ([132.2, 195.7, 211.5, 302.7], [149.2, 239.6, 185.2, 232.4, 166.9, 253.6, 157.0, 276.3]),
        ([146.9, 70.2, 214.8, 157.4], [165.1, 104.5, 196.2, 100.4, 183.1, 116.1, 171.8, 137.1]),
    ],
}


@pytest.fixture(scope="module")
def detector() -> MTCNN:
    return MTCNN(SMALLEST)


@pytest.fixture(scope="module")
def annotated(shared_data) -> dict[str, list[np.ndarray]]:
    """Boxes x1, y1, x2, y2 of the faces in each photograph of dlib's examples."""
    faces: dict[str, list[np.ndarray]] = {}
    for path in (shared_data / "dlib_faces").glob("*.xml"):
        for image in ET.parse(path).getroot().iter("image"):
            boxes = []
            for box in image.iter("box"):
                x, y, w, h = (float(box.get(k)) for k in ("left", "top", "width", "height"))
                boxes.append(np.array([x, y, x + w, y + h]))
            faces[image.get("file")] = boxes
    return faces


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union."""
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])
    shared = np.clip(high - low, 0, None).prod()
    return float(shared / ((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - shared))


def test_recall_and_precision_on_photographs(shared_data, annotated):
    detector = MTCNN(30)
    found, wanted, false = 0, 0, 0
    for name, boxes in annotated.items():
        faces = detector.detect(read_frame(shared_data / "dlib_faces" / name))
        wanted += len(boxes)
        found += sum(any(overlap(box, f.box) > 0.4 for f in faces) for box in boxes)
        false += sum(all(overlap(box, f.box) < 0.4 for box in boxes) for f in faces)
    assert wanted == 43
    assert found >= 40 and false <= 1


@pytest.mark.parametrize("name", KNOWN)
def test_known_faces_to_a_pixel(shared_data, detector, name):
    faces = detector.detect(read_frame(shared_data / "dlib_faces" / name))
    assert [face.score for face in faces] == sorted((f.score for f in faces), reverse=True)
    assert len(faces) == len(KNOWN[name])
    for box, points in KNOWN[name]:
        face = min(faces, key=lambda face: np.abs(face.box - box).max())
        assert face.box == pytest.approx(box, abs=1)
        assert face.landmarks.ravel()[:8] == pytest.approx(points, abs=1)
        assert face.score > 0.99


def test_landmarks_asked_for_again(shared_data, detector):
    """Near the detection's own, the same for the mirrored face, and one answer for all images."""
    image = read_frame(shared_data / "dlib_faces" / "2008_002506.jpg")
    mirrored = np.ascontiguousarray(image[:, ::-1])
    for face in detector.detect(image):
        width = face.box[2] - face.box[0]
        again = detector.landmarks([image], face.box)
        assert np.hypot(*(again - face.landmarks).T).max() < 0.06 * width
        x1, y1, x2, y2 = face.box
        box = np.array([image.shape[1] - x2, y1, image.shape[1] - x1, y2])
        turned = detector.landmarks([mirrored], box)[[1, 0, 2, 4, 3]]
        turned[:, 0] = image.shape[1] - 1 - turned[:, 0]
        assert turned == pytest.approx(again, abs=0.1)
        three = detector.landmarks([image, image, np.zeros_like(image)], face.box)
        assert three == pytest.approx(again, abs=float(0.04 * width))


def test_landmarks_lie_as_a_face_s_do(shared_data, detector):
    for face in detector.detect(read_frame(shared_data / "dlib_faces" / "2008_002506.jpg")):
        left_eye, right_eye, nose, mouth_left, mouth_right = face.landmarks
        assert left_eye[0] < right_eye[0] and mouth_left[0] < mouth_right[0]
        assert max(left_eye[1], right_eye[1]) < nose[1] < min(mouth_left[1], mouth_right[1])
        assert (face.landmarks > face.box[:2]).all() and (face.landmarks < face.box[2:]).all()


def test_smaller_faces_than_asked_for_are_not_looked_for(shared_data):
    image = read_frame(shared_data / "dlib_faces" / "2008_004176.jpg")  # seven faces of 37 px
    assert len(MTCNN(20).detect(image)) == 7
    assert MTCNN(120).detect(image) == []


@pytest.mark.parametrize(
    "shape", [(1, 1), (13, 11), (11, 300), (1, 400), (60, 60), (200, 150)], ids=str
)
@pytest.mark.parametrize("fill", ["black", "white", "noise", "ramp"])
def test_no_face(detector, shape, fill):
    rng = np.random.default_rng(0)
    image = {
        "black": np.zeros(shape),
        "white": np.ones(shape),
        "noise": rng.random(shape),
        "ramp": np.linspace(0, 1, shape[1])[None] * np.ones(shape),
    }[fill]
    assert detector.detect(image.astype(np.float32)) == []


def test_the_same_image_gives_the_same_faces(shared_data, detector):
    image = read_frame(shared_data / "dlib_faces" / "2008_002506.jpg")
    first, second = detector.detect(image), detector.detect(image)
    for a, b in zip(first, second, strict=True):
        assert a.score == b.score and (a.box == b.box).all() and (a.landmarks == b.landmarks).all()


@pytest.mark.parametrize("name", list(mtcnn.SHA256))
def test_tampered_weights_are_not_unpickled(monkeypatch, name):
    monkeypatch.setitem(mtcnn.SHA256, name, "0" * 64)
    monkeypatch.setattr(mtcnn.joblib, "load", lambda file: pytest.fail("unpickled"))
    with pytest.raises(UserError, match=rf"{name}\.lz4: not the weights of mtcnn 1\.0\.0"):
        mtcnn._load_weights(name)


def test_without_the_package(monkeypatch):
    monkeypatch.setattr(mtcnn.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="mtcnn package is not installed; run `make setup`"):
        MTCNN(40)

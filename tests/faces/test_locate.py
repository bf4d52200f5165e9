"""Which face is taken, and on which image it is found."""

import numpy as np
import pytest

from psface.captures.images import read_frame
from psface.captures.ingest_params import IngestParams
from psface.captures.layouts.yale import read_yale
from psface.detect.face import Face
from psface.faces import locate
from psface.faces.locate import detect_padded, find_face
from psface.stereo.aligned_frames import align
from psface.stereo.registration import register


@pytest.fixture
def params(settings):
    return settings.crop.model_copy(update={"padding": 0.0, "min_face_size": 60})


@pytest.fixture(scope="module")
def registered(simulated_captures) -> list[np.ndarray]:
    frames = [s.pixels().grey for s in simulated_captures]
    return [align(f, register(f)) for f in frames]


def test_simulated_faces_are_found_at_their_landmarks(registered, simulated_captures, params):
    for frames, session in zip(registered, simulated_captures, strict=True):
        found = find_face(frames, frames.mean(axis=0), None, params)
        assert found is not None
        face, found_on = found
        assert found_on == "mean" and face.score > 0.8
        eyes = np.linalg.norm(session.landmarks[1] - session.landmarks[0])
        error = np.hypot(*(face.landmarks - session.landmarks).T)
        assert error.mean() < 0.07 * eyes and error.max() < 0.15 * eyes


@pytest.mark.parametrize("nearer", [0, 1])
def test_of_several_faces_the_one_nearest_the_middle_is_taken(registered, params, nearer):
    first, second = registered[0], registered[2]
    margin = np.zeros((4, first.shape[1], 240), np.float32)
    parts = [margin, first, second] if nearer == 0 else [first, second, margin]
    frames = np.concatenate(parts, axis=2)
    offset = (240 if nearer == 0 else 0) + nearer * first.shape[2]
    assert len(detect_padded(frames.mean(axis=0), params)) == 2
    found, _ = find_face(frames, frames.mean(axis=0), None, params)
    alone, _ = find_face(registered[2 * nearer], registered[2 * nearer].mean(axis=0), None, params)
    assert found.landmarks == pytest.approx(alone.landmarks + [offset, 0], abs=3)


@pytest.mark.parametrize(
    ("calls", "image"), [(1, "mean"), (2, "frame 0"), (4, "frame 2"), (6, "albedo"), (7, "given")]
)
def test_the_images_are_tried_in_order(monkeypatch, params, calls, image):
    tried = []

    def detect(picture, params):
        tried.append(picture)
        face = Face(np.array([1.0, 1, 5, 5]), 0.9, np.ones((5, 2)))
        return [face] if len(tried) == calls else []

    monkeypatch.setattr(locate, "detect_padded", detect)
    frames = np.random.default_rng(0).random((4, 8, 9)).astype(np.float32)
    given = np.arange(10.0).reshape(5, 2)
    face, found_on = find_face(frames, frames[0] * 3, given, params)
    assert found_on == image and len(tried) == min(calls, 6)
    np.testing.assert_allclose(tried[0], frames.mean(axis=0), rtol=1e-6)
    if image == "given":
        assert (face.landmarks == given).all()


def test_nothing_found_and_nothing_given(params):
    frames = np.zeros((4, 80, 90), np.float32)
    assert find_face(frames, frames[0], None, params) is None


def test_padding_does_not_move_the_face(registered, params):
    image = registered[0].mean(axis=0)
    wide = params.model_copy(update={"padding": 0.3})
    [plain], [padded] = detect_padded(image, params), detect_padded(image, wide)
    assert padded.landmarks == pytest.approx(plain.landmarks, abs=4)


def test_the_real_capture_is_found_on_its_mean_image(shared_data, params):
    folder = shared_data / "photoface" / "Photometric_DB" / "1001" / "2008-03-01_07-57-06"
    frames = np.stack([read_frame(folder / f"im{i}.bmp") for i in range(4)])
    frames = align(frames, register(frames))
    face, found_on = find_face(frames, frames.mean(axis=0), None, params)
    assert found_on == "mean" and face.score > 0.95
    # Read off the picture: the irises, the tip of the nose and the corners of the mouth.
    expected = [[208, 326], [340, 314], [273, 360], [228, 450], [345, 444]]
    assert np.hypot(*(face.landmarks - expected).T).max() < 15


def drawn(params: IngestParams, **yale: object) -> IngestParams:
    """Parameters with changes in their section ``yale``."""
    return params.model_copy(update={"yale": params.yale.model_copy(update=yale)})


def test_yale_faces_are_found_when_padded(shared_data, settings, params):
    yale = drawn(settings.ingest, sessions_per_identity=1, max_angle=50.0)
    wide = params.model_copy(update={"padding": 0.3})
    sessions = list(read_yale(shared_data / "extended_yale_b", yale, 1))
    assert len(sessions) == 29
    found = 0
    for session in sessions:
        frames = session.pixels().grey
        found += find_face(frames, frames.mean(axis=0), None, wide) is not None
    assert found >= 0.95 * len(sessions)


def test_landmarks_are_steadier_than_one_detection(shared_data, settings, params):
    """Yale's people sit still: their landmarks should not move when the lights change."""
    yale = drawn(settings.ingest, sessions_per_identity=3)
    wide = params.model_copy(update={"padding": 0.3})
    sessions = list(read_yale(shared_data / "extended_yale_b", yale, 1))[:24]
    once, agreed = {}, {}
    for session in sessions:
        frames = session.pixels().grey
        mean = frames.mean(axis=0)
        if faces := detect_padded(mean, wide):
            once.setdefault(session.identity, []).append(faces[0].landmarks)
            face, _ = find_face(frames, mean, None, wide)
            agreed.setdefault(session.identity, []).append(face.landmarks)

    def spread(landmarks) -> float:
        return float(np.sqrt(np.mean([np.var(points, axis=0) for points in landmarks.values()])))

    assert spread(agreed) < 0.8 * spread(once)

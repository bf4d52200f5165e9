"""Lights in the wrong order or with wrong signs, found from the faces; and stale rigs."""

import hashlib
import itertools
import pickle

import numpy as np
import pytest

from psface.faces.alignment import crop_image, similarity
from psface.faces.crop_lights import turned_lights
from psface.faces.lamp_check import LampTrust, check_lamps
from psface.faces.lamp_hypotheses import FLIPS, Lights, candidates, face_pixels, normals_under
from psface.faces.mean_face import ASSET, ASSET_DIGEST, SIDE, learn_mean_face, read_mean_face
from psface.faces.rig_check import Checked, check_rig
from psface.stereo.aligned_frames import align
from psface.stereo.normals import photometric_stereo
from psface.stereo.registration import register
from tests.shapes import FOUR_LIGHTS

CROP = 64


@pytest.fixture(scope="module")
def crops(simulated_captures) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Registered crops, lights turned into them, and landmarks in them."""
    out = []
    for capture in simulated_captures:
        frames = capture.pixels().grey
        frames = align(frames, register(frames))
        matrix = similarity(capture.landmarks, CROP)
        small = np.stack([crop_image(frame, matrix, CROP) for frame in frames])
        points = np.column_stack([capture.landmarks, np.ones(5)]) @ matrix.T
        out.append((small, turned_lights(capture.lights, matrix), points))
    return out


def codes(trust: LampTrust) -> list[str]:
    return [warning.code for warning in trust.warnings]


def mends(trust: LampTrust, wrong: np.ndarray, true: np.ndarray) -> bool:
    """Whether the lights that the check suggests give the true normals, or nearly."""
    seen = np.linalg.pinv(Lights(trust.order, trust.flip).vectors(wrong)) @ true
    return float(np.linalg.norm(seen - np.eye(3))) < 0.25


def test_right_lights_are_trusted(crops):
    for frames, lights, points in crops:
        trust = check_lamps(frames, lights, landmarks=points)
        assert trust.warnings == () and trust.order == (0, 1, 2, 3) and trust.flip == ""
        assert pickle.loads(pickle.dumps(trust)) == trust


@pytest.mark.parametrize("flip", ["x", "y", "xy"])
def test_wrong_signs_are_found(crops, flip):
    for frames, lights, points in crops:
        wrong = lights @ FLIPS[flip]
        trust = check_lamps(frames, wrong, landmarks=points)
        assert codes(trust) in (["lamps-flipped"], ["lamps-order"])
        assert mends(trust, wrong, lights)


def test_every_wrong_order_is_found(crops):
    orders = list(itertools.permutations(range(4)))[1:]
    for number, order in enumerate(orders):
        frames, lights, points = crops[number % len(crops)]
        wrong = lights[list(order)]
        trust = check_lamps(frames, wrong, landmarks=points)
        assert codes(trust) and mends(trust, wrong, lights), order


def test_the_remedy_of_two_swapped_frames_names_them(crops):
    frames, lights, points = crops[0]
    trust = check_lamps(frames[[0, 2, 1, 3]], lights, landmarks=points)
    assert "swap frames 1 and 2" in trust.warnings[0].remedy


def test_three_lamps_suffice_for_orders(crops):
    for frames, lights, points in crops[:4]:
        assert check_lamps(frames[:3], lights[:3], landmarks=points).warnings == ()
        wrong = lights[[1, 0, 2]]
        trust = check_lamps(frames[:3], wrong, landmarks=points)
        assert codes(trust) == ["lamps-order"]


def test_many_lamps_are_put_in_order():
    """With more lamps than orders can be tried, the frames suggest the order."""
    face, around = read_mean_face(), np.linspace(0, 2 * np.pi, 8, endpoint=False)
    lights = np.stack([0.6 * np.cos(around), 0.6 * np.sin(around), np.full(8, 0.8)], axis=1)
    frames = 0.7 * np.clip(np.tensordot(lights, face.mean, 1), 0, 1)
    order = np.random.default_rng(2).permutation(8)
    trust = check_lamps(frames[order].astype(np.float32), lights)
    assert codes(trust) == ["lamps-order"]
    np.testing.assert_allclose(lights[list(trust.order)], lights[order], atol=1e-9)


def test_a_lamp_that_stays_dark_among_many_is_no_error():
    face, around = read_mean_face(), np.linspace(0, 2 * np.pi, 8, endpoint=False)
    lights = np.stack([0.6 * np.cos(around), 0.6 * np.sin(around), np.full(8, 0.8)], axis=1)
    frames = 0.7 * np.clip(np.tensordot(lights, face.mean, 1), 0, 1).astype(np.float32)
    frames[3] = 0
    assert check_lamps(frames, lights).pixels > 100


@pytest.fixture(scope="module")
def near_face() -> tuple[np.ndarray, np.ndarray]:
    """The mean face under lamps near by: frames, and the light at each pixel."""
    x, y = np.meshgrid(np.linspace(-0.2, 0.2, SIDE), np.linspace(0.2, -0.2, SIDE))
    to_lamp = FOUR_LIGHTS[..., None, None] - np.stack([x, y, np.zeros_like(x)])
    light = to_lamp / np.linalg.norm(to_lamp, axis=1, keepdims=True) ** 3
    frames = 0.7 * np.clip((light * read_mean_face().mean).sum(axis=1), 0, None)
    return frames.astype(np.float32), light


def test_a_face_under_near_lamps_is_judged_by_the_light_of_each_pixel(near_face):
    frames, light = near_face
    near, distant = check_lamps(frames, light), check_lamps(frames, light.mean(axis=(2, 3)))
    np.testing.assert_allclose(near.stretch, 0, atol=0.05)
    assert sum(distant.stretch) < sum(near.stretch) - 0.2  # taken for distant, it looks steep
    assert near.score < distant.score - 0.5 and near.warnings == ()


@pytest.mark.parametrize(
    "reading", [Lights((1, 0, 2, 3)), Lights((2, 3, 0, 1)), Lights((0, 1, 2, 3), "x")]
)
def test_wrong_near_lamps_are_found(near_face, reading):
    frames, light = near_face
    wrong = reading.vectors(light)
    trust = check_lamps(frames, wrong)
    mended = Lights(trust.order, trust.flip).vectors(wrong)
    assert trust.warnings and np.abs(mended - light).mean() < 0.02


def test_a_camera_s_curve_is_found(crops):
    found = [
        codes(check_lamps(frames ** np.float32(1 / 2.2), lights, landmarks=points))
        for frames, lights, points in crops
    ]
    assert all(names in (["not-linear"], ["lamps-stale"]) for names in found)
    assert found.count(["not-linear"]) > len(found) / 2  # the others are of a bearded man


def test_too_little_face_says_nothing(crops):
    frames, lights, _ = crops[0]
    nothing = check_lamps(np.zeros_like(frames), lights)
    assert np.isnan(nothing.score) and nothing.warnings == ()
    valid = np.zeros((CROP, CROP), bool)
    valid[:10, :10] = True
    assert check_lamps(frames, lights, valid).warnings == ()


def test_a_rig_s_faults_show_over_many_captures(crops):
    def over_all(lights_of) -> set[str]:
        results = []
        for frames, lights, points in crops:
            trust = check_lamps(frames, lights_of(lights), landmarks=points)
            results.append(Checked(lights_of(FOUR_LIGHTS), None, trust))
        return {warning.code for warning in check_rig(results)[0]}

    assert over_all(lambda lights: lights) == set()
    assert over_all(lambda lights: lights @ FLIPS["y"]) <= {"rig-lamps-flipped", "rig-lamps-order"}
    assert over_all(lambda lights: lights @ FLIPS["y"])
    angle = np.radians(12)
    turn = np.array(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    )
    assert over_all(lambda lights: lights @ turn.T) == {"rig-stale"}
    assert check_rig([]) == ([], [])


def test_pixels_that_share_their_lamps_are_solved_as_by_stereo(crops):
    frames, lights, _ = crops[0]
    pixels = face_pixels(frames, np.ones((CROP, CROP), bool))
    normals, misfit = normals_under(pixels, lights[None])
    expected, _ = photometric_stereo(frames, lights)
    expected = expected.reshape(3, -1)[:, pixels.places]
    unclear = (normals[0] * expected).sum(axis=0) < 0.999  # stereo needs lamps that span space
    assert unclear.mean() < 0.3
    assert np.isnan(misfit[0][pixels.used.sum(axis=0) == 3]).all()


def test_candidates_are_distinct_and_begin_with_the_given():
    tried = candidates(FOUR_LIGHTS, None)
    assert tried[0] == Lights((0, 1, 2, 3)) and len(set(tried)) == len(tried) == 27


def test_a_learned_face_is_read_as_written(tmp_path):
    rng = np.random.default_rng(0)
    bent = np.stack(np.meshgrid(*[np.linspace(-0.5, 0.5, SIDE)] * 2))
    faces = np.stack([[*(bent * rng.uniform(0.8, 1.2)), np.ones((SIDE, SIDE))] for _ in range(30)])
    faces /= np.linalg.norm(faces, axis=1, keepdims=True)
    model = learn_mean_face(faces, np.ones((30, SIDE, SIDE), bool), rng.random((30, 5, 2)))
    model.write(tmp_path / "face.npz")
    again = read_mean_face(tmp_path / "face.npz")
    np.testing.assert_allclose(again.mean, model.mean, atol=1e-3)
    np.testing.assert_allclose(again.components, model.components, atol=0.01)


def test_the_package_s_face_is_small_and_a_face():
    assert ASSET.stat().st_size < 60_000
    assert hashlib.sha256(ASSET.read_bytes()).hexdigest() == ASSET_DIGEST
    face = read_mean_face()
    right, left = face.mean[0, :, 24][face.seen[:, 24]], face.mean[0, :, 7][face.seen[:, 7]]
    assert right.mean() > 0.3 and left.mean() < -0.3

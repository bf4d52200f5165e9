import json
from pathlib import Path

import numpy as np
import pytest

from psface.captures.images import read_frame
from psface.stereo.aligned_frames import align
from psface.stereo.registration import MAX_SHIFT, orientation_field, register
from tests.shapes import lit, sphere


def true_shifts(session) -> np.ndarray:
    told = Path(session.frames[0]).with_name("truth.json").read_text(encoding="utf-8")
    return np.array(json.loads(told)["shifts"])


@pytest.fixture(scope="module")
def still(simulated_captures) -> list[np.ndarray]:
    """Frames under four lights whose heads do not move: the simulator's shifts are undone."""
    return [align(s.pixels().grey, true_shifts(s)) for s in simulated_captures]


def distance(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    return np.hypot(*(found - true)[1:].T)


def test_shifts_between_lights_are_found(simulated_captures):
    errors = [distance(register(s.pixels().grey), true_shifts(s)) for s in simulated_captures]
    assert np.median(errors) < 0.5 and np.max(errors) < 1.5
    unmoved = [distance(np.zeros((4, 2)), true_shifts(s)) for s in simulated_captures]
    assert np.median(unmoved) > 2


@pytest.mark.parametrize("count", [3, 4])
def test_known_shifts_of_any_number_of_frames_are_found(still, count):
    rng = np.random.default_rng(count)
    errors = []
    for frames in still:
        shifts = np.vstack([[0, 0], rng.uniform(-8, 8, (count - 1, 2))])
        moved = align(frames[:count], -shifts)
        errors.append(distance(register(moved), shifts))
    # At shifts this large a false peak may win once in a while.
    assert np.median(errors) < 0.7 and np.mean(np.array(errors) < 1.5) > 0.9


def test_eight_frames(still):
    shifts = np.vstack([[0, 0], np.random.default_rng(8).uniform(-8, 8, (7, 2))])
    moved = align(np.tile(still[0], (2, 1, 1)), -shifts)
    assert np.median(distance(register(moved), shifts)) < 0.7


def test_frames_lit_alike_are_registered_to_a_tenth_of_a_pixel(still):
    shifts = np.array([[0, 0], [3.3, -2.6], [-7.4, 5.2], [0.5, 0.5], [-0.25, 1.7], [12.3, -9.1]])
    moved = align(np.repeat(still[0][:1], len(shifts), axis=0), -shifts)
    errors = distance(register(moved), shifts)
    assert np.median(errors) < 0.1 and np.max(errors) < 0.2


def test_align_undoes_shifts(still):
    shifts = np.array([[0, 0], [4.0, -3.0], [0, 7.0], [-2.0, -1.0]])
    back = align(align(still[0], -shifts), shifts)
    np.testing.assert_allclose(back[:, 10:-10, 10:-10], still[0][:, 10:-10, 10:-10], atol=1e-6)


def test_a_shift_says_where_the_content_went():
    """dx is to the right and dy down, from frame 0."""
    frame = np.zeros((100, 120), np.float32)
    frame[30:50, 40:70] = 0.8
    moved = np.zeros_like(frame)
    moved[33:53, 45:75] = 0.8
    frames = np.stack([frame, moved])
    assert register(frames)[1] == pytest.approx([5, 3], abs=0.1)
    np.testing.assert_allclose(align(frames, np.array([[0, 0], [5.0, 3.0]]))[1], frame, atol=1e-6)


def test_a_light_s_side_turns_no_orientation_round():
    """A gradient and its negative count alike."""
    frame = np.random.default_rng(0).random((40, 50)).astype(np.float32) * 0.1 + 0.45
    field, negative = orientation_field(frame), orientation_field(0.995 - frame)
    assert np.corrcoef(field.real.ravel(), negative.real.ravel())[0, 1] > 0.95


def test_brightness_does_not_matter(still, simulated_captures):
    frames = simulated_captures[0].pixels().grey
    shifts = register(frames)
    gains = np.array([1, 0.6, 0.8, 0.4], np.float32)[:, None, None]
    assert np.abs(register(frames * np.float32(0.5)) - shifts).max() < 0.2
    assert np.abs(register(frames * gains) - shifts).max() < 0.2


def test_the_first_frame_stays(simulated_captures):
    assert (register(simulated_captures[0].pixels().grey)[0] == 0).all()


def test_no_jump_beyond_the_largest_shift():
    rng = np.random.default_rng(1)
    frames = rng.random((4, 60, 80)).astype(np.float32)
    assert np.abs(register(frames)).max() <= 2 * MAX_SHIFT * 60


@pytest.mark.parametrize("level", [0.0, 0.5])
def test_frames_without_features_are_left_in_place(level):
    assert (register(np.full((4, 40, 50), level, np.float32)) == 0).all()


def test_a_smooth_ball_under_many_lights_is_left_nearly_in_place():
    """Nothing on it marks a place: a wrong match must not throw it far."""
    normal, _, _ = sphere(96, 40)
    around = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    lights = np.stack([0.5 * np.cos(around), 0.5 * np.sin(around), np.full(8, 0.75**0.5)], axis=1)
    assert np.hypot(*register(lit(normal, lights)).T).max() < 5


def test_a_real_head_that_moved_comes_to_rest(shared_data):
    """No truth is known: the mean of frames in place is sharper, and a head drifts steadily."""
    folder = shared_data / "photoface" / "Photometric_DB" / "1001" / "2008-03-01_07-57-06"
    frames = np.stack([read_frame(folder / f"im{i}.bmp") for i in range(4)])
    shifts = register(frames)
    assert shifts[3] == pytest.approx([-5.8, 4.5], abs=0.7)
    steps = np.diff(shifts, axis=0)
    assert np.abs(steps - steps.mean(axis=0)).max() < 1

    def sharpness(mean: np.ndarray) -> float:
        return float(np.hypot(*np.gradient(mean))[200:560, 150:450].mean())

    assert sharpness(align(frames, shifts).mean(axis=0)) > 1.05 * sharpness(frames.mean(axis=0))

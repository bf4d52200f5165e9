"""The relief of planes, sheets, balls and faces."""

import numpy as np
import pytest

from psface.faces.alignment import TEMPLATE
from psface.faces.mean_face import SIDE, read_mean_face
from psface.liveness.eye_highlights import eye_highlights
from psface.liveness.relief import FEWEST, concordance, measure_relief


def rotated(yaw: float, pitch: float) -> np.ndarray:
    cos, sin = np.cos(yaw), np.sin(yaw)
    about_y = np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])
    cos, sin = np.cos(pitch), np.sin(pitch)
    return np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]]) @ about_y


def sheet(size: int, half_angle: float, axis: float) -> np.ndarray:
    """Normals (3, size, size) of a cylinder, bent by ``half_angle`` at the middle of the edges."""
    y, x = np.mgrid[1 : -1 : size * 1j, -1 : 1 : size * 1j]
    across = x * np.cos(axis) + y * np.sin(axis)
    turn = np.arcsin(np.clip(across * np.sin(half_angle), -1, 1))
    return np.stack([np.sin(turn) * np.cos(axis), np.sin(turn) * np.sin(axis), np.cos(turn)])


@pytest.fixture(scope="module")
def mean() -> np.ndarray:
    face = read_mean_face().mean
    return face / np.maximum(np.linalg.norm(face, axis=0), 1e-6)


@pytest.mark.parametrize("size", [SIDE, 96])
@pytest.mark.parametrize("turn", [(0, 0), (0.4, 0), (-0.2, 0.3)])
def test_a_plane_has_rank_one_and_no_relief_however_it_is_held(size, turn):
    normal = np.zeros((3, size, size)) + (rotated(*turn) @ [0, 0, 1])[:, None, None]
    relief = measure_relief(normal)
    assert relief.outside_rank_1 == pytest.approx(0, abs=1e-9)
    assert relief.beyond_sheet == pytest.approx(0, abs=1e-5)
    assert relief.agreement == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("axis", [0.0, 0.3, np.pi / 2])
@pytest.mark.parametrize("half_angle", [0.3, 0.7, 1.1])
def test_a_bent_sheet_has_more_than_rank_one_and_no_relief(half_angle, axis):
    relief = measure_relief(np.einsum("ij,jhw->ihw", rotated(0.2, 0), sheet(96, half_angle, axis)))
    assert 0.005 < relief.outside_rank_1 < 0.3
    assert relief.beyond_sheet < 0.12
    assert abs(relief.agreement) < 0.05 and abs(relief.strength) < 0.05


def test_energy_outside_rank_one_is_that_of_the_normals_moments():
    y, x = np.mgrid[1 : -1 : SIDE * 1j, -1 : 1 : SIDE * 1j] * 0.6
    ball = np.stack([x, y, np.sqrt(1 - x**2 - y**2)])
    seen = np.linalg.norm(read_mean_face().mean, axis=0) > 0
    relief = measure_relief(ball * seen)
    moments = np.linalg.eigvalsh(np.einsum("ip,jp->ij", ball[:, seen], ball[:, seen]))
    assert relief.outside_rank_1 == pytest.approx(moments[:2].sum() / moments.sum(), rel=0.02)
    assert relief.agreement < 0.1


def test_a_face_agrees_and_its_mirrored_or_flattened_relief_does_not(mean):
    assert measure_relief(mean).agreement == pytest.approx(1, abs=0.02)
    flat = mean * np.array([0.1, 0.1, 1])[:, None, None]
    flat /= np.maximum(np.linalg.norm(flat, axis=0), 1e-6)
    assert measure_relief(flat).agreement < 0.3
    hollow = mean * np.array([-1, -1, 1])[:, None, None]
    assert measure_relief(hollow).agreement < -0.9
    swapped = mean[[1, 0, 2]]  # lamps that change places by a quarter turn
    assert measure_relief(swapped).agreement < 0.2


def test_nothing_is_said_of_too_few_places(mean):
    cut = mean.copy()
    cut[:, :, SIDE // 4 :] = 0
    relief = measure_relief(cut)
    assert relief.places < FEWEST and np.isnan(relief.agreement)


def test_concordance_is_lins():
    """Of variables without a mean: 2 cov / (var + var), by plain sums."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 30, 2))
    plain = 2 * sum((a * b).ravel()) / (sum((a * a).ravel()) + sum((b * b).ravel()))
    assert concordance(a, b) == pytest.approx(plain, abs=1e-12)
    assert concordance(a, a) == pytest.approx(1) and concordance(a, -a) == pytest.approx(-1)
    assert concordance(a, 0 * a) == 0


def test_highlights_that_move_are_told_from_those_that_stay():
    frames = np.full((3, 96, 96), 0.2)
    assert eye_highlights(frames) == 0
    eyes = np.round(TEMPLATE[:2] * 96).astype(int)
    for x, y in eyes:
        frames[:, y, x] = 0.8  # stays
    assert eye_highlights(frames) == 0
    for lamp in range(3):
        for x, y in eyes:
            frames[lamp, y + 2, x - 2 + 2 * lamp] = 0.6
    assert eye_highlights(frames) == pytest.approx(2)
    assert np.isnan(eye_highlights(np.zeros((3, 96, 96))))

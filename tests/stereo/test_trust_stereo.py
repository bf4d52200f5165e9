"""Faults of frames that can be told without landmarks, planted on a ball and on simulated faces."""

from dataclasses import asdict

import numpy as np
import pytest

from psface.stereo.aligned_frames import align
from psface.stereo.compute import foreground
from psface.stereo.normals import photometric_stereo
from psface.stereo.registration import register
from psface.stereo.trust.fit_quality import fit_of
from psface.stereo.trust.lit_cells import lit_cells
from psface.stereo.trust.stereo_check import StereoTrust, check_stereo
from psface.stereo.trust.strengths import free_scales
from tests.shapes import FOUR_LIGHTS, lit, sphere

STILL = np.zeros((4, 2))


def ball(lights: np.ndarray = FOUR_LIGHTS) -> tuple[np.ndarray, np.ndarray]:
    normal, _, mask = sphere(120, 55)
    texture = 0.4 + 0.3 * np.random.default_rng(0).random(mask.shape)
    return lit(normal, lights, texture).astype(np.float32), mask & (normal[2] > 0.5)


@pytest.fixture(scope="module")
def faces(simulated_captures) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Registered frames, lights and shifts."""
    out = []
    for capture in simulated_captures:
        frames = capture.pixels().grey
        shifts = register(frames)
        out.append((align(frames, shifts), capture.lights, shifts))
    return out


def checked(frames: np.ndarray, lights: np.ndarray, shifts: np.ndarray = STILL) -> StereoTrust:
    return check_stereo(frames.astype(np.float32), None, lights, foreground(frames), shifts)


def codes(trust: StereoTrust) -> set[str]:
    return {warning.code for warning in trust.warnings}


def test_an_exact_ball_is_trusted():
    frames, mask = ball()
    trust = check_stereo(frames, None, FOUR_LIGHTS, mask, STILL)
    assert trust.warnings == () and trust.disagreeing == ()
    assert trust.residual < 1e-3 and trust.left_out_mean < 1e-2
    np.testing.assert_allclose(trust.scales, 1, atol=0.01)


def test_strengths_are_found_and_the_lamp_named():
    frames, mask = ball()
    frames[2] *= 0.7
    trust = check_stereo(frames, None, FOUR_LIGHTS, mask, STILL)
    ratio = np.array(trust.scales) / trust.scales[0]
    np.testing.assert_allclose(ratio, [1, 1, 0.7, 1], atol=0.01)
    assert codes(trust) == {"lamp-strength"} and trust.disagreeing == (2,)


def test_known_strengths_are_no_fault():
    frames, mask = ball()
    frames[2] *= 0.7
    lights = FOUR_LIGHTS * np.array([1, 1, 0.7, 1])[:, None]
    assert check_stereo(frames, None, lights, mask, STILL).warnings == ()


def test_lights_may_differ_between_pixels():
    frames, mask = ball()
    fall_off = np.linspace(0.8, 1.2, frames.shape[2], dtype=np.float32)
    everywhere = np.broadcast_to(FOUR_LIGHTS[:, :, None, None], (4, 3, *mask.shape)) * fall_off
    trust = check_stereo(frames * fall_off, None, everywhere, mask, STILL)
    assert trust.residual < 0.01 and trust.warnings == ()


def test_the_error_of_a_left_out_lamp_is_that_of_solving_without_it():
    rng = np.random.default_rng(3)
    lights = np.vstack([FOUR_LIGHTS, [[0, 0, 1], [0.1, 0.5, 0.86]]])
    frames = (0.3 + 0.4 * rng.random((6, 50, 50))).astype(np.float32)
    cells = lit_cells(frames, None, lights, np.ones((50, 50), bool))
    cells = cells.chosen(cells.used.all(axis=1))
    others = np.delete(np.arange(6), 4)
    solved = cells.intensity[:, others] @ np.linalg.pinv(lights[others]).T
    error = np.abs(cells.intensity[:, 4] - solved @ lights[4]).sum() / cells.intensity[:, 4].sum()
    assert fit_of(cells).left_out[4] == pytest.approx(error, rel=1e-6)


def test_three_lamps_leave_nothing_to_compare():
    frames, mask = ball(FOUR_LIGHTS[:3])
    trust = check_stereo(frames, None, FOUR_LIGHTS[:3], mask, STILL[:3])
    assert np.isnan(trust.residual) and np.isnan(trust.scales).all() and trust.warnings == ()


def test_simulated_faces_are_trusted(faces):
    for frames, lights, shifts in faces:
        assert codes(checked(frames, lights, shifts)) == set()


def planted(fault: str, frames: np.ndarray, lights: np.ndarray) -> np.ndarray:
    normal, albedo = photometric_stereo(frames, lights)
    sky = albedo * (0.5 + 0.5 * normal[2])
    out = frames.copy()
    if fault == "ambient":
        return np.clip(out + 0.07 * sky, 0, 1)
    if fault == "failed-lamp":
        out[1] = 0.03 * sky
    if fault == "same-lamp":
        noise = np.random.default_rng(0).normal(0, 0.004, out[0].shape)
        out[2] = np.clip(out[0] + noise, 0, 1)
    if fault == "lamp-strength":
        out[1] *= 0.6
    return out


@pytest.mark.parametrize("fault", ["ambient", "failed-lamp", "same-lamp", "lamp-strength"])
def test_faults_of_simulated_faces_are_named(faces, fault):
    for frames, lights, shifts in faces:
        assert fault in codes(checked(planted(fault, frames, lights), lights, shifts))


def test_auto_exposure_is_told_from_lamps_that_differ(faces):
    frames, lights, _ = faces[0]
    uneven = np.array([1, 0.7, 1, 0.8], np.float32)[:, None, None]
    means = (frames * uneven).mean(axis=(1, 2), keepdims=True)
    exposed = frames * uneven * (means.min() / means)
    strong = lights * uneven[:, 0]
    assert "auto-exposure" in codes(checked(exposed, strong))
    assert codes(checked(frames * uneven, strong)) == set()


def test_motion_clipping_and_missing_lamps():
    frames, mask = ball()
    far = check_stereo(frames, None, FOUR_LIGHTS, mask, np.array([[0, 0], [0, 0], [11, 0], [0, 0]]))
    assert codes(far) == {"motion"} and far.motion_px == 11
    clipped = check_stereo(frames, np.ones(frames.shape, bool), FOUR_LIGHTS, mask, STILL)
    assert {"few-lamps"} <= codes(clipped) and clipped.clipped == 1


def test_frames_too_dark_to_tell():
    frames, mask = ball()
    assert codes(check_stereo(0.02 * frames, None, FOUR_LIGHTS, mask, STILL)) == {"too-dark"}
    assert "too-dark" not in codes(check_stereo(0.2 * frames, None, FOUR_LIGHTS, mask, STILL))


def test_a_lamp_from_the_side_has_not_failed():
    lights = np.vstack([FOUR_LIGHTS, [[0.6, 0, 0.8], [0.96, 0.1, 0.26]]])
    frames, mask = ball(lights)
    still = np.zeros((6, 2))
    assert "failed-lamp" not in codes(check_stereo(frames, None, lights, mask, still))
    frames[5] *= 0.02
    assert codes(check_stereo(frames, None, lights, mask, still)) == {"failed-lamp"}


def test_ambient_light_is_at_most_that_of_the_darkest_places(faces):
    for frames, lights, shifts in faces:
        trust = checked(planted("ambient", frames, lights), lights, shifts)
        assert trust.ambient <= trust.ambient_bound


@pytest.mark.parametrize("value", [0, 0.5, 1])
def test_frames_without_a_face_do_not_fail(value):
    frames = np.full((4, 40, 40), value, np.float32)
    for mask in (np.zeros((40, 40), bool), np.ones((40, 40), bool)):
        trust = check_stereo(frames, None, FOUR_LIGHTS, mask, STILL)
        assert asdict(trust)["few_lamps"] >= 0


def test_many_lamps_are_cheap_in_memory():
    around = np.linspace(0, 2 * np.pi, 96, endpoint=False)
    lights = np.stack([0.5 * np.cos(around), 0.5 * np.sin(around), np.full(96, 0.866)], axis=1)
    frames, mask = ball(lights)
    scales = free_scales(lit_cells(frames, None, lights, mask)).scales
    np.testing.assert_allclose(scales, 1, atol=0.02)

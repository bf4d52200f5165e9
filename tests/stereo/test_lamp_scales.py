"""Strengths of lamps found from the frames alone."""

import numpy as np
import pytest

from psface.captures.capture import Pixels
from psface.stereo.compute import maps_of_aligned
from psface.stereo.lamp_scales import lamp_scales
from psface.stereo.near_light import scaled_light
from psface.stereo.normals import usable
from tests.shapes import FOUR_LIGHTS, angle, lit, sphere
from tests.stereo import near_scene
from tests.stereo.test_normals import random_lights

SCALES = {
    4: [1.2, 0.8, 1.0, 1.0],
    6: [1.2, 0.8, 1.1, 0.9, 1.0, 1.0],
    10: [0.8, 1.2, 1, 1, 1.1, 0.9, 0.9, 1.1, 1.0, 1.0],
}


def ball(lights: np.ndarray, scales, noise: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Frames of a textured ball with attached shadows, and where it is."""
    normal, _, mask = sphere(61, 28)
    rows, columns = np.indices(mask.shape)
    frames = lit(normal, lights, 0.5 + 0.2 * np.sin(rows / 4) * np.cos(columns / 5))
    frames = frames * np.reshape(scales, (-1, 1, 1))
    frames += np.random.default_rng(0).normal(0, noise, frames.shape)
    return np.maximum(frames, 0).astype(np.float32), mask


def found_in(frames, lights, mask) -> np.ndarray:
    return lamp_scales(frames, lights, usable(frames, lights, frames >= 0.99), mask)


@pytest.mark.parametrize(("noise", "error"), [(0.0, 0.002), (0.004, 0.02)])
@pytest.mark.parametrize("n", SCALES)
def test_strengths_are_found_beside_shadows(n, noise, error):
    lights = FOUR_LIGHTS if n == 4 else random_lights(n, n)
    frames, mask = ball(lights, SCALES[n], noise)
    assert (frames[:, mask] == 0).any(axis=0).mean() > 0.1
    found = found_in(frames, lights, mask)
    assert found.mean() == pytest.approx(1)
    np.testing.assert_allclose(found, SCALES[n], atol=error)


def test_they_are_relative_to_the_lengths_of_the_lights():
    lengths = np.array([2, 0.5, 1, 1, 1.5, 0.8])
    lights = random_lights(6, 6)
    frames, mask = ball(lights * lengths[:, None], SCALES[6])
    lights *= lengths[:, None]
    np.testing.assert_allclose(found_in(frames / 2, lights, mask), SCALES[6], atol=0.002)


def test_light_that_differs_between_pixels():
    scene = near_scene.ellipsoid()
    rig = near_scene.rig(scene)
    scales = np.array(SCALES[6])
    frames = near_scene.frames(scene, rig, near_scene.texture()) * scales[:, None, None] / 2
    light = scaled_light(rig, scene.points.astype(np.float32), scene.mask)
    found = found_in(frames.astype(np.float32), light, scene.mask)
    np.testing.assert_allclose(found, scales, atol=0.005)


def test_three_lamps_do_not_tell():
    """Any strengths fit three frames."""
    frames, mask = ball(FOUR_LIGHTS[:3], [1.2, 0.8, 1.0])
    assert found_in(frames, FOUR_LIGHTS[:3], mask).tolist() == [1, 1, 1]


@pytest.mark.parametrize("what", ["black", "no mask", "a plane", "a dead lamp"])
def test_frames_that_do_not_decide_leave_the_lamps_as_they_are(what):
    frames, mask = ball(FOUR_LIGHTS, [1.2, 0.8, 1, 1])
    if what == "black":
        frames *= 0
    elif what == "no mask":
        mask &= False
    elif what == "a dead lamp":
        frames[1] = 1e-4
    else:
        frames = np.broadcast_to(np.float32([0.4, 0.5, 0.4, 0.3])[:, None, None], frames.shape)
    found = lamp_scales(frames, FOUR_LIGHTS, np.ones(frames.shape, bool), mask)
    assert np.isfinite(found).all() and found.mean() == pytest.approx(1)
    if what != "a plane":  # of one normal, any strengths are right
        assert found.tolist() == [1, 1, 1, 1]


def test_maps_with_lamps_of_unknown_strength(settings):
    frames, mask = ball(FOUR_LIGHTS, SCALES[4])
    normal = sphere(61, 28)[0]
    pixels = Pixels(frames, None, FOUR_LIGHTS, None, mask=mask)
    off = settings.stereo.model_copy(update={"register_frames": False})
    on = off.model_copy(update={"semi_calibrated": True})
    inner = mask & (frames > 0.1).all(axis=0)
    assert angle(maps_of_aligned(pixels, off).normal, normal, inner) > 4
    assert angle(maps_of_aligned(pixels, on).normal, normal, inner) < 0.2

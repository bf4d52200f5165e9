"""Robust weights, lights that differ between pixels, and albedo in colour, pixel by pixel."""

import numpy as np
import pytest

from psface.stereo.normals import (
    ROBUST_LIGHTS,
    ROUNDS,
    TOLERATED,
    colour_albedo,
    photometric_stereo,
    usable,
    usable_lights,
)
from tests.shapes import angle, lit, sphere
from tests.stereo.test_normals import random_lights


def reweighted(intensity: np.ndarray, lights: np.ndarray, used: np.ndarray) -> np.ndarray:
    """Albedo times normal of one pixel: each light's weight is halved by a residual of 5% of the
    pixel's mean brightness, and falls with its square beyond."""
    tolerated = TOLERATED * sum(intensity) / len(intensity) + 1e-6
    weights = [float(u) for u in used]
    for _ in range(ROUNDS + 1):
        root = np.sqrt(weights)
        g = np.linalg.lstsq(lights * root[:, None], intensity * root, rcond=None)[0]
        residuals = [v - max(light @ g, 0) for v, light in zip(intensity, lights, strict=True)]
        weights = [u / (1 + (r / tolerated) ** 2) for u, r in zip(used, residuals, strict=True)]
    return g


def shiny(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A ball with highlights: frames, lights, normals and mask."""
    lights = random_lights(n, seed)
    normal, _, mask = sphere(41, 19)
    halves = lights + [0, 0, 1]
    halves /= np.linalg.norm(halves, axis=1, keepdims=True)
    gloss = 0.5 * np.maximum(np.einsum("chw,nc->nhw", normal, halves), 0) ** 80
    return np.float32(lit(normal, lights, 0.45) + gloss * mask), lights, normal, mask


@pytest.mark.parametrize("exclude", [True, False])
@pytest.mark.parametrize("n", [6, 8, 20])
def test_robust_weights_are_those_of_the_rule(n, exclude):
    frames, lights, _, mask = shiny(n, n)
    rng = np.random.default_rng(0)
    frames += rng.normal(0, 0.02, frames.shape).astype(np.float32)
    normal, albedo = photometric_stereo(frames, lights, exclude_shadows=exclude, robust=True)
    light_counts = []
    for row, column in np.argwhere(mask)[::7]:
        intensity = frames[:, row, column].astype(float)
        used = np.ones(n, bool)
        if exclude:
            used = usable_lights(frames[None, :, row, column], frames[None, :, row, column] > 0.99)[
                0
            ]
            whole = np.linalg.det(lights.T @ lights) / n**3
            span = np.linalg.det(lights[used].T @ lights[used]) / used.sum() ** 3
            used |= span <= 0.2 * whole
        light_counts.append(used.sum())
        if used.sum() < 6:
            continue
        wanted = reweighted(intensity, lights, used)
        found = albedo[row, column] * normal[:, row, column]
        np.testing.assert_allclose(found, wanted, rtol=0.01, atol=5e-3)
    assert not exclude or min(light_counts) < n


@pytest.mark.parametrize("n", [6, 8, 20])
def test_robust_weights_help_beside_highlights(n):
    frames, lights, normal, mask = shiny(n)
    plain, _ = photometric_stereo(frames, lights)
    robust, _ = photometric_stereo(frames, lights, robust=True)
    assert angle(robust, normal, mask) < 0.8 * angle(plain, normal, mask)


def test_they_wait_for_lights_enough():
    frames, lights, _, _ = shiny(ROBUST_LIGHTS - 1)
    plain, robust = (photometric_stereo(frames, lights, robust=on) for on in (False, True))
    for one, other in zip(plain, robust, strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("robust", [False, True])
@pytest.mark.parametrize("exclude", [True, False])
@pytest.mark.parametrize("n", [3, 4, 8])
def test_the_same_light_everywhere_is_the_same_light(n, exclude, robust, monkeypatch):
    monkeypatch.setattr("psface.stereo.normals.BLOCK", 100)  # several blocks
    frames, lights, _, _ = shiny(n, n)
    lights *= np.linspace(0.7, 1.3, n)[:, None]
    everywhere = np.broadcast_to(lights[..., None, None], (n, 3, *frames.shape[1:]))
    one = photometric_stereo(frames, lights, exclude, robust)
    other = photometric_stereo(frames, everywhere, exclude, robust)
    np.testing.assert_allclose(one[1], other[1], atol=2e-4)
    np.testing.assert_allclose(one[0] * one[1], other[0] * other[1], atol=2e-4)


def test_strong_lamps_are_no_highlights_and_weak_ones_no_shadows():
    normal, _, mask = sphere(41, 60)
    mask &= normal[2] > 0.9
    lengths = np.array([0.05, 1, 1, 1, 2, 1])
    lights = random_lights(6, 2) * lengths[:, None]
    frames = lit(normal, lights, 0.4)
    assert frames[0, mask].max() < 0.1 * frames[4, mask].min()
    used = usable(frames, lights, frames >= 0.99)
    assert used[:, mask].all()
    found, albedo = photometric_stereo(frames, lights)
    assert angle(found, normal, mask) < 0.05
    np.testing.assert_allclose(albedo[mask], 0.4, rtol=1e-3)


def test_a_shadow_of_a_strong_lamp_is_left_out():
    """What scatters into it is little of that lamp, and may be much beside the others."""
    normal, _, mask = sphere(61, 28)
    lights = random_lights(5, 2) * np.array([1, 1, 1, 1, 4])[:, None]
    frames = lit(normal, lights, 0.2)
    in_shadow = mask & (frames[4] == 0) & (frames[:4] > 0.02).all(axis=0)
    frames[4, in_shadow] = 0.04
    assert in_shadow.sum() > 50
    found, _ = photometric_stereo(frames, lights)
    assert angle(found, normal, in_shadow) < 0.1


def test_saturation_told_apart_from_brightness():
    """As of frames whose response was undone: 1 is no limit, and less may be saturated."""
    normal, _, mask = sphere(41, 60)
    mask &= normal[2] > 0.8
    lights = random_lights(5, 2)
    true = 2 * lit(normal, lights, 0.6)
    saturated = true > np.percentile(true[:, mask], 85)
    frames = np.where(saturated, np.float32(0.9), true)
    told, _ = photometric_stereo(frames, lights, saturated=saturated)
    untold, _ = photometric_stereo(frames, lights)
    enough = mask & ((~saturated).sum(axis=0) >= 3)
    assert angle(told, normal, enough) < 0.3 * angle(untold, normal, enough)


@pytest.mark.parametrize("per_pixel", [False, True])
def test_colour_albedo(per_pixel):
    """Of each channel: sum of I s over sum of s^2, s the shading of the lights in use."""
    frames, lights, normal, mask = shiny(5)
    rng = np.random.default_rng(0)
    colours = (frames[:, None] * np.float32([1.2, 1.0, 0.7])[:, None, None]).astype(np.float32)
    colours += rng.normal(0, 0.01, colours.shape).astype(np.float32)
    used = rng.random(frames.shape) < 0.8
    light = lights.astype(np.float32)
    if per_pixel:
        light = np.broadcast_to(light[..., None, None], (5, 3, *mask.shape))
    found = colour_albedo(colours, normal.astype(np.float32), light, used)
    assert found.shape == (3, *mask.shape)
    for row, column in np.argwhere(mask)[::11]:
        for channel in range(3):
            above, below = 0.0, 0.0
            for i in range(5):
                shading = max(lights[i] @ normal[:, row, column], 0) * used[i, row, column]
                above += colours[i, channel, row, column] * shading
                below += shading**2
            assert found[channel, row, column] == pytest.approx(above / max(below, 1e-6), abs=1e-4)

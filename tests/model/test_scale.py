"""Standardisation of each capture by itself."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from psface.model.scale import Scale, blurred, details

CPU = torch.device("cpu")
SCALE = Scale([0.0] * 2, [1.0] * 2, limit=3.0, detail=0.06)


@pytest.fixture
def faces():
    rng = np.random.default_rng(0)
    values = rng.uniform(0.4, 0.6, (3, 2, 40, 40)).astype(np.float32)
    values[:, :, :10] = 0  # above the picture's upper edge
    return values


def test_brightness_and_smooth_errors_do_not_matter(faces):
    x, y = np.meshgrid(np.linspace(-1, 1, 40), np.linspace(-1, 1, 40))
    smooth = ((0.3 * x + 0.2 * y) * (faces != 0)).astype(np.float32)
    one, other = SCALE.applied(faces, CPU), SCALE.applied(3 * (faces + smooth), CPU)
    away = np.s_[..., 16:34, 6:34]  # a slope reaches beyond the border
    assert (one - other)[away].abs().max() < 0.1 * one.std()


def test_what_does_not_show_the_face_stays_zero_and_leaves_no_edge(faces):
    out = details(torch.from_numpy(faces), 2.0)
    assert (out[:, :, :10] == 0).all()
    edge, inside = out[:, :, 10].square().mean(), out[:, :, 20].square().mean()
    assert edge < 1.5 * inside
    shown = out[:, :, 10:]
    assert shown.square().mean((2, 3)).numpy() == pytest.approx(np.ones((3, 2)), abs=1e-3)


def test_a_capture_does_not_depend_on_the_others_in_its_batch(faces):
    alone = SCALE.applied(faces[:1], CPU)
    assert torch.allclose(SCALE.applied(faces, CPU)[:1], alone, atol=1e-5)


@pytest.mark.parametrize(("side", "sigma"), [(40, 2.4), (31, 3.0), (8, 6.0)])
def test_the_blur_is_a_gaussian_of_limited_reach(side, sigma):
    batch = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0))
    reach = {"mode": "constant", "axes": (2, 3), "radius": max(1, round(2.5 * sigma))}
    wanted = gaussian_filter(batch.numpy(), sigma, **reach)
    assert blurred(batch, sigma).numpy() == pytest.approx(wanted, abs=1e-6)


def test_an_empty_crop_and_a_flat_channel_are_finite():
    flat = np.ones((2, 2, 20, 20), np.float32)
    flat[0] = 0
    assert SCALE.applied(flat, CPU).abs().max() < 1


def test_half_precision_around_it_does_not_reach_it(faces):
    plain = SCALE.applied(faces, CPU)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(SCALE.applied(faces, CPU), plain)

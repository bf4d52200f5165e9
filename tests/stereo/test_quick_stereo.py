"""Stereo takes short cuts; they lead where the plain ways of `plain_stereo` lead."""

import cv2
import numpy as np
import pytest

from psface.stereo.aligned_frames import align, align_marks
from psface.stereo.compute import compute_maps, foreground
from psface.stereo.integrators.least_squares import least_squares
from psface.stereo.integrators.slopes import slopes
from psface.stereo.map_files import write_maps
from psface.stereo.normals import photometric_stereo
from psface.stereo.registration import register
from tests.shapes import FOUR_LIGHTS, normals_of_slopes
from tests.stereo.plain_stereo import plain_foreground, plain_integration, plain_register


def test_shifts_are_those_of_the_whole_correlation(simulated_captures, monkeypatch):
    """However much smaller the picture is in which peaks are looked for."""
    for capture in simulated_captures[:2]:
        frames = capture.pixels().grey[:, 20:441, 5:354]  # sides that no transform likes
        plain = plain_register(frames)
        for coarse in (400, 180, 70):
            monkeypatch.setattr("psface.stereo.registration.COARSE", coarse)
            assert np.abs(register(frames) - plain).max() < 0.02


def test_shifts_do_not_depend_on_the_order_of_the_frames(simulated_captures):
    for capture in simulated_captures:
        frames = capture.pixels().grey
        other = register(frames[::-1])[::-1]
        assert np.abs(register(frames) - (other - other[0])).max() < 0.02


def test_a_frame_without_features_does_not_move_and_moves_no_other(simulated_captures):
    frames = simulated_captures[0].pixels().grey.copy()
    shifts = register(frames[:3])
    frames[3] = 0
    found = register(frames)
    assert np.abs(found[:3] - shifts).max() < 0.02
    assert np.abs(found[3]).max() < 20  # where the frames are on average, not at the end of reach
    assert np.abs(register(frames[::-1])[1:]).max() < 20


@pytest.mark.parametrize("share", [1.0, 0.9, 0.55])
def test_depth_is_that_of_the_equations(share):
    """On masks with holes, threads, islands and single pixels, of slopes that no surface has."""
    rng = np.random.default_rng(0)
    mask = np.zeros((34, 29), bool)
    mask[3:-2, 1:-4] = rng.random((29, 24)) < share
    normal = normals_of_slopes(*rng.normal(0, 0.7, (2, *mask.shape)))
    found = least_squares(normal, mask)
    plain = plain_integration(*slopes(normal, mask), mask)
    for axis in (0, 1):
        inside = mask[1:] & mask[:-1] if axis == 0 else mask[:, 1:] & mask[:, :-1]
        difference = np.diff(found, axis=axis) - np.diff(plain, axis=axis)
        assert np.abs(difference[inside]).max() < 0.01
    assert (found[~mask] == 0).all()


def test_the_mask_is_that_of_the_libraries(simulated_captures):
    for capture in simulated_captures:
        frames = capture.pixels().grey
        assert (foreground(frames) == plain_foreground(frames)).all()


@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (60, 90), (200, 110)], ids=str)
def test_the_mask_of_blots_is_that_of_the_libraries(shape):
    """Holes, islands and gaps about as wide as the closing reaches, also at the border."""
    rng = np.random.default_rng(shape[0])
    for size in (0.8, 2.0, 5.0):
        blots = cv2.GaussianBlur(rng.random(shape).astype(np.float32), (0, 0), size)
        frames = (blots > np.percentile(blots, 60)).astype(np.float32)[None] * 0.8
        assert (foreground(frames) == plain_foreground(frames)).all()


@pytest.mark.parametrize("spread", [0, 1, 10, 40])
def test_marks_move_as_frames_do(spread):
    """Also those at the border, and beyond it; a frame may have none."""
    rng = np.random.default_rng(spread)
    for number in range(60):
        marks = np.zeros((3, *rng.integers(3, 70, 2)), bool)
        for mark in marks:
            for _ in range(rng.integers(0, 4)):
                y, x = rng.integers(0, mark.shape)
                mark[y : y + rng.integers(1, 9), x : x + rng.integers(1, 9)] = True
        shifts = rng.normal(0, spread, (3, 2)).round(number % 3)
        moved = align(marks.astype(np.float32), shifts) > 0
        assert (align_marks(marks, shifts) == moved).all()


@pytest.mark.parametrize("near", [False, True])
def test_pixels_that_do_not_matter_change_nothing(near, monkeypatch):
    rng = np.random.default_rng(3)
    frames = rng.random((4, 20, 23)).astype(np.float32)
    light = FOUR_LIGHTS[..., None, None] + rng.normal(0, 0.05, (4, 3, 20, 23)) * near
    light = light if near else FOUR_LIGHTS
    where = rng.random((20, 23)) < 0.4
    normal, albedo = photometric_stereo(frames, light)
    monkeypatch.setattr("psface.stereo.normals.BLOCK", 37)
    some_normal, some_albedo = photometric_stereo(frames, light, where=where)
    np.testing.assert_allclose(some_normal[:, where], normal[:, where], atol=1e-6)
    np.testing.assert_allclose(some_albedo[where], albedo[where], rtol=1e-5)
    assert (some_albedo[~where] == 0).all() and (some_normal[2, ~where] == 1).all()


def test_the_same_frames_give_the_same_bytes(simulated_captures, settings, tmp_path):
    """Of equal lamps far away."""
    pixels = simulated_captures[0].pixels()
    for name in ("one", "other"):
        write_maps(tmp_path / f"{name}.exr", compute_maps(pixels, settings.stereo))
    assert (tmp_path / "one.exr").read_bytes() == (tmp_path / "other.exr").read_bytes()

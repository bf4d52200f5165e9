"""Patterns of prints and screens: against a plain transform, and simulated prints."""

import cv2
import numpy as np
import pytest

from psface.commands.audit.degraded import compressed, display, halftone, taken
from psface.commands.audit.pattern import LOWEST, _mean_power, _searched_bins, pattern


def waves(x_cycles, y_cycles, height=200, width=190, noise=0.02) -> np.ndarray:
    y, x = np.indices((height, width))
    wave = 0.02 * np.cos(2 * np.pi * (x_cycles * x + y_cycles * y))
    grain = np.random.default_rng(1).normal(0, noise, wave.shape)
    return (0.5 + wave + grain).astype(np.float32)


def test_mean_power_against_plain_sums():
    luma = waves(0.2, 0.1, 12, 8)
    side = 8
    window = [0.5 - 0.5 * np.cos(2 * np.pi * i / side) for i in range(side)]
    places = [0, 4]
    total = np.zeros((side, side))
    for top in places:
        tile = luma[top : top + side].astype(float)
        tile = (tile - tile.mean()) * np.outer(window, window)
        for v in range(side):
            for u in range(side):
                term = sum(
                    tile[y, x] * np.exp(-2j * np.pi * (u * x + v * y) / side)
                    for y in range(side)
                    for x in range(side)
                )
                total[v, u] += abs(term) ** 2 / len(places)
    np.testing.assert_allclose(_mean_power(luma, side), total, rtol=1e-5, atol=1e-9)


def test_a_wave_is_a_peak_and_noise_is_none():
    assert pattern(waves(0.2, 0.13)) > 14
    assert pattern(waves(0.2, 0.13, noise=0.5)) < 9
    assert pattern(waves(0.02, 0.03)) < 9  # as broad as a face's own features


@pytest.mark.parametrize("cycles", [(0.125, 0), (0, 0.25), (0.5, 0), (0.5, 0.5), (0.375, 0)])
def test_blocks_and_sensors_have_peaks_of_their_own(cycles):
    assert pattern(waves(*cycles)) < 9


def test_what_is_searched_bins():
    seen = _searched_bins(128)
    frequency = np.fft.fftfreq(128)
    far = np.hypot(frequency[:, None], frequency) >= LOWEST
    assert not seen[~far].any()
    assert 0.85 < seen[far].mean() < 1
    assert (seen == seen.T).all()


def test_a_small_face_cannot_be_told():
    assert pattern(waves(0.2, 0.1, 95, 300)) is None
    assert pattern(waves(0.2, 0.1, 96, 96)) > 10


def luma_of(image, person) -> np.ndarray:
    (x1, y1), (x2, y2) = (person.landmarks.min(axis=0) - 40, person.landmarks.max(axis=0) + 40)
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[
        int(y1) : int(y2), int(x1) : int(x2)
    ] / np.float32(255)


def test_simulated_prints_and_screens(person, picture, settings):
    limit = settings.audit.max_pattern
    rng = np.random.default_rng(3)
    for direct in (picture, taken(person.image, 8, rng), compressed(picture, 60, 1.0)):
        assert pattern(luma_of(direct, person)) < limit
    again = [halftone(person.image, period, 0.5) for period in (2.5, 4.0, 6.0)]
    again += [display(person.image, period, 0.5, 7) for period in (1.4, 2.4, 3.5)]
    for image in again:
        assert pattern(luma_of(taken(image, 1.5, rng), person)) > limit


def test_a_print_is_as_bright_as_its_picture(person):
    for image in (halftone(person.image, 4.0, 0.6), display(person.image, 3.0, 0.6, 5)):
        far = cv2.GaussianBlur(image, (0, 0), 8)
        near = cv2.GaussianBlur(person.image, (0, 0), 8)
        assert np.abs(far - near).mean() < 0.05

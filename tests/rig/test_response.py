"""Responses of cameras, and their undoing."""

import numpy as np
import pytest

from psface.rig.response import Gamma, Table, encoded, linear_light

RESPONSES = ["linear", "srgb", Gamma(gamma=2.2), Table(table=(0, 0.1, 0.4, 1))]


@pytest.mark.parametrize("response", RESPONSES, ids=str)
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_undoing_and_applying_cancel(response, kind):
    values = np.linspace(0, 1, 101, dtype=kind).reshape(1, -1)
    light = linear_light(values, response)
    assert light.dtype == kind and light.shape == values.shape
    assert light[0, 0] == 0 and light[0, -1] == pytest.approx(1)
    assert (np.diff(light) > 0).all()
    again = encoded(light, response)
    assert again.dtype == kind and again == pytest.approx(values, abs=2e-6)


def test_known_values():
    """IEC 61966-2-1: 188 of 255 is half of the light (0.5029)."""
    assert linear_light(np.array([188 / 255, 10 / 255]), "srgb") == pytest.approx(
        [0.5029, 10 / 255 / 12.92], abs=1e-4
    )
    assert linear_light(np.array([0.5]), Gamma(gamma=2.0)) == pytest.approx([0.25])
    assert linear_light(np.array([0.5]), Table(table=(0, 0.1, 1))) == pytest.approx([0.1])


def test_linear_frames_are_the_same_bytes():
    frames = np.random.default_rng(0).random((2, 3, 4), dtype=np.float32)
    assert linear_light(frames, "linear") is frames and encoded(frames, "linear") is frames


def test_noise_below_black_is_not_a_number_of_no_kind():
    values = np.array([-0.01, 0.0], np.float32)
    for response in RESPONSES:
        assert np.isfinite(linear_light(values, response)).all()
        assert np.isfinite(encoded(values, response)).all()


@pytest.mark.parametrize(
    "table", [(0, 0.5, 0.4, 1), (0.1, 1), (0, 0.9), (0,), (0, float("nan"), 1)]
)
def test_tables_rise_from_0_to_1(table):
    with pytest.raises(ValueError, match="table"):
        Table(table=table)


@pytest.mark.parametrize("gamma", [0, -1, 30, float("inf")])
def test_gamma_has_limits(gamma):
    with pytest.raises(ValueError, match="gamma"):
        Gamma(gamma=gamma)

"""Resamples of people."""

import numpy as np

from psface.measures.intervals import draw_people


def test_each_resample_has_as_many_people(monkeypatch):
    draws = draw_people(300, 20, 3)
    assert draws.shape == (20, 300) and (draws.sum(axis=1) == 300).all()
    together = np.random.default_rng(3).integers(300, size=(20, 300))
    expected = [np.bincount(sample, minlength=300) for sample in together]
    np.testing.assert_array_equal(draws, expected)

import numpy as np
import pytest

from psface.percentiles import percentile


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("percent", [0, 10, 50, 90, 99, 99.9, 100])
def test_percentiles_are_numpys(kind, percent):
    rng = np.random.default_rng(0)
    ramp = np.linspace(0, 1, 4000)
    for values in (
        rng.random((97, 123)) ** 3,
        rng.normal(size=20000),
        rng.integers(0, 4, (80, 90)) / 4,
        ramp,
        ramp[::-1],
        np.zeros((5, 7)),
        np.array([0.25]),
        np.array([3.0, 1.0]),
    ):
        values = values.astype(kind)
        assert percentile(values, percent) == np.percentile(values, percent)


def test_a_sample_that_misleads_costs_only_time():
    """Every value of the sample is high, and few others are."""
    values = np.random.default_rng(1).random(61 * 300).astype(np.float32)
    values[::61] += 10
    assert percentile(values, 90) == np.percentile(values, 90)


def test_nothing_has_no_percentile():
    with pytest.raises(ValueError, match="no values"):
        percentile(np.empty((0, 5), np.float32), 99)

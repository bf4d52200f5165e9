import numpy as np
import pytest

from psface.measures.error_summary import grouped_at
from psface.measures.group_indices import fdr, garbe, indices_table, inequity, inequity_gm
from psface.measures.intervals import draw_people
from tests.measures.drawn_people import comparisons_with


def plain_gini(x):
    n = len(x)
    apart = sum(abs(a - b) for a in x for b in x)
    return n / (n - 1) * apart / (2 * n**2 * sum(x) / n)


@pytest.mark.parametrize("groups", [2, 3, 7])
def test_indices_against_their_equations(groups):
    rng = np.random.default_rng(groups)
    fmr, fnmr = rng.uniform(0.01, 0.3, size=(2, groups))
    assert garbe(fmr, fnmr) == pytest.approx(plain_gini(fmr) / 2 + plain_gini(fnmr) / 2, abs=1e-12)
    ratio = max(fmr) / min(fmr) * max(fnmr) / min(fnmr)
    assert inequity(fmr, fnmr) == pytest.approx(ratio**0.5, abs=1e-12)
    mean = np.prod(fmr) ** (1 / groups), np.prod(fnmr) ** (1 / groups)
    ratio = max(fmr) / mean[0] * max(fnmr) / mean[1]
    assert inequity_gm(fmr, fnmr) == pytest.approx(ratio**0.5, abs=1e-12)
    apart = max(abs(a - b) for a in fmr for b in fmr), max(abs(a - b) for a in fnmr for b in fnmr)
    assert fdr(fmr, fnmr) == pytest.approx(1 - sum(apart) / 2, abs=1e-12)


def test_even_groups_and_the_most_uneven():
    even, one = np.full(4, 0.1), np.array([0.4, 0, 0, 0])
    assert garbe(even, even) == 0 and inequity(even, even) == 1 and fdr(even, even) == 1
    assert inequity_gm(even, even) == pytest.approx(1)
    assert garbe(one, one) == pytest.approx(1)
    assert np.isnan(inequity(one, even)) and np.isnan(inequity_gm(even, one))
    assert garbe(np.zeros(3), np.zeros(3)) == 0


def test_many_resamples_at_once():
    rates = np.random.default_rng(0).uniform(0.1, 0.5, size=(2, 9, 3))
    for index in (garbe, inequity, inequity_gm, fdr):
        assert index(*rates) == pytest.approx([index(a, b) for a, b in zip(*rates, strict=True)])


def table_of(**bias):
    comparisons = comparisons_with(60, 4, np.random.default_rng(1), **bias)
    threshold = comparisons.pairs.threshold_at(0.02)
    found = indices_table(grouped_at(comparisons, threshold, draw_people(60, 100, 0)))
    return found.set_index("index")


def test_chance_tells_even_from_uneven():
    biased, even = table_of(worse=0.6), table_of()
    assert biased.loc["GARBE", "value"] > biased.loc["GARBE", "chance"]
    assert even.loc["GARBE", "value"] < even.loc["GARBE", "chance"]
    assert biased.loc["FDR", "value"] < biased.loc["FDR", "chance"]
    assert even.loc["FDR", "value"] > even.loc["FDR", "chance"]
    assert (even["low"] <= even["high"]).all()

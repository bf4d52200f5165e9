"""Rates of resampled people, against the pairs written out as often as they count."""

import numpy as np
import pytest

from psface.measures.intervals import draw_people
from psface.measures.pairs import all_pairs
from psface.measures.resampled_rates import resampled_rates
from psface.measures.verification import Verification

FARS = (1e-1, 1e-2)


@pytest.fixture
def pairs() -> Verification:
    """Pairs of five people's captures, with many equal scores."""
    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(5), 4)
    first, second, same = all_pairs(person)
    score = np.round(rng.normal(size=len(same)) + same, 1)
    return Verification(score, same, person[first], person[second])


def test_they_are_those_of_the_repeated_pairs(pairs):
    draws = draw_people(5, 30, seed=2)
    rates = resampled_rates(pairs, draws, FARS)
    for number, times in enumerate(draws.astype(int)):
        weight = np.where(pairs.same, times[pairs.first], times[pairs.first] * times[pairs.second])
        each = pairs.among(np.repeat(np.arange(len(weight)), weight))
        if len(np.unique(each.same)) < 2:
            assert all(np.isnan(values[number]) for values in rates.values())
            continue
        assert rates["auc"][number] == pytest.approx(each.auc)
        assert rates["eer"][number] == pytest.approx(each.eer)
        assert rates["tar_at_far_1e-1"][number] == pytest.approx(each.tar_at(0.1))


def test_the_auc_is_that_of_resampled_aucs(pairs):
    draws = draw_people(5, 50, seed=3)
    rates = resampled_rates(pairs, draws, FARS)
    assert rates["auc"] == pytest.approx(pairs.resampled_aucs(draws), nan_ok=True)


def test_people_as_they_are_give_the_figures_themselves(pairs):
    rates = resampled_rates(pairs, np.ones((1, 5), int), FARS)
    expected = {"auc": pairs.auc, "eer": pairs.eer, "tar_at_far_1e-1": pairs.tar_at(0.1)}
    expected["tar_at_far_1e-2"] = pairs.tar_at(0.01)
    assert {name: values[0] for name, values in rates.items()} == pytest.approx(expected)

import numpy as np
import pytest

from psface.measures.intervals import draw_people, interval
from psface.measures.people_rates import proven_bound, tally


@pytest.fixture
def trials():
    """Trials of 9 people, and which are wrong."""
    rng = np.random.default_rng(0)
    first, second = rng.integers(9, size=(2, 400))
    return first, second, rng.random(400) < 0.2


@pytest.mark.parametrize("own", [False, True])
def test_rates_against_plain_loops(trials, own):
    first, second, wrong = trials
    if own:
        second = first
    counts = tally(first, second, wrong, 9, own)
    assert counts.rate == wrong.mean()
    assert (counts.trials.sum(), counts.errors.sum()) == (400, wrong.sum())
    draws = draw_people(9, 150, 1)  # more than are computed at once
    for times, found in zip(draws.astype(int), counts.rates(draws), strict=True):
        weights = [
            times[a] if own else times[a] * times[b] for a, b in zip(first, second, strict=True)
        ]
        expected = sum(w for w, e in zip(weights, wrong, strict=True) if e) / sum(weights)
        assert found == pytest.approx(expected, abs=1e-12)
    assert counts.interval(draws) == interval(counts.rates(draws))


def test_people_in_trials_and_in_errors():
    counts = tally(np.array([0, 3, 3]), np.array([1, 1, 4]), np.array([0, 1, 0]) > 0, 9, own=False)
    assert (counts.people, counts.people_with_errors) == (4, 2)


def test_without_an_error_the_bound_is_by_people_not_by_trials():
    none = np.zeros(50, bool)
    same = np.repeat(np.arange(5), 10)
    draws = draw_people(10, 100, 0)
    assert tally(same, same, none, 10, own=True).interval(draws) == (0, proven_bound(5))
    others = (same + 1) % 10
    pairs_of_people = tally(same, others, none, 10, own=False)
    assert pairs_of_people.people == 6
    assert pairs_of_people.interval(draws) == (0, proven_bound(3))  # of two each


def test_nothing_tried_tells_nothing():
    empty = np.empty(0, int)
    counts = tally(empty, empty, empty.astype(bool), 4, own=True)
    assert np.isnan(counts.rate) and np.isnan(counts.rates(draw_people(4, 3, 0))).all()
    assert np.isnan(counts.interval(draw_people(4, 3, 0))).all()


@pytest.mark.parametrize("people", [3, 30, 300, 3000])
def test_the_rule_of_three(people):
    """With that error rate, so many people are all without an error once in 20 times."""
    assert (1 - proven_bound(people)) ** people == pytest.approx(0.05)
    assert proven_bound(people) < 3 / people
    assert proven_bound(0) == 1

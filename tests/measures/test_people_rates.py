import numpy as np
import pytest
from scipy.stats import binom

from psface.measures.intervals import draw_people
from psface.measures.people_rates import proven_bound, share_interval, tally


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
    if own:  # what many resamples come near to
        many = counts.rates(draw_people(9, 20_000, 2)).std()
        assert counts.variance(draws) ** 0.5 == pytest.approx(many, rel=0.03)
    else:
        assert counts.variance(draws) == counts.rates(draws).var()


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


@pytest.mark.parametrize(("errors", "total"), [(1, 40), (3, 50), (49, 50), (7, 1000)])
def test_with_one_trial_of_each_person_the_binomial_tails_are_at_the_bounds(errors, total):
    people = np.arange(total)
    counts = tally(people, people, people < errors, total, own=True)
    low, high = counts.interval(draw_people(total, 1, 0))
    assert binom.sf(errors - 1, total, low) == pytest.approx(0.025, rel=1e-6)
    assert binom.cdf(errors, total, high) == pytest.approx(0.025, rel=1e-6)


def test_all_errors_and_none_mirror_each_other():
    same = np.repeat(np.arange(8), 5)
    draws = draw_people(8, 10, 0)
    assert tally(same, same, same >= 0, 8, own=True).interval(draws) == (1 - proven_bound(8), 1)
    assert share_interval(0.0, 0.0, 40, 8) == (0, proven_bound(8))


def test_too_few_people_to_tell_anything():
    assert share_interval(0.5, 0.0, 10, 1) == (0, 1)  # how others are is not known
    assert np.isnan(share_interval(np.nan, np.nan, 0, 0)).all()
    low, high = share_interval(0.5, 0.0, 10, 5)  # five who err alike are ten trials at most
    assert (low, high) == pytest.approx((binom_low(5, 10), 1 - binom_low(5, 10)), rel=1e-6)
    assert high - low < np.diff(share_interval(0.5, 0.25 / 2, 10, 2))[0]  # two who do not


def binom_low(errors, total):
    """Clopper and Pearson's lower bound, by halving."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if binom.sf(errors - 1, total, middle) < 0.025 else (low, middle)
    return low


@pytest.mark.parametrize("true", [0.02, 0.1])
def test_intervals_cover_the_true_rate_where_people_differ_and_errors_are_few(true):
    """42 people with six trials each, half of whose errors are some people's own: percentiles of
    resamples cover 85% here where the rate is 2%."""
    rng, covered = np.random.default_rng(1), 0
    person = np.repeat(np.arange(42), 6)
    for _ in range(300):
        rates = rng.beta(true * 1.5, (1 - true) * 1.5, 42)
        counts = tally(person, person, rng.random(len(person)) < rates[person], 42, own=True)
        low, high = counts.interval(np.empty((0, 42)))
        covered += low <= true <= high
    assert covered >= 0.93 * 300

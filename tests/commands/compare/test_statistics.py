import numpy as np
import pytest

from psface.errors import UserError
from psface.measures.paired import check_same_captures, measure, paired_p
from tests.measures.scored_people import scores_of

NAMES = np.repeat([f"p{i:02}" for i in range(24)], 5)


def embeddings(noise: float, seed: int = 0) -> np.ndarray:
    """The same people, seen through more or less noise."""
    faces = np.repeat(np.random.default_rng(0).normal(size=(24, 6)), 5, axis=0)
    return faces + noise * np.random.default_rng(seed).normal(size=faces.shape)


def run(noise: float, seeds: tuple[int, ...] = (1, 2, 3)):
    return measure([scores_of(embeddings(noise, seed), NAMES) for seed in seeds], seed=9)


def test_mean_and_spread_over_seeds_and_interval_over_people():
    scores = [scores_of(embeddings(1.0, seed), NAMES) for seed in (1, 2, 3)]
    areas = [s.verification.auc for s in scores]
    measured = run(1.0)
    assert measured.mean == pytest.approx(np.mean(areas))
    assert measured.spread == pytest.approx(np.std(areas, ddof=1))
    assert measured.low < measured.mean < measured.high
    assert run(1.0, (1,)).spread == 0


def test_paired_test_sees_a_difference_that_the_intervals_hide():
    better, worse = run(0.95), run(1.05)
    assert better.low < worse.high  # the intervals overlap
    assert paired_p(better, worse) < 0.05
    assert paired_p(worse, better) == paired_p(better, worse)


def test_equal_runs_do_not_differ():
    one = run(1.0)
    assert paired_p(one, one) == 1
    p = [paired_p(run(1.0, (a,)), run(1.0, (a + 1,))) for a in range(10, 30, 2)]
    assert np.median(p) > 0.2


def test_other_captures_cannot_be_compared():
    first = scores_of(embeddings(1.0), NAMES)
    with pytest.raises(UserError, match="tested on different captures; use the same seed"):
        check_same_captures([first, scores_of(embeddings(1.0)[::-1], NAMES[::-1])])


def test_the_least_p_is_that_of_so_many_resamples():
    better, worse = run(0.05), run(6.0)
    assert (better.resampled > worse.resampled).all()
    assert paired_p(better, worse) == 2 / (len(better.resampled) + 1)

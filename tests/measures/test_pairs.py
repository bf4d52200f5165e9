"""Which pairs are compared, against plain loops."""

from itertools import combinations

import numpy as np
import pytest

from psface.measures.pairs import _distinct, all_pairs, pair_cosines, some_pairs
from psface.vectors import unit


def test_every_pair():
    names = np.array(list("abcabca"))
    first, second, same = all_pairs(names)
    assert list(zip(first, second, strict=True)) == list(combinations(range(7), 2))
    assert same.tolist() == [names[i] == names[j] for i, j in combinations(range(7), 2)]


@pytest.mark.parametrize("impostors", [1, 5, 14, 15, 16])
def test_so_many_impostors_and_every_genuine_pair(impostors):
    names = np.array(list("abcabcab"))  # 28 pairs, 7 of them genuine
    first, second, same = some_pairs(names, impostors, 3)
    pairs = list(zip(first.tolist(), second.tolist(), strict=True))
    assert pairs == sorted(set(pairs)) and all(i < j for i, j in pairs)
    assert same.tolist() == [names[i] == names[j] for i, j in pairs]
    assert (same.sum(), (~same).sum()) == (7, impostors)


def test_impostors_are_drawn_evenly():
    names = np.repeat(np.arange(6), 2)
    counts = np.zeros((12, 12), int)
    for seed in range(3000):
        first, second, same = some_pairs(names, 10, seed)
        counts[first[~same], second[~same]] += 1
    i, j = (index for index in np.triu_indices(12, k=1))
    seen = counts[i, j][names[i] != names[j]]
    assert len(seen) == 60 and abs(seen / 500 - 1).max() < 0.25  # five standard deviations


def test_cosines_with_and_without_a_matrix():
    rng = np.random.default_rng(0)
    faces = unit(rng.normal(size=(50, 7)).astype(np.float32))
    for pairs in (all_pairs(np.arange(50))[:2], some_pairs(np.arange(50), 30, 0)[:2]):
        expected = [faces[i].astype(float) @ faces[j] for i, j in zip(*pairs, strict=True)]
        assert pair_cosines(faces, *pairs) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("below", [30, 41, 10**12])
def test_distinct_numbers_in_any_order(below):
    drawn = np.stack([_distinct(np.random.default_rng(seed), below, 10) for seed in range(400)])
    assert drawn.shape == (400, 10) and drawn.min() >= 0 and drawn.max() < below
    assert all(len(set(row)) == 10 for row in drawn.tolist())
    share = drawn.mean(axis=0) / (below - 1)  # at each place
    assert abs(share - 0.5).max() < 0.08  # five standard deviations
    assert (_distinct(np.random.default_rng(0), below, 10) == drawn[0]).all()

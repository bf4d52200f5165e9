"""Hashes and the search for near ones."""

import cv2
import numpy as np
import pytest

from psface.commands.overlap import near_hashes as search
from psface.commands.overlap.hashing import picture_hash
from psface.commands.overlap.near_hashes import near_pairs


def plain_pairs(hashes, limit):
    """Every pair, one after the other."""
    found = {}
    for i, first in enumerate(hashes):
        for j in range(i + 1, len(hashes)):
            distance = bin(int(first) ^ int(hashes[j])).count("1")
            if distance <= limit:
                found[i, j] = distance
    return found


def as_dict(pairs):
    return {
        (int(i), int(j)): int(d)
        for i, j, d in zip(pairs.first, pairs.second, pairs.distance, strict=True)
    }


def clustered(count, seed):
    """Random words, many of them a few bits from another or the same."""
    rng = np.random.default_rng(seed)
    words = rng.integers(0, 2**64, count, dtype=np.uint64)
    for i in range(1, count):
        if rng.random() < 0.7:
            words[i] = words[rng.integers(i)]
            for bit in rng.integers(0, 64, rng.integers(0, 9)):
                words[i] ^= np.uint64(1 << int(bit))
    return words


@pytest.mark.parametrize("limit", [0, 1, 3, 8, 12, 16])
def test_the_pairs_are_those_of_a_plain_loop(limit, monkeypatch):
    monkeypatch.setattr(search, "BLOCK", 500)  # several blocks a bucket
    for seed in range(3):
        hashes = clustered(150, seed)
        pairs = near_pairs(hashes, limit)
        assert as_dict(pairs) == plain_pairs(hashes, limit) and pairs.limit == limit
        assert len(pairs.first) == len(as_dict(pairs))  # each once


def test_too_many_pairs_leave_the_nearest(monkeypatch):
    hashes = np.unique(clustered(200, 5))
    everything = plain_pairs(hashes, 10)
    monkeypatch.setattr(search, "PAIRS", len(everything) // 2)
    pairs = near_pairs(hashes, 10)
    assert 0 < pairs.limit < 10 and len(pairs.first) <= len(everything) // 2
    assert as_dict(pairs) == {pair: d for pair, d in everything.items() if d <= pairs.limit}
    assert sum(d <= pairs.limit + 1 for d in everything.values()) > len(everything) // 2


def test_one_picture_a_thousand_times_is_no_half_million_pairs():
    hashes = np.array([7] * 1000 + [6], np.uint64)
    pairs = near_pairs(hashes, 2)
    assert len(pairs.first) == 45 + 990 + 10
    assert set(pairs.first) | set(pairs.second) == set(range(1001))  # yet each is named


def test_nothing_near():
    hashes = np.array([0, 2**32 - 1], np.uint64)
    assert len(near_pairs(hashes, 8).first) == 0
    assert len(near_pairs(hashes[:1], 8).first) == 0


def textured(seed=0):
    noise = np.random.default_rng(seed).random((12, 10)).astype(np.float32)
    return cv2.resize(noise, (200, 240), interpolation=cv2.INTER_CUBIC).clip(0, 1)


def test_a_hash_is_that_of_the_definition():
    image = textured()
    small = cv2.resize(image, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float64)
    k = np.arange(32)
    cosines = np.cos(np.pi * (2 * k[None] + 1) * k[:, None] / 64)
    kept = (cosines @ small @ cosines.T)[1:9, 1:9].ravel()
    bits = "".join("1" if value > np.median(kept) else "0" for value in kept)
    assert picture_hash(image) == int(bits, 2)
    assert bits.count("1") == 32


def test_a_darker_smaller_picture_has_nearly_the_same_hash():
    image = textured()
    small = cv2.resize(0.8 * image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    assert (picture_hash(image) ^ picture_hash(small)).bit_count() <= 4
    assert (picture_hash(image) ^ picture_hash(textured(1))).bit_count() > 12


def test_a_uniform_picture_has_none():
    noise = np.random.default_rng(0).normal(0.5, 0.02, (300, 200))
    assert picture_hash(noise) is None

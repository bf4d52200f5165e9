"""Find all pairs of hashes that differ in a few bits, exactly, among millions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

WORD = 64
PAIRS = 1_000_000  # at most: each is verified afterwards
ALIKE = 10  # pictures with the same hash that are paired with all others
BLOCK = 1 << 22  # comparisons per batch


@dataclass(frozen=True)
class Pairs:
    """Pairs of hashes.

    Attributes
    ----------
    first, second : (P,) int64
        Indices, first < second; in ascending order.
    distance : (P,) int64
        Bits in which they differ.
    limit : int
        All pairs up to this distance are included.
    """

    first: np.ndarray
    second: np.ndarray
    distance: np.ndarray
    limit: int


def near_pairs(hashes: np.ndarray, max_distance: int) -> Pairs:
    """Find the pairs of hashes (N,) uint64 that differ in at most ``max_distance`` bits.

    Two words that differ in d bits agree in one of d + 1 bands of their bits, so only those that
    share a band are compared (the pigeonhole principle; Norouzi, Punjani and Fleet, "Fast Search
    in Hamming Space with Multi-Index Hashing", CVPR 2012). A band's bits are spread out, because
    neighbouring frequencies of faces are correlated. If there are more than `PAIRS`, the most
    distant are dropped, all of a distance together.

    Pictures with the same hash are one word here. Beyond `ALIKE` of them, each is paired with the
    first only, so that a placeholder used a thousand times does not give half a million pairs.
    """
    words, word_of = np.unique(hashes, return_inverse=True)
    a, b, distance, limit = _near_words(words, max_distance)
    order = np.argsort(word_of, kind="stable")
    starts = np.searchsorted(word_of[order], np.arange(len(words) + 1))
    firsts, seconds, distances = [], [], []
    sizes = np.diff(starts)
    for word in np.flatnonzero(sizes > 1):
        members = order[starts[word] : starts[word + 1]]
        i, j = np.triu_indices(min(len(members), ALIKE), k=1)
        rest = members[ALIKE:]
        firsts += [members[i], np.full(len(rest), members[0])]
        seconds += [members[j], rest]
        distances.append(np.zeros(len(i) + len(rest), np.int64))
    single = (sizes[a] == 1) & (sizes[b] == 1)
    firsts.append(order[starts[a[single]]])
    seconds.append(order[starts[b[single]]])
    distances.append(distance[single])
    for left, right, bits in zip(a[~single], b[~single], distance[~single], strict=True):
        mine, other = (order[starts[w] : starts[w + 1]][:ALIKE] for w in (left, right))
        firsts.append(np.repeat(mine, len(other)))
        seconds.append(np.tile(other, len(mine)))
        distances.append(np.full(len(mine) * len(other), bits))
    one, two = np.concatenate(firsts), np.concatenate(seconds)
    first, second, bits = np.minimum(one, two), np.maximum(one, two), np.concatenate(distances)
    rising = np.lexsort((second, first))
    return Pairs(first[rising], second[rising], bits[rising], limit)


def _near_words(words: np.ndarray, limit: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Find pairs of distinct words (M,), their distances, and the limit they are complete up to."""
    bands = limit + 1
    masks = [np.uint64(sum(1 << bit for bit in range(k, WORD, bands))) for k in range(bands)]
    found = [np.empty((3, 0), np.int64)]
    count = 0
    for band, mask in enumerate(masks):
        keys = words & mask
        order = np.argsort(keys, kind="stable")
        ends = np.flatnonzero(np.diff(keys[order])) + 1
        starts = np.concatenate([[0], ends])
        sizes = np.diff(np.concatenate([starts, [len(words)]]))
        for start, size in zip(starts[sizes > 1], sizes[sizes > 1], strict=True):
            bucket = order[start : start + size]
            for near in _within(words[bucket], limit, masks[:band]):
                found.append(np.stack([bucket[near[0]], bucket[near[1]], near[2]]))
                count += near.shape[1]
                if count > PAIRS:
                    found, limit = _fewer(np.concatenate(found, axis=1), limit)
                    count = found[0].shape[1]
    near = np.concatenate(found, axis=1)
    first, second, distance = near[:, near[2] <= limit]
    return first, second, distance, limit


def _within(words: np.ndarray, limit: int, before: list[np.uint64]) -> Iterator[np.ndarray]:
    """Yield near pairs of one bucket that no band in ``before`` has found, (3, P) at a time."""
    rows = max(1, BLOCK // len(words))
    for start in range(0, len(words), rows):
        block = words[start : start + rows]
        differing = block[:, None] ^ words[None, start:]
        i, j = np.nonzero(np.bitwise_count(differing) <= limit)
        i, j = i[i < j], j[i < j]
        bits = differing[i, j]
        new = np.ones(len(bits), bool)
        for mask in before:
            new &= (bits & mask) != 0
        if new.any():
            yield np.stack([start + i, start + j, np.bitwise_count(bits).astype(np.int64)])[:, new]


def _fewer(found: np.ndarray, limit: int) -> tuple[list[np.ndarray], int]:
    """Drop the most distant of too many pairs (3, P); return the rest and the new limit."""
    while found.shape[1] > PAIRS:
        limit -= 1
        found = found[:, found[2] <= limit]
    return [found], limit

"""The area under the ROC over resamples of people, many resamples at a time."""

from __future__ import annotations

import numpy as np

RESAMPLES = 64  # at a time: the counts of a person are then one block of memory
PAIRS = 4096  # at a time: their weights fit the processor's cache


def resampled_areas(
    draws: np.ndarray,
    owner: np.ndarray,
    impostors: tuple[np.ndarray, np.ndarray],
    beaten: tuple[np.ndarray, ...],
) -> np.ndarray:
    """The AUC of every resample, (resamples,); NaN where undefined.

    All is counted in integers, so that the order of the sums does not matter.

    Parameters
    ----------
    draws : (resamples, people) int
        How often each person counts.
    owner : (G,) int
        People of the genuine pairs, by rising score.
    impostors : two arrays (I,) int
        People of the impostor pairs, by rising score.
    beaten : two arrays (G,) int
        How many impostors lie below, and not above, each genuine score.

    Examples
    --------
    >>> two_people, both = (np.array([0]), np.array([1])), (np.array([1]), np.array([1]))
    >>> resampled_areas(np.array([[1, 1], [2, 0]]), np.array([0]), two_people, both).tolist()
    [1.0, nan]
    """
    most = int(draws.max(initial=0))
    counts = np.int32 if most**2 * PAIRS < 2**31 else np.int64
    genuine = np.bincount(owner, minlength=draws.shape[1])
    areas = []
    for start in range(0, len(draws), RESAMPLES):
        times = np.ascontiguousarray(draws[start : start + RESAMPLES].T.astype(counts))
        twice, weight = _won(times, owner, impostors, beaten)
        total = (genuine @ times) * weight
        defined = total > 0
        areas.append(np.where(defined, twice / 2 / np.where(defined, total, 1), np.nan))
    return np.concatenate(areas) if areas else np.empty(0)


def _won(
    times: np.ndarray,
    owner: np.ndarray,
    impostors: tuple[np.ndarray, np.ndarray],
    beaten: tuple[np.ndarray, ...],
) -> tuple[np.ndarray, np.ndarray]:
    """Twice the weight of the comparisons that genuine pairs win, and the impostors' weight, of
    some resamples (R,); ``times`` is (people, R)."""
    first, second = impostors
    so_far = np.zeros(times.shape[1], np.int64)  # weight of the impostors
    twice = np.zeros_like(so_far)
    for start in range(0, len(first), PAIRS):
        end = min(start + PAIRS, len(first))
        weights = times.take(first[start:end], axis=0)
        weights *= times.take(second[start:end], axis=0)
        # The weight of the impostors before a place, wherever genuine pairs have one.
        spans = [slice(*np.searchsorted(of, [start, end], side="right")) for of in beaten]
        is_place = np.zeros(end - start + 1, bool)
        is_place[[0, -1]] = True
        for of, span in zip(beaten, spans, strict=True):
            is_place[of[span] - start] = True
        between = np.add.reduceat(weights, np.flatnonzero(is_place[:-1]), axis=0)
        before = np.concatenate([so_far[None], so_far + np.cumsum(between, axis=0, dtype=np.int64)])
        number = np.cumsum(is_place) - 1
        for of, span in zip(beaten, spans, strict=True):
            for at in range(span.start, span.stop, PAIRS):
                part = slice(at, min(at + PAIRS, span.stop))
                twice += (times[owner[part]] * before[number[of[part] - start]]).sum(axis=0)
        so_far = before[-1]
    return twice, so_far

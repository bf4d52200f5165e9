"""Confidence intervals, by resampling people."""

from __future__ import annotations

import numpy as np


def draw_people(people: int, resamples: int, seed: int) -> np.ndarray:
    """Draw how often each person is in each resample, (resamples, people) uint16."""
    rng = np.random.default_rng(seed)
    draws = np.empty((resamples, people), np.uint16)  # hundreds of megabytes for a million people
    for row in draws:
        row[:] = np.bincount(rng.integers(people, size=people), minlength=people)
    return draws


def interval(values: np.ndarray) -> tuple[float, float]:
    """The 95% interval of resampled values."""
    low, high = np.nanquantile(values, [0.025, 0.975])
    return float(low), float(high)

"""Confidence intervals, by resampling people."""

from __future__ import annotations

import numpy as np


def draw_people(people: int, resamples: int, seed: int) -> np.ndarray:
    """Draw how often each person is in each resample, (resamples, people)."""
    drawn = np.random.default_rng(seed).integers(people, size=(resamples, people))
    return np.stack([np.bincount(sample, minlength=people) for sample in drawn])


def interval(values: np.ndarray) -> tuple[float, float]:
    """The 95% interval of resampled values."""
    low, high = np.nanquantile(values, [0.025, 0.975])
    return float(low), float(high)

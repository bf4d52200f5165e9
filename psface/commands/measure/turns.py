"""Timing on one thread, in turns: a neighbour's load then falls on all alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

import cv2
from tqdm import tqdm

from psface.threads import environment, one_thread_each

Name = TypeVar("Name")


def seconds_in_turns(
    turns: Mapping[Name, Callable[[], object]],
    rounds: int,
    description: str,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[Name, list[float]]:
    """Seconds of each, by ``clock``, in each round after a warm-up."""
    times: dict[Name, list[float]] = {name: [] for name in turns}
    for number in tqdm(range(rounds + 1), desc=description, unit="round", leave=False):
        for name, turn in turns.items():
            start = clock()
            turn()
            if number:  # the first is a warm-up
                times[name].append(clock() - start)
    return times


@contextmanager
def one_core() -> Iterator[None]:
    """Keep torch and OpenCV of this thread from using others within the block."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with environment({"OMP_NUM_THREADS": "1"}), one_thread_each():
            yield
    finally:
        cv2.setNumThreads(threads)

"""Spread work over threads: independent pieces side by side, one thread each.

OpenMP's threads busy-wait for each other at the end of every operation: beside one busy process on
two cores, training took three to seven times as long. Threads that rarely synchronise share the
cores fairly with other processes, and their results do not depend on how many there are.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from threading import Barrier
from typing import Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
Given = TypeVar("Given", covariant=True)

IN_FLIGHT = 2  # pieces of work per thread
READERS = 4  # threads: they decode 20,000 small pictures a second


def available_cpus() -> int:
    """Number of CPUs this process may use; a container may allow fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def thread_count() -> int:
    """Number of threads this process computes on: the CPUs, or fewer if ``OMP_NUM_THREADS``, usual
    on shared machines, says so."""
    setting = os.environ.get("OMP_NUM_THREADS", "")
    limit = int(setting) if setting.isascii() and setting.isdigit() and len(setting) < 9 else 0
    return max(1, min(available_cpus(), limit or available_cpus()))


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Keep torch operations of this thread from using helper threads within the block."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def map_in_threads(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yield ``function(item)`` for every item, in order, computed side by side.

    A few items are taken ahead. ``function`` must not call `map_in_threads` itself.
    """
    count = thread_count()
    if count == 1:
        with one_thread_each():
            yield from map(function, items)
        return
    pool = _pool(count)
    yield from in_order(lambda item: pool.submit(function, item), items, IN_FLIGHT * count - 1)


def ahead_in_threads(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yield ``function(item)`` for every item, in order, computed before it is asked for.

    For reading and decoding, which must not keep the caller waiting and use no torch; beside
    `map_in_threads`, whose threads are for computing.
    """
    count = min(READERS, thread_count())
    with ThreadPoolExecutor(count, "read") as pool:
        yield from in_order(lambda item: pool.submit(function, item), items, IN_FLIGHT * count)


class Pending(Protocol[Given]):
    """A result to come: `concurrent.futures.Future`, for one."""

    def result(self) -> Given:
        """Wait for it."""

    def cancel(self) -> object:
        """Do without it."""


def in_order(
    submit: Callable[[Item], Pending[Result]], items: Iterable[Item], ahead: int
) -> Iterator[Result]:
    """Yield a pool's result for every item, in order.

    At most ``ahead`` items beyond the awaited one are submitted, so that memory does not grow with
    their number.
    """
    waiting = deque[Pending[Result]]()
    try:
        for item in items:
            waiting.append(submit(item))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


@contextmanager
def environment(variables: dict[str, str]) -> Iterator[None]:
    """Set environment variables within the block."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@cache
def _pool(count: int) -> ThreadPoolExecutor:
    ready = Barrier(count + 1)

    def begin() -> None:
        torch.set_num_threads(1)
        torch.get_num_threads()  # otherwise the first operation adopts other threads' value
        ready.wait()

    import torch

    pool = ThreadPoolExecutor(count, "compute", initializer=begin)
    with one_thread_each():
        for _ in range(count):
            pool.submit(int)
        ready.wait()
    return pool


def limit_libraries() -> None:
    """Limit linear algebra to one thread, in this process and those it starts."""
    from threadpoolctl import threadpool_limits

    for name in ("OPENBLAS_NUM_THREADS",):  # for libraries loaded later
        os.environ.setdefault(name, "1")
    if "numpy" in sys.modules:
        threadpool_limits(1, user_api="blas")

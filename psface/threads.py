"""How computing is spread over threads: whole pieces of work side by side, one thread each.

OpenMP's threads wait for each other, busily, at the end of every operation: beside one busy process
on two cores, training took three to seven times as long. Threads that meet seldom share the cores
with a neighbour fairly; and what each computes does not depend on how many there are.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from threading import Barrier
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

IN_FLIGHT = 2  # pieces of work a thread


def available_cpus() -> int:
    """CPUs this process may run on, which a container may set below the machine's count."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def thread_count() -> int:
    """How many threads this process computes on: ``OMP_NUM_THREADS``, as those know it who share a
    machine, where it is set and is fewer than the CPUs."""
    told = os.environ.get("OMP_NUM_THREADS", "")
    limit = int(told) if told.isascii() and told.isdigit() and len(told) < 9 else 0
    return max(1, min(available_cpus(), limit or available_cpus()))


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Within, a torch operation of this thread takes no other to help."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def map_in_threads(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yield ``function(item)`` for every item, in order, computed side by side.

    Of many items, a few are taken ahead. ``function`` must not call `map_in_threads` itself.
    """
    count = thread_count()
    if count == 1:
        with one_thread_each():
            yield from map(function, items)
        return
    pool = _pool(count)
    yield from in_order(lambda item: pool.submit(function, item), items, IN_FLIGHT * count - 1)


def in_order(
    submit: Callable[[Item], Future[Result]], items: Iterable[Item], ahead: int
) -> Iterator[Result]:
    """Yield what a pool makes of every item, in order; at most so many ``ahead`` of the one that
    is waited for, so that memory does not grow with their number."""
    waiting = deque[Future[Result]]()
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
    """Within, these environment variables are set."""
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
        torch.get_num_threads()  # else the first operation takes over what others set
        ready.wait()

    import torch

    pool = ThreadPoolExecutor(count, "compute", initializer=begin)
    with one_thread_each():
        for _ in range(count):
            pool.submit(int)
        ready.wait()
    return pool


def limit_libraries() -> None:
    """One thread for the libraries of linear algebra, in this process and those it starts."""
    from threadpoolctl import threadpool_limits

    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):  # of those that are loaded later
        os.environ.setdefault(name, "1")
    if "numpy" in sys.modules:
        threadpool_limits(1, user_api="blas")

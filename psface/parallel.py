"""Spread work on captures over processes, here or by an engine; nothing else decides how."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, MutableSequence, Sized
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from multiprocessing import connection
from typing import Any, Protocol, TypeVar

from tqdm import tqdm

from psface.errors import UserError
from psface.memory import keep_memory
from psface.threads import available_cpus, environment, in_order

Item = TypeVar("Item")
Result = TypeVar("Result")

# Read by OpenMP, OpenBLAS and MKL when they load, so they must be set before a worker starts.
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
IN_FLIGHT_PER_WORKER = 4  # enough to keep workers busy, few enough to bound memory


class Map(Protocol):
    """What an engine offers: yields ``function(item)`` for every item, in order."""

    def __call__(
        self, function: Callable[[Item], Result], items: Iterable[Item], /
    ) -> Iterator[Result]: ...


class Engine(Protocol):
    """What decides where items are worked on; see `psface.engines`."""

    def __call__(self, description: str, total: int | None) -> AbstractContextManager[Map]:
        """Have workers for ``total`` items within the block; None if their number is unknown."""


def map_in_processes(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    description: str,
    total: int | None = None,
) -> Iterator[Result]:
    """Yield ``function(item)`` for every item, in order, with a progress bar.

    A pool of this machine's processes works on them, or the engine of an enclosing `using`.

    Each worker uses one thread: two busy OpenMP processes on two cores slow each other
    down tenfold. ``function`` must be picklable (a module-level function or a
    ``functools.partial`` of one). At most a few items per worker are in flight, so memory does
    not grow with the number of items. ``total`` is the number of items, if ``items`` has no
    length.

    Raises
    ------
    UserError
        If a worker dies (for example, out of memory).
    """
    if isinstance(items, Sized):
        total = len(items)
    bar = tqdm(total=total, desc=description, unit="item", mininterval=1.0)
    with bar, _engine.get()(description, total) as mapped:
        for result in mapped(function, items):
            yield result
            bar.update()


@contextmanager
def using(engine: Engine) -> Iterator[None]:
    """Let `map_in_processes` use another engine within the block."""
    before = _engine.set(engine)
    try:
        yield
    finally:
        _engine.reset(before)


def is_elsewhere() -> bool:
    """Whether an engine of `using` is in use."""
    return _engine.get() is not _local


@contextmanager
def _local(description: str, total: int | None) -> Iterator[Map]:
    workers = available_cpus() if total is None else min(available_cpus(), total)
    if workers <= 1:
        yield map
        return
    context = multiprocessing.get_context("spawn")
    started, at_work = context.Value("q", 0), context.RawArray("q", workers)
    given: dict[int, Any] = {}
    with (
        environment({name: "1" for name in THREAD_VARIABLES}),
        ProcessPoolExecutor(workers, context, _begin_worker, (started, at_work)) as pool,
    ):

        def mapped(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
            def submit(numbered: tuple[int, Item]) -> Future[Result]:
                number, item = numbered
                given[number] = item
                given.pop(number - 2 * IN_FLIGHT_PER_WORKER * workers, None)  # long finished
                with no_interrupt():
                    return pool.submit(_worked, function, number, item)

            return in_order(submit, enumerate(items, 1), IN_FLIGHT_PER_WORKER * workers)

        try:
            yield mapped
        except BrokenProcessPool:
            busy = [given[number] for number in sorted(at_work) if number in given]
            what = ", ".join(str(getattr(item, "place", item)) for item in busy)
            raise UserError(
                f"{description}: a worker process was killed, most likely for lack of memory; free "
                f"some and run it again. If it happens again, look at {what or 'the captures'}"
            ) from None


_engine: ContextVar[Engine] = ContextVar("engine", default=_local)


_own = -1  # this worker's place in the next
_at_work: MutableSequence[int] = []  # the number of the item that each worker has; 0: none


def _begin_worker(started: Any, at_work: MutableSequence[int]) -> None:
    import cv2

    global _own, _at_work
    with started.get_lock():
        _own, _at_work = started.value, at_work
        started.value += 1
    cv2.setNumThreads(1)
    keep_memory()
    threading.Thread(target=end_with_parent, daemon=True).start()


def _worked(function: Callable[[Item], Result], number: int, item: Item) -> Result:
    _at_work[_own] = number
    result = function(item)
    _at_work[_own] = 0
    return result


def end_with_parent() -> None:
    """Exit when the parent ends, for any reason: an idle worker would otherwise stay forever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


@contextmanager
def no_interrupt() -> Iterator[None]:
    """Block interrupts, also for the workers started within, which inherit the signal mask.

    Ctrl-C reaches all processes of a terminal; the parent ends its workers.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

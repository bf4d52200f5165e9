"""Have captures worked on by a Dask cluster, and say in one line what went wrong there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pickle import loads
from typing import Any, Protocol, TypeVar

import cloudpickle
from distributed import Client, Future, KilledWorker
from distributed.comm.core import CommClosedError

from psface.engines.remote_work import Project, work_there
from psface.errors import UserError
from psface.threads import in_order

Item = TypeVar("Item")
Result = TypeVar("Result")

LOOK = 5.0  # s, between looks at whether anyone works
PATIENCE = 30.0  # s, without any worker
AGAIN = "and run it again: what is done is kept"


class Source(Protocol):
    """Where workers come from."""

    remedy: str  # if there are none

    def are_coming(self) -> bool:
        """Whether workers may be expected though there are none."""


@dataclass(frozen=True)
class DaskWorkers:
    """The workers of a cluster, as a `psface.parallel.Map`.

    Attributes
    ----------
    description : str
        Of the work.
    together : int
        Items that a worker is given at once: the scheduler takes 1 to 5 ms for each time.
    ahead : int
        How many times that is done in advance.
    source : Source
        Where workers come from.
    """

    client: Client
    project: Project
    description: str
    together: int
    ahead: int
    source: Source

    def __call__(
        self, function: Callable[[Item], Result], items: Iterable[Item], /
    ) -> Iterator[Result]:
        rest = iter(items)
        groups = iter(lambda: list(islice(rest, self.together)), [])
        work = cloudpickle.dumps(function)
        return chain.from_iterable(in_order(partial(self.submitted, work), groups, self.ahead))

    def submitted(self, work: bytes, items: list[Any]) -> _Submitted:
        """Begin the work on items; pickled apart, so that a worker is checked before it reads
        them."""
        if self.client.status != "running":
            raise self.lost()
        arguments = (self.project, work, cloudpickle.dumps(items))
        return _Submitted(
            self, self.client.submit(work_there(), *arguments, pure=False), work, items
        )

    def outcome(self, future: Future) -> tuple[str, bytes]:
        """Wait for what a worker returns, as long as there are workers or they may come."""
        since = None
        while True:
            try:
                found: tuple[str, bytes] = future.result(timeout=LOOK)
                return found
            except TimeoutError:
                if future.status != "pending":
                    raise
            if self.client.status != "running":
                raise self.lost()
            if self.client.nthreads() or self.source.are_coming():
                since = None
                continue
            since = since or time.monotonic()
            if time.monotonic() - since > PATIENCE:
                raise UserError(
                    f"{self.description}: no worker has come, or none is left; "
                    f"{self.source.remedy}, {AGAIN}"
                )

    def lost(self) -> UserError:
        return UserError(
            f"{self.description}: the connection to Dask's scheduler is lost; start it and its "
            f"workers, {AGAIN}"
        )


@dataclass(frozen=True)
class _Submitted:
    workers: DaskWorkers
    future: Future
    work: bytes
    items: list[Any]

    def result(self) -> list[Any]:
        description, what = self.workers.description, self.items[0]
        try:
            reason, pickled = self.workers.outcome(self.future)
        except (KilledWorker, MemoryError):
            if len(self.items) > 1:  # which of them?
                each = [self.workers.submitted(self.work, [item]) for item in self.items]
                return [found for one in each for found in one.result()]
            raise UserError(
                f"{description}: {getattr(what, 'place', what)} ended every worker that tried it, "
                f"most likely for lack of memory; give workers more, {AGAIN}"
            ) from None
        except (CancelledError, CommClosedError):
            raise self.workers.lost() from None
        if reason:
            raise UserError(f"{description}: {reason}")
        found: list[Any] = loads(pickled)
        return found

    def cancel(self) -> None:
        if self.workers.client.status == "running":
            self.future.cancel()

"""Work on captures by Dask Distributed: a running cluster, or processes of this machine."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing import resource_tracker

import dask
from distributed import Client, LocalCluster

from psface.engines.dask_connection import connected
from psface.engines.dask_workers import DaskWorkers
from psface.engines.engine_params import EngineParams
from psface.engines.remote_work import Project, project
from psface.parallel import IN_FLIGHT_PER_WORKER, Map, no_interrupt
from psface.threads import available_cpus

FEWEST = 4  # workers to have enough submitted for: they may still come
TOGETHER = 16  # items that a worker is given at once, if there are many
SHARES = 8  # of a worker, if there are few
CONFIG = {
    # A worker has nothing but what it works on, so that what kills it is known.
    "distributed.scheduler.worker-saturation": 1.0,
    "distributed.admin.large-graph-warning-threshold": "1GB",  # items may hold their pictures
}


class DaskEngine:
    """An engine of `psface.parallel`; a cluster starts when there is work, until `close`."""

    def __init__(self, params: EngineParams) -> None:
        self.params = params
        self.expected = FEWEST
        self.remedy = "start some with `dask worker` and the scheduler's address"
        self.stack = ExitStack()
        self._begun: tuple[Client, Project] | None = None

    @contextmanager
    def __call__(self, description: str, total: int | None) -> Iterator[Map]:
        if total is not None and total <= 1:  # sooner done than started
            yield map
            return
        if self._begun is None:
            logging.disable(logging.CRITICAL)  # what Dask says in many lines becomes one
            self.stack.callback(logging.disable, logging.NOTSET)
            seen = self.stack.enter_context(project())
            dask.config.set(CONFIG)
            resource_tracker.ensure_running()  # which unblocks interrupts after its start
            with no_interrupt():
                self._begun = self.stack.enter_context(self.client()), seen
        client, seen = self._begun
        workers = max(self.expected, sum(client.nthreads().values()))
        together = 1 if total is None else min(TOGETHER, 1 + total // (SHARES * workers))
        ahead = IN_FLIGHT_PER_WORKER * workers
        yield DaskWorkers(client, seen, description, together, ahead, self)

    def client(self) -> Client:
        """Connect to a scheduler, or start one."""
        address = self.params.dask.address
        if address is None:
            cluster = LocalCluster(
                n_workers=available_cpus(), threads_per_worker=1, dashboard_address=":0",
                silence_logs=logging.CRITICAL, protocol="tls://", security=True,
            )  # fmt: skip
            return Client(self.stack.enter_context(cluster))
        return connected(address)

    def are_coming(self) -> bool:
        """Whether workers may be expected though there are none."""
        return False

    def close(self) -> None:
        """End what was started."""
        self.stack.close()

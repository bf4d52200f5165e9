"""Start the processes of a training run, or join those that ``torchrun`` has started.

`multiprocessing` starts them, since a run on one machine needs neither the rendezvous nor the
restarts of torchrun's agent, which reports a failure by several tables: here it is one line, and a
run that is started again resumes from its checkpoint. For several machines, use torchrun.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import connection
from typing import Any

import torch
import torch.distributed as dist

from psface.errors import UserError
from psface.parallel import THREAD_VARIABLES, end_with_parent, no_interrupt
from psface.threads import environment, limit_libraries, thread_count
from psface.training import ranks

SECONDS = 2.0  # in which processes end after the first that fails
# What the backends say when another process has ended.
LOST = ("Connection closed by peer", "Connection reset by peer", "Broken pipe", "Socket Timeout")
LOST_LINE = "train: another process of this run ended"
NO_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")


def first_of_run() -> bool:
    """Whether this process is the first, or the only one, that torchrun has started."""
    return os.environ.get("RANK", "0") == "0"


def over_ranks(processes: int, function: Callable[..., None], *args: Any) -> None:
    """Call ``function(*args)`` in as many processes, or in torchrun's if it started this one.

    Parameters
    ----------
    processes : int
        0: one for each GPU. One: no other process is started.
    function
        Of a module; the others import it. All but the first process print nothing on stdout.

    Raises
    ------
    UserError
        By whichever process: what it says. If one was killed: which.
    """
    if "WORLD_SIZE" in os.environ:
        rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
        with _group(rank, size, int(os.environ.get("LOCAL_RANK", "0")), None):
            return function(*args)
    gpus = torch.cuda.device_count()
    processes = processes or max(1, gpus)
    if processes == 1:
        with _lines():
            return function(*args)
    if 0 < gpus < processes:
        raise UserError(
            f"train.processes={processes}, but this machine has {gpus} GPUs; 0 means one for each"
        )
    _start(processes, function, args)


def _start(processes: int, function: Callable[..., None], args: tuple) -> None:
    store = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    context = multiprocessing.get_context("spawn")
    told = context.SimpleQueue()
    workers = [
        context.Process(target=_work, args=(rank, processes, store.port, told, function, args))
        for rank in range(processes)
    ]
    threads = str(max(1, thread_count() // processes))
    try:
        with environment(dict.fromkeys(THREAD_VARIABLES, threads)), no_interrupt():
            for worker in workers:
                worker.start()
        while running := [worker for worker in workers if worker.exitcode is None]:
            connection.wait([worker.sentinel for worker in running])
            if any(worker.exitcode for worker in workers):
                break
        _join(workers)  # one is the cause, the others have lost it
        codes = [worker.exitcode for worker in workers]
    finally:
        started = [worker for worker in workers if worker.pid is not None]
        for worker in started:
            worker.terminate()
        _join(started)
        for worker in started:
            worker.kill()
            worker.join()
    if any(codes):
        raise _cause(codes, told)


def _join(workers: Sequence[multiprocessing.process.BaseProcess]) -> None:
    """Wait a little for all to end."""
    end = time.monotonic() + SECONDS
    for worker in workers:
        worker.join(max(0.0, end - time.monotonic()))


def _cause(codes: list[int | None], told: Any) -> Exception:
    """Why a run failed, by its processes' exit codes and the errors that they told."""
    for number, code in enumerate(codes, start=1):
        if code is not None and code < 0:
            name = signal.Signals(-code).name
            why = ", most likely for lack of memory" if code == -signal.SIGKILL else ""
            return UserError(
                f"train: process {number} of {len(codes)} was killed ({name}){why}; run it again: "
                "it resumes from its last checkpoint"
            )
    errors: list[Exception] = []
    while not told.empty():
        errors.append(told.get())
    causes = [error for error in errors if not str(error).startswith(LOST_LINE)]
    failed = next(number for number, code in enumerate(codes, start=1) if code)
    unknown = UserError(f"train: process {failed} failed; its error is above")
    return (causes or errors or [unknown])[0]


def _work(
    rank: int, size: int, port: int, told: Any, function: Callable[..., None], args: tuple
) -> None:
    threading.Thread(target=end_with_parent, daemon=True).start()
    if not rank:  # it writes files, and ends the line of its progress bar
        signal.signal(signal.SIGTERM, _interrupt)
    limit_libraries()
    store = dist.TCPStore("127.0.0.1", port, is_master=False)
    try:
        with _group(rank, size, rank, store):
            function(*args)
    except (UserError, OSError) as error:
        told.put(error)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(1)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


@contextmanager
def _group(rank: int, size: int, local: int, store: dist.Store | None) -> Iterator[None]:
    """Join the group of processes; without ``store``, the one that torchrun describes."""
    if torch.cuda.is_available():
        torch.cuda.set_device(local)
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    with contextlib.ExitStack() as stack:
        if rank:  # the first says it all
            stack.enter_context(contextlib.redirect_stdout(None))
            stack.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
        stack.enter_context(_lines())
        if store is None:
            dist.init_process_group(backend)
        else:
            dist.init_process_group(backend, store=store, rank=rank, world_size=size)
        yield
        dist.destroy_process_group()


@contextmanager
def _lines() -> Iterator[None]:
    """Errors of what surrounds training as one line."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        text = str(error)
        if isinstance(error, MemoryError) or any(said in text for said in NO_MEMORY):
            where = f"process {ranks.number() + 1}" if ranks.count() > 1 else "this process"
            raise UserError(
                f"train: {where} is out of memory; raise train.accumulate, which computes a batch "
                "in parts, or lower train.batch_size"
            ) from error
        if isinstance(error, dist.DistError) or any(said in text for said in LOST):
            raise UserError(
                f"{LOST_LINE}; run it again: it resumes from its last checkpoint"
            ) from error
        raise

"""A Dask cluster in processes of its own, which tests may kill, and a SLURM of three scripts."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from psface.engines.engine_params import DaskParams, EngineParams, SlurmParams

ROOT = Path(__file__).parents[1]
# sbatch runs the job at once; `calls` notes what was called.
SCRIPTS = {
    "sbatch": """
        if [ "$1" = --test-only ]; then exit 0; fi
        cp "$1" "$here/$$.job"
        PYTHONPATH={root} setsid sh "$here/$$.job" >"$here/$$.log" 2>&1 &
        echo $! >"$here/$$.pid"
        echo "Submitted batch job $$"
        """,
    "scancel": """
        for id; do kill -- "-$(cat "$here/$id.pid")"; done
        """,
    "squeue": """
        for pid in $(cat "$here"/*.pid); do kill -0 "$pid" && echo "$pid"; done
        """,
}


def engine_params(engine: str, address: str | None = None, **slurm: object) -> EngineParams:
    asked = {
        "queue": None, "account": None, "walltime": "1:00:00", "cores": 1, "memory": "2GB",
        "min_jobs": 1, "max_jobs": 2, "interface": None, "options": [], "prologue": [],
    }  # fmt: skip
    settings = SlurmParams(**{**asked, **slurm})
    return EngineParams(engine=engine, dask=DaskParams(address=address), slurm=settings)


def write_slurm(folder: Path) -> Path:
    """Write the scripts; returns their folder, to be put in front of ``PATH``."""
    folder.mkdir()
    for name, text in SCRIPTS.items():
        lines = [line.strip() for line in text.strip().splitlines()]
        head = ["#!/bin/sh", f"here={folder}", f'echo {name} "$@" >>"$here/calls"']
        path = folder / name
        path.write_text("\n".join([*head, *lines, ""]).replace("{root}", str(ROOT)))
        path.chmod(0o755)
    return folder


class Cluster:
    """A scheduler and its workers, of one thread each."""

    def __init__(self, folder: Path, nanny: bool, path: str) -> None:
        self.folder = folder
        self.nanny = nanny
        self.environment = {
            **os.environ,
            "PYTHONPATH": path,
            "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1",
            "DASK_DISTRIBUTED__SCHEDULER__WORKER_SATURATION": "1.0",
            "DASK_TEMPORARY_DIRECTORY": str(folder),
        }
        ready = folder / "scheduler.json"
        self.scheduler = self._start(
            "dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
            "--scheduler-file", str(ready),
        )  # fmt: skip
        while not ready.exists():
            assert self.scheduler.poll() is None
            time.sleep(0.05)
        self.address = ready.read_text().split('"address": "')[1].split('"')[0]
        self.workers: list[subprocess.Popen[bytes]] = []

    def add_worker(self) -> None:
        kind = "--nanny" if self.nanny else "--no-nanny"
        limits = ("--nthreads", "1", "--memory-limit", "0", "--death-timeout", "20")
        self.workers.append(
            self._start("dask_worker", self.address, kind, "--no-dashboard", *limits)
        )

    def _start(self, module: str, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.{module}", *arguments],
            cwd=self.folder, env=self.environment, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip


@contextmanager
def running_cluster(
    folder: Path, workers: int = 2, nanny: bool = False, path: str = str(ROOT)
) -> Iterator[Cluster]:
    cluster = Cluster(folder, nanny, path)
    try:
        for _ in range(workers):
            cluster.add_worker()
        yield cluster
    finally:
        for process in (*cluster.workers, cluster.scheduler):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

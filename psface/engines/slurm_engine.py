"""Work on captures by jobs of SLURM, which dask-jobqueue submits; they join one Dask scheduler.

Of the packages that submit work to SLURM, dask-jobqueue shares all but the start with the engine
dask: what a job was at when it ended goes to another. With submitit, each piece of work would be a
job of its own, with its own files and its own place in the queue.
"""

from __future__ import annotations

import getpass
import logging
import os
import shutil
import subprocess

from dask_jobqueue import SLURMCluster
from distributed import Client

from psface.disk import scratch
from psface.engines.dask_engine import DaskEngine
from psface.engines.engine_params import EngineParams
from psface.errors import UserError
from psface.files import made_folder


class SlurmEngine(DaskEngine):
    """A `DaskEngine` whose scheduler is in this process, and whose workers are in jobs of SLURM.

    Raises
    ------
    UserError
        If there is no ``sbatch``.
    """

    def __init__(self, params: EngineParams) -> None:
        super().__init__(params)
        self.job = f"psface-{os.getpid()}"
        self.expected = params.slurm.max_jobs * params.slurm.cores
        self.remedy = f"see {scratch() / 'slurm'}/{self.job}-*"
        if shutil.which("sbatch") is None:
            raise UserError(
                "engine=slurm: there is no sbatch here; run this where jobs are submitted, or set "
                "engine to local (params.yaml)"
            )

    def client(self) -> Client:
        """Submit jobs, whose connections are encrypted with keys made for this run."""
        asked = self.params.slurm
        folder = str(made_folder(scratch() / "slurm").resolve())
        cluster = SLURMCluster(
            queue=asked.queue, account=asked.account, walltime=asked.walltime, cores=asked.cores,
            processes=asked.cores, memory=asked.memory, interface=asked.interface,
            job_extra_directives=asked.options, job_script_prologue=asked.prologue,
            job_name=self.job, log_directory=folder, shared_temp_directory=folder,
            scheduler_options={"dashboard_address": ":0"}, silence_logs=logging.CRITICAL,
            protocol="tls://", security=True,
        )  # fmt: skip
        self.stack.enter_context(cluster)
        tried = _called(["sbatch", "--test-only"], cluster.job_script())
        if tried.returncode:
            said = " ".join(f"{tried.stderr} {tried.stdout}".split())
            raise UserError(
                f"engine=slurm: sbatch refuses the job ({said}); see slurm, params.yaml"
            )
        cluster.adapt(minimum_jobs=asked.min_jobs, maximum_jobs=asked.max_jobs)
        return Client(cluster)

    def are_coming(self) -> bool:
        """Whether a job waits or runs, as far as SLURM answers."""
        jobs = _called(["squeue", "--noheader", "--user", getpass.getuser(), "--name", self.job])
        return jobs.returncode != 0 or bool(jobs.stdout.strip())


def _called(command: list[str], given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, input=given, capture_output=True, text=True, check=False)

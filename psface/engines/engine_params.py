"""The parameters of where work is done. No result depends on them, so no stage does either."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import model_validator

from psface.config import Count, Section, Selection, like


class DaskParams(Section):
    """A Dask cluster.

    Attributes
    ----------
    address : str or None
        Of a running scheduler, ``tcp://host:8786`` or ``tls://host:8786``; None starts workers on
        this machine.
    """

    address: Annotated[str, like(r"(tcp|tls|ucx)://\S+", "tcp://host:8786")] | None


class SlurmParams(Section):
    """What ``sbatch`` is asked for.

    Attributes
    ----------
    queue, account : str or None
        Partition and account; None: SLURM's default.
    walltime : str
        Of a job, ``1:00:00``; a job that ends is followed by another.
    cores : int
        Of a job; each computes one capture at a time.
    memory : str
        Of a job, ``8GB``.
    min_jobs, max_jobs : int
        How many are kept while there is work.
    interface : str or None
        Network between the machines, ``ib0``; None: the default one.
    options : list of str
        More lines of the job's head, such as ``--constraint=avx512``.
    prologue : list of str
        Lines of shell before the worker starts, such as ``module load gcc``.
    """

    queue: str | None
    account: str | None
    walltime: Annotated[str, like(r"[0-9:-]+", "1:00:00")]
    cores: Count
    memory: Annotated[str, like(r"[0-9.]+ ?[kMGT]i?B", "16GB")]
    min_jobs: Count
    max_jobs: Count
    interface: str | None
    options: list[str]
    prologue: list[str]

    @model_validator(mode="after")
    def _in_order(self) -> SlurmParams:
        if self.min_jobs > self.max_jobs:
            raise ValueError("min_jobs is more than max_jobs: lower it")
        return self


class EngineParams(Selection):
    """Which engine, and what each needs."""

    engine: Literal["local", "dask", "slurm"]
    dask: DaskParams
    slurm: SlurmParams

"""Work by jobs of SLURM, in whose place scripts run the jobs on this machine."""

import os
import time
from pathlib import Path

import pytest

from psface.engines.engines import computing_on, made
from psface.errors import UserError
from psface.parallel import map_in_processes
from tests.clusters import engine_params, write_slurm
from tests.far_work import squared, state

pytest.importorskip("dask_jobqueue", reason="the extra slurm is not installed")


@pytest.fixture
def slurm(tmp_path, monkeypatch) -> Path:
    """SLURM's commands; the current folder is a project's."""
    scripts = write_slurm(tmp_path / "slurm")
    monkeypatch.setenv("PATH", str(scripts), prepend=os.pathsep)
    project = tmp_path / "project"
    (project / ".dvc").mkdir(parents=True)
    monkeypatch.chdir(project)
    return scripts


def calls(scripts: Path, name: str) -> list[str]:
    lines = (scripts / "calls").read_text().splitlines()
    return [line for line in lines if line.startswith(name)]


def alive(scripts: Path) -> list[int]:
    found = []
    for path in scripts.glob("*.pid"):
        try:
            os.kill(int(path.read_text()), 0)
        except ProcessLookupError:
            continue
        found.append(int(path.read_text()))
    return found


def test_jobs_work_and_end(slurm):
    params = engine_params(
        "slurm", queue="long", account="faces", memory="3GB", options=["--constraint=avx512"],
        prologue=["export OF_THE_JOB=yes"],
    )  # fmt: skip
    with computing_on(params):
        assert list(map_in_processes(squared, range(50), "test")) == [i * i for i in range(50)]
        for variables, threads, folder in map_in_processes(state, range(4), "test"):
            assert set(variables) == {"1"} and threads == 1 and folder == str(Path.cwd())
    job = next(slurm.glob("*.job")).read_text().splitlines()
    asked = {line.removeprefix("#SBATCH ") for line in job if line.startswith("#SBATCH")}
    wanted = {"-p long", "-A faces", "--mem=3G", "-t 1:00:00", "--cpus-per-task=1"}
    assert wanted | {"--constraint=avx512"} <= asked and "export OF_THE_JOB=yes" in job
    assert calls(slurm, "scancel")
    for _ in range(100):
        if not alive(slurm):
            break
        time.sleep(0.1)
    assert alive(slurm) == []
    left = {path.name for path in (Path.cwd() / ".dvc" / "tmp").rglob("*")}
    keys = {name for name in left if name.startswith(".dask-jobqueue")}  # end with the process
    assert left - keys == {"slurm"}


def test_a_job_that_sbatch_refuses(slurm):
    refusing = "#!/bin/sh\necho 'sbatch: error: Invalid account' >&2\nexit 1\n"
    (slurm / "sbatch").write_text(refusing)
    with (
        pytest.raises(
            UserError, match=r"^engine=slurm: sbatch refuses .*Invalid account"
        ) as raised,
        computing_on(engine_params("slurm", account="nobody")),
    ):
        list(map_in_processes(squared, range(9), "test"))
    assert "\n" not in str(raised.value)


def test_jobs_that_end_before_they_begin(slurm, monkeypatch):
    monkeypatch.setattr("psface.engines.dask_workers.LOOK", 0.2)
    monkeypatch.setattr("psface.engines.dask_workers.PATIENCE", 0.5)
    with (
        pytest.raises(UserError, match=r"^test: no worker has come.*\.dvc/tmp/slurm/psface-\d+-\*"),
        computing_on(engine_params("slurm", prologue=["exit 1"])),
    ):
        list(map_in_processes(squared, range(9), "test"))


def test_a_machine_without_slurm(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UserError, match=r"^engine=slurm: there is no sbatch here"):
        made(engine_params("slurm"))

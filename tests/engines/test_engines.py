"""The choice of an engine."""

import subprocess
import sys

import pytest
from click.testing import CliRunner

from psface.engines.engines import ENGINES, computing_on, made
from psface.errors import UserError
from psface.parallel import map_in_processes
from stages.check import main as check
from tests.clusters import ROOT, engine_params
from tests.far_work import squared


@pytest.fixture(autouse=True)
def unset(monkeypatch):
    monkeypatch.delenv("PSFACE_ENGINE", raising=False)


def test_local_is_nothing_new():
    assert made(engine_params("local")) is None
    code = (
        "import sys; from psface.config import load; "
        "from psface.engines.engine_params import EngineParams; "
        "from psface.engines.engines import computing_on; "
        "computing_on(load(EngineParams)).__enter__(); "
        "print(*[n for n in sys.modules if n.partition('.')[0] in ('dask', 'distributed')])"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert loaded.stdout.strip() == ""


def test_the_environment_goes_before_the_parameters(monkeypatch):
    monkeypatch.setenv("PSFACE_ENGINE", "local")
    with computing_on(engine_params("dask", "tcp://127.0.0.1:9")):
        assert list(map_in_processes(squared, range(5), "test")) == [0, 1, 4, 9, 16]
    monkeypatch.setenv("PSFACE_ENGINE", "spark")
    with pytest.raises(UserError, match=r"^PSFACE_ENGINE=spark is unknown: use one of local, dask"):
        made(engine_params("local"))
    monkeypatch.chdir(ROOT)
    result = CliRunner().invoke(check, ["--out", "unused.json"])
    assert isinstance(result.exception, UserError) and "spark" in str(result.exception)


@pytest.mark.parametrize(
    ("engine", "package"), [("dask", "distributed"), ("slurm", "dask_jobqueue")]
)
def test_a_package_that_is_not_installed(monkeypatch, engine, package):
    for name in (*ENGINES.values(), "psface.engines.dask_workers"):
        monkeypatch.delitem(sys.modules, name.partition(":")[0], raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    said = (
        rf"^engine={engine}: the package {package} is not installed; `pip install 'psface\[{engine}"
    )
    with pytest.raises(UserError, match=said):
        made(engine_params(engine))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"engine": "spark"}, "engine"),
        ({"dask": {"address": "10.0.0.1:8786"}}, "address"),
        ({"slurm": {"min_jobs": 3}}, "min_jobs is more than max_jobs: lower it"),
        ({"slurm": {"walltime": "an hour"}}, "walltime"),
        ({"slurm": {"memory": "much"}}, "memory"),
        ({"slurm": {"gpus": 1}}, "gpus"),
    ],
)
def test_wrong_parameters(change, said):
    params = engine_params("local").model_dump()
    for name, value in change.items():
        params[name] = {**params[name], **value} if isinstance(value, dict) else value
    with pytest.raises(ValueError, match=said):
        type(engine_params("local")).model_validate(params)

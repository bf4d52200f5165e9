"""Work by Dask: in order, fit workers alone, and one line for whatever goes wrong."""

import os
import re
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from psface.config import load
from psface.engines.engine_params import EngineParams
from psface.engines.engines import computing_on
from psface.errors import UserError
from psface.parallel import map_in_processes
from tests.clusters import ROOT, Cluster, engine_params, running_cluster
from tests.far_work import deadly, noted, refusing, short_of_memory, slow, squared, state
from tests.processes import gone, needs_proc, start

pytest.importorskip("distributed", reason="the extra dask is not installed")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory) -> Iterator[Cluster]:
    with running_cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch) -> Path:
    """The folder of the client, which is not the one that the workers started in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def on(cluster: Cluster):
    return computing_on(engine_params("dask", cluster.address))


def test_results_are_in_order_and_nothing_is_left(cluster, project):
    items = range(200)
    with on(cluster):
        assert list(map_in_processes(squared, items, "test")) == [i * i for i in items]
        assert list(map_in_processes(squared, iter(range(20)), "test")) == [
            i * i for i in range(20)
        ]
    assert list(project.iterdir()) == []


def test_items_are_not_taken_far_ahead(cluster):
    taken = []

    def items():
        for item in range(5000):
            taken.append(item)
            yield item

    with on(cluster):
        results = map_in_processes(squared, items(), "test", 5000)
        assert [next(results) for _ in range(3)] == [0, 1, 4]
        assert len(taken) < 1000
        results.close()


def test_nothing_starts_before_there_is_work_for_several():
    with computing_on(engine_params("dask", "tcp://127.0.0.1:9")):
        assert list(map_in_processes(squared, [], "test")) == []
        assert list(map_in_processes(squared, [3], "test")) == [9]


def test_a_worker_has_one_thread_and_the_project_s_folder(cluster, project):
    with on(cluster):
        for variables, threads, folder in map_in_processes(state, range(4), "test"):
            assert set(variables) == {"1"} and threads == 1 and folder == str(project)


def test_an_error_of_the_work_is_the_caller_s(cluster):
    with on(cluster), pytest.raises(UserError, match=r"^im3\.bmp: broken$"):
        list(map_in_processes(refusing, range(9), "test"))


def test_lack_of_memory_is_told_with_its_item(cluster):
    with on(cluster), pytest.raises(UserError, match=r"^stereo: 3 ended every .*memory") as raised:
        list(map_in_processes(short_of_memory, range(40), "stereo"))
    assert "\n" not in str(raised.value)


@pytest.fixture
def silent() -> Iterator[str]:
    """The port of a server that says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield str(server.getsockname()[1])


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("tcp://127.0.0.1:9", "no scheduler answers .*(Timed out|not within 0.5 s)"),
        ("tcp://127.0.0.1:SILENT", "no scheduler answers .*not within 0.5 s"),
        ("tls://127.0.0.1:SILENT", "TLS takes certificates"),
        ("tcp://127.0.0.1", "no scheduler answers .*port"),
        ("tcp://no.such.host.example:8786", "no sch.*(not known|No address|resolution)"),
    ],
)
def test_no_scheduler_at_the_address(monkeypatch, silent, address, said):
    monkeypatch.setattr("psface.engines.dask_connection.ANSWER", 0.5)
    address = address.replace("SILENT", silent)
    with (
        pytest.raises(UserError, match=rf"^dask\.address={address}: {said}") as raised,
        computing_on(engine_params("dask", address)),
    ):
        list(map_in_processes(squared, range(9), "test"))
    assert "\n" not in str(raised.value)


def test_an_address_of_another_kind(tmp_path):
    path = tmp_path / "params.yaml"
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    path.write_text(re.sub(r"(?m)^  address: .*", "  address: http://x:1", text), encoding="utf-8")
    with pytest.raises(
        UserError, match=r"dask\.address='http://x:1': expected text like tcp://host:8786"
    ):
        load(EngineParams, path)


def test_no_worker(tmp_path, monkeypatch):
    monkeypatch.setattr("psface.engines.dask_workers.LOOK", 0.2)
    monkeypatch.setattr("psface.engines.dask_workers.PATIENCE", 0.5)
    with (
        running_cluster(tmp_path, workers=0) as cluster,
        on(cluster),
        pytest.raises(UserError, match=r"^test: no worker has come, .*dask worker"),
    ):
        list(map_in_processes(squared, range(9), "test"))


def write_no_package(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("raise ModuleNotFoundError('No module psface')")


def write_other_package(folder: Path) -> None:
    shutil.copytree(ROOT / "psface", folder, ignore=shutil.ignore_patterns("__pycache__"))
    with (folder / "errors.py").open("a") as file:
        file.write("# a newer line\n")


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (write_no_package, r"lacks psface \(No module psface\); start workers in the environment"),
        (write_other_package, r"has psface \S+ of code \w+, here is psface \S+ of code \w+; start"),
    ],
    ids=["no package", "another version"],
)
def test_a_worker_with_another_psface(tmp_path, write, said):
    write(tmp_path / "there" / "psface")
    with (
        running_cluster(tmp_path, workers=1, path=str(tmp_path / "there")) as cluster,
        on(cluster),
        pytest.raises(UserError, match=rf"^test: the worker on \S+ {said}") as raised,
    ):
        list(map_in_processes(squared, range(9), "test"))
    assert "\n" not in str(raised.value)


def test_storage_that_is_not_shared(cluster, monkeypatch):
    elsewhere = Path("/nowhere"), Path("/")
    for folder in elsewhere:
        monkeypatch.setattr("psface.engines.remote_work.Path.cwd", lambda folder=folder: folder)
        said = rf"^test: the worker on \S+ does not see {folder} as it is here; put the project on"
        with on(cluster), pytest.raises(UserError, match=said):
            list(map_in_processes(squared, range(9), "test"))


def test_a_worker_is_killed(tmp_path, project):
    (tmp_path / "notes").mkdir()
    with running_cluster(tmp_path, workers=2) as cluster, on(cluster):
        results = map_in_processes(partial(noted, tmp_path / "notes"), range(60), "test")
        first = [next(results) for _ in range(5)]
        os.kill(cluster.workers[0].pid, signal.SIGKILL)
        found = first + list(results)
    assert [item for item, _ in found] == list(range(60))


def test_the_scheduler_is_killed(tmp_path):
    with running_cluster(tmp_path, workers=2) as cluster:
        began = time.monotonic()
        with on(cluster):
            results = map_in_processes(slow, range(500), "test")
            assert next(results) == 0
            os.killpg(cluster.scheduler.pid, signal.SIGKILL)
            with pytest.raises(UserError, match=r"^test: the connection.*lost") as raised:
                list(results)
        assert "\n" not in str(raised.value)
        assert time.monotonic() - began < 60


@pytest.mark.slow
def test_what_kills_workers_is_named(tmp_path):
    with (
        running_cluster(tmp_path, workers=2, nanny=True) as cluster,
        on(cluster),
        pytest.raises(UserError, match=r"^stereo: 3 ended every worker that tried it"),
    ):
        list(map_in_processes(deadly, range(100), "stereo"))


WORK = """
import time
import click
from psface.engines.engines import computing_on
from psface.parallel import map_in_processes
from psface.running import run
from tests.clusters import engine_params
from tests.far_work import slow
import psface.engines.dask_engine
psface.engines.dask_engine.available_cpus = lambda: 2
@click.command()
def main():
    with computing_on(engine_params("dask")):
        for _ in map_in_processes(slow, range(10000), "work"):
            print("one", flush=True)
if __name__ == "__main__":
    run(main)
"""


@pytest.mark.slow
@needs_proc
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_stopped_run_leaves_no_worker(tmp_path, sign):
    process = start(tmp_path, WORK)
    of_terminal = os.killpg if sign == signal.SIGINT else os.kill
    of_terminal(process.pid, sign)
    _, said = process.communicate(timeout=60)
    lines = [line for line in said.replace("\r", "\n").splitlines() if line and "work:" not in line]
    stopped = ["stopped; run the same command again to continue"]
    assert lines == stopped or (sign == signal.SIGKILL and "Traceback" not in said)
    assert gone(process.pid, 20)

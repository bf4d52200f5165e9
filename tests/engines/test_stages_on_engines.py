"""Every engine gives the same bytes, and what a stopped run had done is kept."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.clusters import ROOT, running_cluster, write_slurm
from tests.written_captures import settle, write_capture, write_landmarks

pytest.importorskip("dask_jobqueue", reason="the extra slurm is not installed")
pytestmark = pytest.mark.slow

STAGES = {
    "ingest": "--captures data/sessions.parquet --rejected data/rejected.csv",
    "stereo": (
        "--captures data/sessions.parquet --out data/stereo --report stereo.json --rig rig.png"
    ),
    "crop": (
        "--captures data/sessions.parquet --maps data/stereo --out data/faces "
        "--sheet faces.png --doubts trust.png --views views"
    ),
}
COUNT = 10


def write_project(folder: Path, count: int = COUNT) -> Path:
    """Write captures, one of them broken, and params.yaml, whose paths are relative."""
    for number in range(count):
        capture = write_capture(folder / "captures" / f"p{number % 3}" / f"s{number}", number)
        write_landmarks(capture)
    (folder / "captures" / "p0" / "s0" / "im2.bmp").write_bytes(b"BM")
    settle(folder / "captures")
    text = (ROOT / "params.yaml").read_text()
    text = text.replace("root: data/simulated ", "root: captures ").replace("cores: 8", "cores: 1")
    text = text.replace("memory: 16GB", "memory: 2GB").replace("max_jobs: 8", "max_jobs: 2")
    (folder / "params.yaml").write_text(text)
    (folder / "data").mkdir()
    (folder / ".dvc").mkdir()
    return folder


def run(project: Path, stage: str, engine: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", f"stages.{stage}", *STAGES[stage].split()],
        cwd=project, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PSFACE_ENGINE": engine, **more},
    )  # fmt: skip


def results(project: Path) -> dict[str, bytes]:
    paths = [path for path in project.rglob("*") if path.is_file()]
    paths = [path for path in paths if not {"captures", ".dvc"} & set(path.parts)]
    kept = [path for path in paths if path.suffix != ".index" and path.name != "params.yaml"]
    return {path.relative_to(project).as_posix(): path.read_bytes() for path in kept}


def test_every_engine_gives_the_same_bytes(tmp_path):
    scripts = write_slurm(tmp_path / "bin")
    search = f"{scripts}{os.pathsep}{os.environ['PATH']}"
    found, said = {}, {}
    for engine in ("local", "dask", "slurm"):
        project = write_project(tmp_path / engine)
        done = [run(project, stage, engine, PATH=search) for stage in STAGES]
        assert [one.returncode for one in done] == [0, 0, 0], [one.stderr[-400:] for one in done]
        said[engine] = [one.stdout for one in done]
        found[engine] = results(project)
        params = project / "params.yaml"
        params.write_text(params.read_text().replace("map_shards: 0", "map_shards: 2"))
        packed = run(project, "stereo", engine, PATH=search)
        assert packed.returncode == 0 and "0 captures computed" in packed.stdout, packed.stderr
        found[engine] |= {n: b for n, b in results(project).items() if n.endswith(".zip")}
        assert not list(project.glob("data/stereo/*/*.exr"))
    assert len([name for name in found["local"] if name.endswith(".zip")]) == 2
    assert f"{COUNT - 1} captures" in said["local"][0] and "1 refused" in said["local"][0]
    assert len([name for name in found["local"] if name.endswith(".exr")]) == COUNT - 1
    assert said["dask"] == said["slurm"] == said["local"]
    for engine in ("dask", "slurm"):
        assert found[engine].keys() == found["local"].keys()
        assert [n for n, content in found[engine].items() if content != found["local"][n]] == []
    assert (scripts / "calls").read_text().count("sbatch /") >= len(STAGES)


def test_what_was_done_before_the_scheduler_died_is_kept(tmp_path):
    project, alone = (write_project(tmp_path / name, 24) for name in ("project", "alone"))
    assert run(project, "ingest", "local").returncode == 0
    made = project / "data" / "stereo"
    params = (project / "params.yaml").read_text()
    (tmp_path / "first").mkdir()
    with running_cluster(tmp_path / "first") as cluster:
        address = f"address: {cluster.address} "
        (project / "params.yaml").write_text(re.sub(r"address: +", address, params))
        stopped = subprocess.Popen(
            [sys.executable, "-m", "stages.stereo", *STAGES["stereo"].split()],
            cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PSFACE_ENGINE": "dask"},
        )  # fmt: skip
        while len(list(made.glob("*/p*.exr")) + list(made.glob("*/s*.exr"))) < 3:
            assert stopped.poll() is None
            time.sleep(0.01)
        os.killpg(cluster.scheduler.pid, signal.SIGKILL)
        _, said = stopped.communicate(timeout=120)
    assert stopped.returncode == 1
    assert said.count("error: stereo: the connection to Dask's scheduler is lost") == 1
    assert "Traceback" not in said
    before = len(list(made.glob("*/s*.exr")))
    assert 3 <= before < 23
    (project / "params.yaml").write_text(params)
    again = run(project, "stereo", "dask")
    assert f"{23 - before} captures computed, {before} kept, 0 failed" in again.stdout
    assert [run(alone, stage, "local").returncode for stage in ("ingest", "stereo")] == [0, 0]
    assert results(project) == results(alone)


DEADLY = """
import os
import pathlib

read = pathlib.Path.read_bytes


def read_bytes(path):
    if "s7/" in str(path):
        os._exit(9)
    return read(path)


pathlib.Path.read_bytes = read_bytes
"""


def test_a_capture_that_ends_every_worker_is_named_and_all_else_is_kept(tmp_path):
    """Its frames end whoever reads them; captures are worked on in twos."""
    project, count = write_project(tmp_path / "project", 40), 39
    assert run(project, "ingest", "local").returncode == 0
    made = project / "data" / "stereo"
    params = (project / "params.yaml").read_text()
    (tmp_path / "deadly").mkdir()
    (tmp_path / "deadly" / "sitecustomize.py").write_text(DEADLY)
    path = os.pathsep.join([str(tmp_path / "deadly"), str(ROOT)])
    with running_cluster(tmp_path / "deadly", 2, True, path) as cluster:
        address = f"address: {cluster.address} "
        (project / "params.yaml").write_text(re.sub(r"address: +", address, params))
        stopped = run(project, "stereo", "dask")
    assert stopped.returncode == 1 and "Traceback" not in stopped.stderr
    [said] = [line for line in stopped.stderr.splitlines() if line.startswith("error: ")]
    assert said.startswith("error: stereo: captures/p1/s7 ended every worker that tried it")
    before = {path: path.stat().st_mtime_ns for path in made.glob("*/s*.exr")}
    assert len(before) >= 6 and made / "p1" / "s7.exr" not in before
    (project / "params.yaml").write_text(params)
    again = run(project, "stereo", "local")
    assert f"{count - len(before)} captures computed, {len(before)} kept, 0 failed" in again.stdout
    assert before == {path: path.stat().st_mtime_ns for path in before}

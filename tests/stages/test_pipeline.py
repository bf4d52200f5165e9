"""The user's commands, in a clone of the repository, on a small population."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests.written_captures import settle

PROJECT = Path(__file__).parents[2]
SMALL = {
    "simulate.identities": 12,
    "simulate.sessions": 4,
    "crop.size": 64,
    "split.val": 0.25,
    "split.test": 0.34,
    "train.epochs": 1,
    "evaluate.resamples": 100,
}

pytestmark = pytest.mark.slow


def run(command: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "GIT_AUTHOR_NAME": "test",
        "GIT_AUTHOR_EMAIL": "test@example.org",
        "GIT_COMMITTER_NAME": "test",
        "GIT_COMMITTER_EMAIL": "test@example.org",
    }
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)


def dvc(cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run(["dvc", *arguments], cwd)


def ran(result: subprocess.CompletedProcess[str]) -> list[str]:
    """Names of the stages that a command ran."""
    lines = [line for line in result.stdout.splitlines() if line.startswith("Running stage")]
    return [line.split("'")[1].split(":")[-1] for line in lines]


def settings(changes: dict[str, object]) -> list[str]:
    return [part for name, value in changes.items() for part in ("-S", f"{name}={value}")]


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A clone in which the whole pipeline has run once, committed."""
    folder = tmp_path_factory.mktemp("clone") / "psface"
    assert run(["git", "clone", "--quiet", str(PROJECT), str(folder)], PROJECT).returncode == 0
    result = dvc(folder, "exp", "run", "-n", "first", *settings({**SMALL, "modality": "normalmap"}))
    assert result.returncode == 0, result.stderr
    assert ran(result) == [
        "check",
        "simulate",
        "ingest",
        "stereo",
        "crop",
        "split",
        "train",
        "evaluate",
        "report",
    ]
    run(["git", "add", "-A"], folder)
    assert run(["git", "commit", "--quiet", "-m", "small population"], folder).returncode == 0
    return folder


def test_reports_are_there_and_nothing_else_is_left(clone):
    metrics = json.loads((clone / "reports" / "metrics.json").read_text())
    assert 0.4 < metrics["identity_auc"] <= 1
    stereo = json.loads((clone / "reports" / "stereo.json").read_text())
    assert stereo["angle_deg"] < stereo["angle_deg_unregistered"]
    assert stereo["angle_deg_still"] < stereo["angle_deg_still_all_lights"]
    for name in ("faces.png", "split.csv", "split.png", "probes.png", "roc.png", "roc.csv"):
        assert (clone / "reports" / name).stat().st_size > 100
    assert run(["git", "status", "--porcelain"], clone).stdout == ""
    assert not list(clone.rglob(".partial-*"))


def test_a_second_repro_looks_for_changes_alone(clone):
    result = dvc(clone, "repro")
    assert result.returncode == 0
    assert ran(result) == ["check"]
    assert run(["git", "status", "--porcelain"], clone).stdout == ""


def test_another_modality_reruns_train_and_evaluate_alone(clone):
    result = dvc(clone, "exp", "run", "-n", "albedo", "-S", "modality=albedo")
    assert result.returncode == 0, result.stderr
    assert ran(result) == ["check", "train", "evaluate", "report"]
    difference = dvc(clone, "metrics", "diff", "first", "albedo")
    assert "identity_auc" in difference.stdout
    for against in ([], ["HEAD"], ["HEAD", "albedo"]):  # as typed: what was committed against this
        difference = dvc(clone, "metrics", "diff", *against)
        said = difference.stdout + difference.stderr
        assert "failed to load" not in said and "identity_auc" in said
        [row] = [
            line.split() for line in said.splitlines() if line.split()[1:2] == ["identity_auc"]
        ]
        assert "-" not in row
    run(["git", "checkout", "--quiet", "."], clone)
    assert ran(dvc(clone, "repro")) == ["check"]  # the others come from DVC's run cache


def test_a_wrong_modality_stops_at_once(clone):
    result = dvc(clone, "exp", "run", "-S", "modality=albdeo")
    assert result.returncode != 0
    said = result.stdout + result.stderr
    assert "modality=albdeo is unknown: use one of albedo, normalmap, depthmap, raw" in said
    assert "Traceback" not in said
    run(["git", "checkout", "--quiet", "."], clone)
    assert dvc(clone, "checkout").returncode == 0


def test_own_captures_outside_the_repository(clone, tmp_path):
    captures = tmp_path / "captures"
    source = clone / "data" / "simulated" / "Photometric_DB"
    people = sorted(source.iterdir())
    for person in people[:10]:
        shutil.copytree(person, captures / person.name)
    shutil.copy2(source.parent / "rig.json", captures)
    before = {path: path.stat().st_mtime_ns for path in source.rglob("*")}
    result = dvc(
        clone, "exp", "run", *settings({"ingest.root": captures, "ingest.source": "photoface"})
    )
    assert result.returncode == 0, result.stderr
    upstream = ["check", "simulate", "ingest", "stereo", "crop", "split"]
    assert ran(result) == [*upstream, "train", "evaluate", "report"]
    assert f"nothing to render, the captures are in {captures}" in result.stdout
    assert {path: path.stat().st_mtime_ns for path in source.rglob("*")} == before
    assert len(pd.read_parquet(clone / "data" / "sessions.parquet")) == 40

    shutil.copytree(people[10], captures / people[10].name)  # a new person
    (next(captures.iterdir()) / "notes.txt").write_text("not a capture")
    broken = next((captures / people[0].name).glob("*/im2.bmp"))
    broken.write_bytes(broken.read_bytes()[:2000])
    result = dvc(clone, "repro")
    assert result.returncode == 0, result.stderr
    assert "stereo: 4 captures computed, 39 kept, 0 failed" in result.stdout
    assert "ingest: 43 captures of 11 people, 1 refused" in result.stdout
    assert "simulate" not in ran(result)
    rejected = pd.read_csv(clone / "data" / "rejected.csv")
    assert rejected["reason"].str.contains("im2.bmp: truncated").tolist() == [True]

    settle(captures)
    assert ran(dvc(clone, "repro")) == ["check", "ingest"]  # touched: the same table
    assert ran(dvc(clone, "repro")) == ["check"]
    shutil.rmtree(captures / people[1].name)
    assert ran(dvc(clone, "repro"))[:4] == ["check", "ingest", "stereo", "crop"]
    assert len(pd.read_parquet(clone / "data" / "sessions.parquet")) == 39
    run(["git", "checkout", "--quiet", "."], clone)
    assert dvc(clone, "checkout").returncode == 0


def outputs(clone: Path) -> dict[Path, int]:
    made = (path for part in ("data", "models", "reports") for path in (clone / part).rglob("*"))
    return {p: p.stat().st_size for p in made if p.is_file() and "simulated" not in p.parts}


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("ingest.root=/no/such/folder", "error: /no/such/folder: no such folder; set ingest.root"),
        ("ingest.root='~/captures'", "a ~ in it is not expanded"),
        ("ingest.source=photofaces", "ingest.source=photofaces is unknown: use one of photoface"),
        ("train.head=arcfaces", "train.head=arcfaces is unknown"),
        ("stereo.integrator=poisson", "stereo.integrator=poisson is unknown"),
    ],
)
def test_a_wrong_value_deletes_nothing(clone, setting, said):
    before = outputs(clone)
    result = dvc(clone, "exp", "run", "-S", setting)
    assert result.returncode != 0 and "Errno" not in result.stdout + result.stderr
    assert said in result.stdout + result.stderr
    assert {p: size for p, size in outputs(clone).items() if p in before} == before
    run(["git", "checkout", "--quiet", "."], clone)


def test_an_empty_root(clone, tmp_path):
    before = (clone / "data" / "sessions.parquet").read_bytes()
    result = dvc(clone, "exp", "run", "-S", f"ingest.root={tmp_path}")
    assert result.returncode != 0
    assert "no capture in the photoface layout" in result.stdout + result.stderr
    assert (clone / "data" / "sessions.parquet").read_bytes() == before
    run(["git", "checkout", "--quiet", "."], clone)


def test_one_s_own_detector_apart_from_the_main_chain(clone):
    small = {
        "scenes.train": 6,
        "scenes.test": 2,
        "train_mtcnn.epochs": 1,
        "survey.sides": "[96]",
        "survey.video_frames": 4,
    }
    result = dvc(clone, "exp", "run", "models/dvc.yaml", *settings(small))
    assert result.returncode == 0, result.stdout + result.stderr
    assert ran(result) == ["scenes", "train_mtcnn", "survey"]
    survey = pd.read_csv(clone / "reports" / "survey" / "survey.csv")
    assert {"own", "mtcnn", "opencv-haar"} <= set(survey["detector"])
    assert "not surveyed: yolo-face: yolo-face needs weights=" in result.stdout
    changed = run(["git", "status", "--porcelain"], clone).stdout.splitlines()
    assert set(changed) <= {" M params.yaml", "?? models/dvc.lock"}
    run(["git", "checkout", "--quiet", "."], clone)
    assert ran(dvc(clone, "repro")) == ["check"]  # the main chain has no part in it

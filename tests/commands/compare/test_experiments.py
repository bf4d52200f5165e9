"""Which experiments are done, in a repository where DVC is played by hand."""

import io
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from psface.commands.compare import experiments
from psface.commands.compare.compare_params import CompareParams
from psface.commands.compare.experiments import (
    Experiment,
    _is_code,
    _pipelines,
    finished,
    planned,
    run_experiments,
    with_settings,
)
from psface.errors import UserError

BASE = """\
# a comment that must survive
seed: 1
modality: all
train:
  seed: 1
  tasks: [gender]
compare:
  seeds: [1]
"""
PIPELINE = """\
stages:
  train:
    desc: Learns
    cmd: python -m stages.train
    deps:
      - ${train.init_from}
      - data/faces
      - psface/config.py
      - psface/training
      - stages/train.py
  report:
    cmd: python -m stages.report
    deps:
      - psface/report/wording.py
      - stages/report.py
"""
SIMULATION = """\
stages:
  simulate:
    cmd: python -m stages.simulate
    deps:
      - psface/simulate/head.py
      - stages/simulate.py
"""
NAMED = [
    "psface/config.py",
    "psface/training/loop.py",
    "psface/simulate/head.py",
    "stages/train.py",
]
UNNAMED = [
    "psface/commands/audit/rules.py",
    "psface/commands/compare/charts.py",
    "psface/errors.py",
    "psface/report/wording.py",
    "psface/simulate/hair.py",
    "stages/check.py",
    "stages/report.py",
    "README.md",
]
PARAMS = CompareParams(
    seeds=[1, 2], runs={"all": ["modality=all"], "single": ["modality=all", "train.tasks=[]"]}
)


def git(*arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    done = subprocess.run(
        ["git", *identity, *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in {
        "params.yaml": BASE,
        **dict.fromkeys([*NAMED, *UNNAMED], "x = 1\n"),
        "dvc.yaml": PIPELINE,
        "data/dvc.yaml": SIMULATION,
    }.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)
    Path(".dvc/tmp").mkdir(parents=True)
    Path(".gitignore").write_text(".dvc/tmp\n")
    git("init", "--quiet")
    git("add", "-A")
    git("commit", "--quiet", "-m", "start")
    return tmp_path


@pytest.fixture
def dvc(monkeypatch, repository):
    """Plays ``dvc exp run`` and ``remove``; returns the calls. A run whose name is in ``broken``
    fails, one in ``killed`` is interrupted."""

    class Played(list):
        broken: tuple[str, ...] = ()
        killed: tuple[str, ...] = ()

        def __call__(self, *arguments: str) -> int:
            self.append(arguments)
            if arguments[:2] == ("exp", "remove"):
                for line in git("for-each-ref", "--format=%(refname)", "refs/exps").splitlines():
                    if line.endswith(f"/{arguments[-1]}"):
                        git("update-ref", "-d", line)
                return 0
            name = arguments[arguments.index("-n") + 1]
            assert git("diff", "--cached", "--name-only") == ""  # as DVC needs it
            settings = [s for s in arguments if "=" in s]
            content = with_settings(Path("params.yaml").read_text(), tuple(settings))
            out = io.StringIO()
            YAML().dump(content, out)
            Path("params.yaml").write_text(out.getvalue())  # DVC leaves it changed
            if name in self.broken:
                return 1
            if name in self.killed:
                git("add", "params.yaml")
                raise KeyboardInterrupt
            git("add", "-A")
            commit = git("commit-tree", git("write-tree"), "-p", "HEAD", "-m", name)
            git("reset", "--quiet")
            git("update-ref", f"refs/exps/ab/cdef/{name}", commit)
            return 0

        def runs(self) -> list[str]:
            return [a[a.index("-n") + 1] for a in self if a[:2] == ("exp", "run")]

    played = Played()
    monkeypatch.setattr(experiments, "_dvc", played)
    return played


def test_every_run_with_every_seed_the_first_seed_first():
    assert [e.name for e in planned(PARAMS)] == ["all-s1", "single-s1", "all-s2", "single-s2"]
    assert planned(PARAMS)[3].settings == ("modality=all", "train.tasks=[]", "train.seed=2")


def test_settings_are_read_as_yaml():
    content = with_settings(BASE, ("modality=raw", "train.tasks=[]", "train.seed=7"))
    assert content == {"seed": 1, "modality": "raw", "train": {"seed": 7, "tasks": []}}


def test_all_are_run_once_and_params_put_back(dvc):
    assert run_experiments(PARAMS) == (4, 0)
    assert dvc.runs() == ["all-s1", "single-s1", "all-s2", "single-s2"]
    assert Path("params.yaml").read_text() == BASE
    assert run_experiments(PARAMS) == (0, 4)
    assert len(dvc.runs()) == 4
    # No setting of the run before is left over.
    assert "train.tasks=[]" not in dvc[2]
    [commit] = {finished(e, BASE) for e in planned(PARAMS)[2:3]}
    assert "tasks: [gender]" in git("show", f"{commit}:params.yaml").replace(
        "\n  - gender", " [gender]"
    )


def test_an_interrupted_run_goes_on(dvc):
    dvc.killed = ("all-s2",)
    with pytest.raises(KeyboardInterrupt):
        run_experiments(PARAMS)
    assert Path("params.yaml").read_text() == BASE
    dvc.killed = ()
    assert run_experiments(PARAMS) == (2, 2)


def test_after_a_kill_params_are_put_back_from_the_backup(dvc):
    experiments.BACKUP.write_text(BASE)
    Path("params.yaml").write_text(BASE.replace("[gender]", "[]"))  # as a killed run leaves it
    run_experiments(PARAMS)
    assert Path("params.yaml").read_text() == BASE
    assert not experiments.BACKUP.exists()


def test_a_failing_run_is_named_and_the_others_kept(dvc):
    dvc.broken = ("single-s1",)
    with pytest.raises(UserError, match="single-s1 failed"):
        run_experiments(PARAMS)
    assert Path("params.yaml").read_text() == BASE
    assert finished(planned(PARAMS)[0], BASE) is not None


@pytest.mark.parametrize(
    ("change", "again"),
    [
        *((name, True) for name in NAMED),
        *((name, False) for name in UNNAMED),
        ("params.yaml: seed: 1\nmodality -> seed: 2\nmodality", True),
        ("params.yaml: seeds: [1] -> seeds: [1, 2, 3]", False),
        ("dvc.yaml: stages.train -> stages.train --quickly", True),
        ("dvc.yaml: - data/faces\n -> - data/faces\n      - psface/errors.py\n", True),
        ("dvc.yaml: stages.report\n -> stages.report --other\n", False),
        ("data/dvc.yaml: stages.simulate\n -> stages.simulate --other\n", True),
        ("dvc.yaml: desc: Learns -> desc: Learns faces  # all of them", False),
    ],
)
def test_what_makes_an_experiment_out_of_date(dvc, change, again):
    run_experiments(PARAMS)
    name, _, words = change.partition(": ")
    before, _, after = words.partition(" -> ")
    text = Path(name).read_text()
    assert text.count(before) == 1 or not words
    Path(name).write_text(text.replace(before, after) if words else "x = 2\n")
    assert run_experiments(PARAMS) == ((4, 0) if again else (0, 4))
    removed = [a for a in dvc if a[:2] == ("exp", "remove")]
    assert len(removed) == (4 if again else 0)


def test_a_pipeline_that_names_no_code(dvc):
    for name in ("dvc.yaml", "data/dvc.yaml"):
        Path(name).write_text("stages: {}\n")
    run_experiments(PARAMS)
    Path("psface/config.py").write_text("x = 2\n")
    assert run_experiments(PARAMS) == (0, 4)


def test_the_code_of_the_project_itself():
    """What its own pipeline names, and what people use besides."""
    code = [path for stage in _pipelines(None) for path in stage["deps"] if _is_code(path)]
    assert {"stages/train.py", "psface/config.py", "psface/training/loop.py"} <= set(code)
    besides = ("psface/commands", "psface/recognise")
    assert not [path for path in code if path.startswith(besides)]


def test_an_experiment_nobody_ran(repository):
    assert finished(Experiment("other", 1, ()), BASE) is None

"""Each stage depends in its ``dvc.yaml`` on just the code that it may load."""

import subprocess
import sys

import pytest
from ruamel.yaml import YAML

from psface.commands.cli import COMMANDS
from psface.registry import module_of
from tests.dependencies import ROOT, code_deps, code_of

PIPELINES = ["dvc.yaml", "data/dvc.yaml", "reports/dvc.yaml", "models/dvc.yaml"]
STAGES = {
    name: stage
    for path in PIPELINES
    for name, stage in YAML(typ="safe").load(ROOT / path)["stages"].items()
}
MODULES = sorted(f"stages.{p.stem}" for p in ROOT.glob("stages/*.py") if p.stem != "__init__")

LOADED = """
import importlib, sys
importlib.import_module(sys.argv[1])
for name, module in sys.modules.items():
    if name.partition(".")[0] in ("psface", "stages"):
        print(module.__file__)
"""


def module_run_by(cmd: str) -> str:
    """The module behind ``python -m stages.crop ...`` or ``python -m psface audit ...``."""
    python, flag, module, word, *_ = cmd.split()
    assert (python, flag) == ("python", "-m")
    return module_of(COMMANDS[word][0]) if module == "psface" else module


def test_every_pipeline_and_stage_is_looked_at():
    assert {(ROOT / path) for path in PIPELINES} == {ROOT / "dvc.yaml", *ROOT.glob("*/dvc.yaml")}
    run = {module_run_by(stage["cmd"]) for stage in STAGES.values()}
    assert set(MODULES) - run == {"stages.params"}


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_depends_on_its_code(name):
    stage = STAGES[name]
    listed = [dep for dep in stage["deps"] if dep.startswith(("psface/", "stages/"))]
    wanted = code_deps(module_run_by(stage["cmd"]))
    missing, superfluous = sorted(set(wanted) - set(listed)), sorted(set(listed) - set(wanted))
    assert not missing and not superfluous, (
        f"the deps of {name}: missing are {missing}, superfluous are {superfluous}"
    )
    assert listed == wanted, f"the deps of {name} are not sorted, or one stands twice"


@pytest.mark.parametrize("module", MODULES)
def test_what_is_loaded_is_among_the_dependencies(module):
    """Whatever the digest of code leaves out, importing the stage must not load."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED, module], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = {
        line.removeprefix(f"{ROOT.as_posix()}/")
        for line in done.stdout.splitlines()
        if not line.endswith("/__init__.py")
    }
    assert f"{module.replace('.', '/')}.py" in loaded
    assert loaded - code_of(module) - code_of("psface.running") == set()  # of `stages` itself

"""What is typed: every module that runs answers --help and refuses what it does not know."""

import runpy
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

STAGES = Path(__file__).parents[2] / "psface"
RUN = sorted(
    ".".join(path.relative_to(STAGES.parent).with_suffix("").parts).removesuffix(".__main__")
    for path in STAGES.rglob("*.py")
    if 'if __name__ == "__main__":' in path.read_text(encoding="utf-8")
)


def run(module: str, *arguments: str) -> int:
    """The exit status; in this process, since starting forty costs minutes."""
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("ignore")  # of modules that are imported already
        patch.setattr(sys, "argv", [module, *arguments])
        with pytest.raises(SystemExit) as ended:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
    return ended.value.code or 0


def test_there_are_commands():
    assert {
        "stages.simulate",
        "stages.compare.run",
        "psface.detect.detectors",
        "stages.check",
    } <= set(RUN)


@pytest.mark.parametrize("module", RUN)
def test_help_is_answered_and_unknown_arguments_are_refused(module, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)  # without params.yaml: what began to work would end otherwise
    assert run(module, "--help") == 0
    assert capsys.readouterr().out.startswith(f"usage: python -m {module}")
    assert run(module, "--no-such-option") == 2
    assert not list(tmp_path.iterdir())


def test_as_a_process(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(STAGES.parent))
    command = [sys.executable, "-m", "stages.check"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert result.returncode == 1 and result.stderr.startswith("error: params.yaml")
    assert "Traceback" not in result.stderr and not list(tmp_path.iterdir())

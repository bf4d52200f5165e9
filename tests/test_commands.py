"""What is typed: every module that runs answers --help and refuses what it does not know."""

import subprocess
import sys
from pathlib import Path

import pytest

STAGES = Path(__file__).parents[1] / "stages"
RUN = sorted(
    ".".join(path.relative_to(STAGES.parent).with_suffix("").parts).removesuffix(".__main__")
    for path in STAGES.rglob("*.py")
    if 'if __name__ == "__main__":' in path.read_text(encoding="utf-8")
)


def run(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    # In a folder without params.yaml: what began to work would end otherwise.
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_there_are_commands():
    assert {"stages.simulate", "stages.compare.run", "stages.detect", "stages.check"} <= set(RUN)


@pytest.mark.parametrize("module", RUN)
def test_help_is_answered_and_unknown_arguments_are_refused(module, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(STAGES.parent))
    asked = run(module, "--help")
    assert asked.returncode == 0 and asked.stdout.startswith(f"usage: python -m {module}")
    refused = run(module, "--no-such-option")
    assert refused.returncode == 2 and "Traceback" not in refused.stderr
    assert not list(tmp_path.iterdir())

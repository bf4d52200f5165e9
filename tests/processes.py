"""Processes that tests start, stop and look for."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")


def start(folder: Path, code: str) -> subprocess.Popen[str]:
    """Run code as a command, in a session of its own, until it prints "one"."""
    (folder / "work.py").write_text(code)
    process = subprocess.Popen(
        [sys.executable, "work.py"], cwd=folder, text=True, start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    while process.stdout.readline() != "one\n":
        assert process.poll() is None
    return process


def running(group: int) -> list[int]:
    """Processes of a session that still run, but for the zombie that we have not waited for."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == group and fields[0] != "Z":
            found.append(int(path.parent.name))
    return found


def gone(group: int, seconds: int = 10) -> bool:
    """Whether all processes of a session end within some seconds."""
    for _ in range(10 * seconds):
        if not running(group):
            return True
        time.sleep(0.1)
    return False

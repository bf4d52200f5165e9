"""The benchmark against other implementations, as far as it can be run without them."""

import time

import pytest

from psface.commands.measure import rivals
from tests.commands.running import psface


def test_what_it_prints(monkeypatch, capsys):
    slow = {"other": lambda images: [time.sleep(0.01) for _ in images]}
    monkeypatch.setattr(rivals, "_rivals", lambda: slow)
    assert psface("measure", "rivals", "--rounds", "2") == 0
    lines = capsys.readouterr().out.splitlines()
    row = next(line for line in lines if line.startswith("psface")).split()
    assert row[2] == row[4] == "1.00" and float(row[1]) > 0
    other = next(line for line in lines if line.startswith("other")).split()
    assert float(other[2]) == pytest.approx(float(other[1]) / float(row[1]), rel=0.9)
    parts = {
        line[:18].strip(): float(line[18:].split()[0]) for line in lines if line.endswith("ms")
    }
    assert parts.keys() == rivals.PARTS.keys() and all(ms > 0 for ms in parts.values())
    whole = float(next(line for line in lines if "one thread" in line).split()[2])
    assert sum(parts.values()) < whole * 1.02
    assert "G floating point operations" in lines[-1]

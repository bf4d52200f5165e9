"""The benchmark of training steps."""

from pathlib import Path

import pytest

from tests.commands.running import psface

BACKBONE = """
from torch import nn
def iresnet18(num_features):
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 112 * 112, num_features))
"""


def arcface(folder: Path) -> Path:
    (folder / "backbones").mkdir(parents=True)
    (folder / "backbones" / "iresnet.py").write_text(BACKBONE)
    return folder


def test_every_line_is_a_contender_and_the_first_is_ours(tmp_path, capsys):
    folder = str(arcface(tmp_path / "arcface_torch"))
    options = [
        "--batch",
        "4",
        "--steps",
        "1",
        "--rounds",
        "1",
        "--side",
        "112",
        "--arcface",
        folder,
    ]
    assert psface("measure", "training", *options) == 0
    first, *lines = capsys.readouterr().out.splitlines()
    assert first.startswith("a training step of 4 faces on ")
    names = ["psface, normalmap", "psface, all", "psface, ir18", "arcface_torch, r18"]
    assert [line[9:].strip().partition("   ")[0] for line in lines] == names
    numbers = [[float(text) for text in line.split()[-3:]] for line in lines]
    assert all(ms > 0 and faces == pytest.approx(4000 / ms, rel=0.02) for ms, faces, _ in numbers)
    assert [ratio for *_, ratio in numbers[:3]] == [1.0] * 3


def test_a_folder_that_is_something_else_is_told(tmp_path, capsys):
    options = ["--side", "32", "--steps", "1", "--rounds", "1", "--rival", str(tmp_path)]
    assert psface("measure", "training", *options) == 1
    assert "has no folder going_modular; give a copy of it" in capsys.readouterr().err

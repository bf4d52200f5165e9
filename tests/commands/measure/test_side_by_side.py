"""``psface measure all``: what it prints, and what it leaves out."""

from pathlib import Path

import numpy as np
import pytest

from psface.commands.measure.rig_to_name import rig_to_name
from psface.commands.measure.side_by_side import _called, l2_normals
from psface.commands.measure.stereo_cost import stereo_cost
from psface.commands.measure.training_speed import training_speed
from psface.errors import UserError
from tests.commands.running import psface


def test_what_is_not_given_is_left_out(capsys):
    options = ["--only", "pairs", "--captures", "20", "--resamples", "10"]
    assert psface("measure", "all", *options) == 0
    printed = capsys.readouterr().out.splitlines()
    for option in ("--rival", "--arcface", "--normals"):
        assert any(line.startswith(f"{option}: left out (git clone ") for line in printed)
    assert printed[-1].startswith("evaluate: pairs of 20 captures, 10 resamples: ")


def test_a_folder_without_the_rival(tmp_path):
    with pytest.raises(UserError, match="cannot be loaded"):
        l2_normals(tmp_path / "missing", np.zeros((4, 3, 2)), np.eye(4, 3))


@pytest.mark.parametrize("command", [rig_to_name, stereo_cost, training_speed])
def test_measurements_that_it_runs_get_their_defaults(command, monkeypatch):
    seen = {}
    monkeypatch.setattr(command, "callback", seen.update)
    _called(command, rounds=3)
    assert seen.pop("rounds") == 3 and seen.keys() == {p.name for p in command.params} - {"rounds"}
    allowed = None | tuple | int | float | str | Path
    assert all(isinstance(value, allowed) for value in seen.values())

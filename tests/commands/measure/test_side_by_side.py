"""``psface measure all``: what it prints, and what it leaves out."""

import numpy as np
import pytest

from psface.commands.measure.side_by_side import l2_normals
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

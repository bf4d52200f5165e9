"""The account of what stereo spends its time on."""

from psface.commands.measure import stereo_cost
from tests.commands.running import psface


def test_its_parts_are_those_of_the_whole(capsys):
    assert psface("measure", "stereo", "--side", "128", "--rounds", "2") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("4 frames of 128x128, median of 6, one thread")
    spent = {line[:26].strip(): float(line[26:]) for line in lines[1:]}
    assert list(spent) == [*stereo_cost.PARTS, "all"]
    assert all(ms >= 0 for ms in spent.values()) and spent["registration"] > 0


def test_a_side_that_is_too_short_is_refused(capsys):
    assert psface("measure", "stereo", "--side", "9") == 2
    assert "9 is not in the range x>=64" in capsys.readouterr().err

"""The account of the time from the frames to a name."""

import re
from pathlib import Path

from psface.commands.measure import rig_to_name
from tests.commands.running import psface, refused
from tests.untrained_models import save_untrained, untrained_card

PARTS = [
    "find the capture", "read and check its frames", "stereo", "find the face",
    "crop, check the lamps", "embed, with its mirror image", "search", "all",
    "the command, from its start",
]  # fmt: skip


def test_each_part_of_each_capture_is_told(
    monkeypatch, settings, simulated_captures, tmp_path, capsys
):
    monkeypatch.setattr(rig_to_name, "STARTS", 1)
    save_untrained(tmp_path, untrained_card(settings, "albedo"))
    folder = Path(simulated_captures[2].frames[0]).parent
    few = ("--model", tmp_path, "--people", 3, "--rounds", 1)
    assert psface("measure", "rig-to-name", folder, *few) == 0
    first, *lines = capsys.readouterr().out.splitlines()
    assert first == f"{folder}, 3 people: ms of processor time and by the clock, medians"
    found = [re.fullmatch(r"  (\S.*?) +([\d.]+) +([\d.]+)", line) for line in lines]
    assert [match[1] for match in found] == PARTS
    spent = {match[1]: float(match[2]) for match in found}
    assert all(ms >= 0 for ms in spent.values()) and spent["stereo"] > 0 < spent["all"]


def test_a_capture_is_simulated_if_none_is_given(tmp_path):
    path = rig_to_name._simulated(tmp_path)
    assert len(list(path.glob("im*.bmp"))) == 4 and (tmp_path / "rig.json").exists()


def test_captures_that_cannot_be_used(settings, tmp_path, capsys):
    save_untrained(tmp_path, untrained_card(settings, "albedo"))
    (tmp_path / "empty").mkdir()
    words = ("measure", "rig-to-name", "--model", tmp_path)
    refused(capsys, "nowhere: no such picture or capture", *words, tmp_path / "nowhere")
    refused(capsys, "neither a picture nor a folder of one capture", *words, tmp_path / "empty")
    refused(capsys, r"card\.json: missing", *words[:3], tmp_path / "empty")

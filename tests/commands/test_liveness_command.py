"""psface liveness, and its columns in psface identify."""

import csv
import json
import shutil
from pathlib import Path

import pytest

from tests.commands.running import psface, refused
from tests.untrained_models import save_untrained, untrained_card

pytestmark = pytest.mark.usefixtures("one_process")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_row_per_capture_and_the_reason_of_each_that_cannot_be_told(simulated, tmp_path, capsys):
    frame = next(simulated.rglob("im0.bmp"))
    person, out = simulated / "Photometric_DB" / "0001", tmp_path / "out"
    assert psface("liveness", person, frame, "--out", out, "--calibrate") == 0
    said = capsys.readouterr().out
    assert "2 of 2 faces are live (score from 0.35); of 1 it cannot be told, 0 not used" in said
    assert "a BPCER of 1% takes 99 live captures or more" in said
    first, second, picture = rows(out / "liveness.csv")
    for row in (first, second):
        assert row["live"] == "yes" and row["reason"] == "" and float(row["score"]) > 0.5
        assert float(row["outside_rank_1"]) > 0.15 and float(row["beyond_sheet"]) > 0.8
    assert picture["live"] == picture["score"] == "" and "one frame" in picture["reason"]

    assert psface("liveness", person, "--threshold", 1, "--format", "json", "--out", out) == 0
    found = json.loads((out / "liveness.json").read_text())
    assert [row["live"] for row in found] == ["no", "no"] and found[0].keys() == first.keys()
    assert all(row["reason"] for row in found)


def test_what_cannot_be_judged_is_said_in_a_line(simulated, tmp_path, capsys):
    frame, out = next(simulated.rglob("im0.bmp")), ("--out", tmp_path / "out")
    match = "nothing can be judged in .*im0.bmp; of 1 it cannot be told"
    refused(capsys, match, "liveness", frame, *out)
    refused(capsys, "no such file", "liveness", tmp_path / "none", *out)
    assert psface("liveness", frame, "--threshold", "nan", *out) == 2
    assert psface("liveness", frame, "--threshold", 1.5, *out) == 2
    two = tmp_path / "two"
    shutil.copytree(frame.parent, two)
    lights = (two / "LightSource.m").read_text().splitlines()
    (two / "LightSource.m").write_text("\n".join([*lights[:3], "];", ""]))
    for name in ("im2.bmp", "im3.bmp"):
        (two / name).unlink()
    assert psface("liveness", two, *out) == 1
    assert "2 lights, need at least 3" in capsys.readouterr().err


def test_identify_says_whether_a_face_is_live(settings, simulated, tmp_path, capsys):
    model, gallery, people = tmp_path / "model", tmp_path / "g.safetensors", tmp_path / "people"
    save_untrained(model, untrained_card(settings, "albedo"))
    for name in ("0001", "0002", "0003"):
        source = simulated / "Photometric_DB" / name
        shutil.copytree(sorted(source.iterdir())[0], people / name / "one")
    common = ("--model", model, "--gallery", gallery)
    assert psface("enrol", people, *common) == 0
    assert psface("identify", people, *common, "--far", 0.8, "--out", tmp_path / "out") == 0
    found = rows(tmp_path / "out" / "faces.csv")
    assert [row["live"] for row in found] == ["yes"] * 3
    assert all(0.5 < float(row["live_score"]) <= 1 for row in found)

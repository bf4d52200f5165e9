"""python -m psface.recognise.identify: enrolment and recognition of pictures, captures and video."""

import csv
import json
import os
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from psface.captures.media import read_media
from psface.errors import UserError
from psface.recognise.identify import __main__ as command
from tests.untrained_models import save_untrained, untrained_card

pytestmark = pytest.mark.usefixtures("one_process")


def run(monkeypatch, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", ["identify", *map(str, arguments)])
    command.main()


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def people(simulated_captures, tmp_path) -> Path:
    """Three people's pictures: two of each, of one session."""
    for name, index in (("Nguyễn Văn A", 0), ("b c", 2), ("d", 4)):
        folder = tmp_path / "people" / name
        folder.mkdir(parents=True)
        for shot in (0, 1):
            frame = cv2.imread(simulated_captures[index].frames[shot], cv2.IMREAD_GRAYSCALE)
            (folder / f"ảnh {shot}.png").write_bytes(cv2.imencode(".png", frame)[1].tobytes())
    return tmp_path / "people"


@pytest.fixture(scope="module")
def raw_model(settings, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    save_untrained(folder, untrained_card(settings, "raw"))
    return folder


def test_people_are_known_by_the_pictures_they_were_enrolled_with(
    monkeypatch, people, raw_model, tmp_path, capsys
):
    (people / "d" / "notes.pdf").write_bytes(b"%PDF")
    (people / "d" / "cut.png").write_bytes((people / "d" / "ảnh 0.png").read_bytes()[:500])
    gallery, out = tmp_path / "g.safetensors", tmp_path / "out"
    run(monkeypatch, "enrol", people, "--model", raw_model, "--gallery", gallery)
    said = capsys.readouterr()
    assert "3 people enrolled by 6 captures, calibrated with 6, 2 not used" in said.out
    assert "notes.pdf: no picture" in said.err and "cut.png: truncated" in said.err

    options = ("--model", raw_model, "--gallery", gallery, "--out", out, "--pictures")
    run(monkeypatch, people, "--far", 0.8, *options)
    said = capsys.readouterr()
    assert "of 6 faces known at a false accept rate of 0.8" in said.out
    assert "1 not used" in said.out and "cut.png: truncated" in said.err
    found = rows(out / "faces.csv")
    assert len(found) == 7
    assert sum(row["candidate_1"] == Path(row["path"]).parent.name for row in found) >= 5
    for row in found:
        if row["reason"]:
            assert "truncated" in row["reason"] and row["candidate_1"] == ""
            continue
        similar = [float(row[f"similarity_{i}"]) for i in (1, 2, 3)]
        assert similar == sorted(similar, reverse=True) and row["similarity_4"] == ""
        assert row["identity"] in ("", row["candidate_1"])
    drawn = cv2.imdecode(
        np.fromfile(out / "pictures" / "people" / "Nguyễn Văn A" / "ảnh 0.png", np.uint8), 1
    )
    assert drawn.shape == (480, 360, 3) and np.ptp(drawn, axis=2).max() > 100  # in colour

    run(monkeypatch, people / "d", "--far", 0.8, "--format", "json", *options)
    records = json.loads((out / "faces.json").read_text(encoding="utf-8"))
    assert len(records) == 3 and records[0].keys() == found[0].keys()


def test_strangers_and_a_rate_that_cannot_be_promised(
    monkeypatch, people, raw_model, tmp_path, capsys
):
    gallery = tmp_path / "g.safetensors"
    others = tmp_path / "others"
    others.mkdir()
    shutil.move(people / "d", others / "d")
    common = ("--model", raw_model, "--gallery", gallery)
    run(monkeypatch, "enrol", people, *common, "--strangers", others)
    capsys.readouterr()
    run(monkeypatch, people, *common, "--out", tmp_path / "out")
    faces = rows(tmp_path / "out" / "faces.csv")
    assert faces and all(row["identity"] == "" and row["candidate_1"] for row in faces)
    assert "set --far 0.5 or more, or enrol with 99 people" in capsys.readouterr().err
    run(monkeypatch, people, *common, "--far", 0.5, "--out", tmp_path / "out")
    assert "faces known at a false accept rate of 0.5" in capsys.readouterr().out
    with pytest.raises(UserError, match="Nguyễn Văn A is enrolled, and so no stranger"):
        run(monkeypatch, "enrol", people, *common, "--strangers", people)


def test_links_and_files_of_other_programs(monkeypatch, people, raw_model, tmp_path, capsys):
    gallery, out = tmp_path / "g.safetensors", tmp_path / "out"
    common = ("--model", raw_model, "--gallery", gallery)
    run(monkeypatch, "enrol", people, *common)
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "one.png").symlink_to(people / "d" / "ảnh 0.png")
    (people / "d" / "manifest.csv").write_text("file,size\na.png,3\n")
    paths = (tmp_path / "links" / "one.png", people / "d")
    run(monkeypatch, *paths, *common, "--far", 0.9, "--out", out, "--pictures")
    reasons = [row["reason"] for row in rows(out / "faces.csv")]
    assert len(reasons) == 4 and sum("no column identity" in reason for reason in reasons) == 1
    assert len(list((out / "pictures").rglob("*.png"))) == 3


def test_names_that_are_not_utf_8(monkeypatch, people, raw_model, tmp_path, capsys):
    latin = os.fsdecode(b"Jos\xe9")
    shutil.copytree(people / "d", people / latin)
    (people / "b c" / f"{latin}.png").write_bytes(b"")
    gallery, out = tmp_path / "g.safetensors", tmp_path / "out"
    common = ("--model", raw_model, "--gallery", gallery)
    run(monkeypatch, "enrol", people, *common)
    assert "3 people enrolled by 6 captures" in capsys.readouterr().out
    run(monkeypatch, people, *common, "--far", 0.9, "--out", out)
    assert sum("not UTF-8" in row["reason"] for row in rows(out / "faces.csv")) == 3


def test_places_that_cannot_be_written_to_are_told_before_any_work(
    monkeypatch, people, raw_model, tmp_path
):
    monkeypatch.setattr(command, "enrol", None)  # is not reached
    (tmp_path / "file").write_text("")
    common = ("--model", raw_model, "--gallery")
    with pytest.raises(UserError, match=r"file: .*give another folder"):
        run(monkeypatch, "enrol", people, *common, tmp_path / "file" / "g.safetensors")
    with pytest.raises(UserError, match="a folder; give --gallery a file"):
        run(monkeypatch, "enrol", people, *common, tmp_path)


def test_captures_that_lie_in_one_folder(monkeypatch, simulated_captures, settings, tmp_path):
    model, gallery, out = (tmp_path / name for name in ("model", "g.safetensors", "out"))
    save_untrained(model, untrained_card(settings, "albedo"))
    flat = tmp_path / "flat"
    flat.mkdir()
    lines = ["identity,session,frame,light_x,light_y,light_z"]
    for number, session in enumerate(simulated_captures[::2]):
        for frame, light in zip(session.frames, session.lights, strict=True):
            name = f"{number}-{Path(frame).name}"
            shutil.copy(frame, flat / name)
            lines.append(f"{session.identity},s{number},{name}," + ",".join(map(str, light)))
    (flat / "manifest.csv").write_text("\n".join(lines))
    common = ("--model", model, "--gallery", gallery)
    run(monkeypatch, "enrol", flat, *common)
    run(monkeypatch, flat, *common, "--far", 0.8, "--out", out, "--pictures")
    assert [Path(row["path"]).name for row in rows(out / "faces.csv")] == ["s0", "s1", "s2", "s3"]
    assert len(list((out / "pictures").rglob("*.png"))) == 4


def test_nobody_to_enrol(monkeypatch, raw_model, tmp_path):
    (tmp_path / "empty").mkdir()
    gallery = tmp_path / "g.safetensors"
    common = ("--model", raw_model, "--gallery", gallery)
    with pytest.raises(UserError, match="nobody to enrol"):
        run(monkeypatch, "enrol", tmp_path / "empty", *common)
    (tmp_path / "empty" / "loose.jpg").write_bytes(b"")
    with pytest.raises(UserError, match=r"loose\.jpg: lies in no person's folder"):
        run(monkeypatch, "enrol", tmp_path / "empty", *common)
    assert not gallery.exists()
    with pytest.raises(UserError, match="there is no such gallery"):
        run(monkeypatch, tmp_path, *common)
    with pytest.raises(UserError, match=r"card\.json: missing"):
        run(monkeypatch, "enrol", tmp_path / "empty", "--model", tmp_path / "nowhere")


def test_video(monkeypatch, people, raw_model, tmp_path, capsys):
    gallery, out = tmp_path / "g.safetensors", tmp_path / "out"
    common = ("--model", raw_model, "--gallery", gallery)
    run(monkeypatch, "enrol", people, *common)
    frame = cv2.imdecode(np.fromfile(people / "d" / "ảnh 0.png", np.uint8), 1)
    for name, frames in (("face.mp4", [frame, frame * 0, frame]), ("dark.mp4", [frame * 0] * 3)):
        code = cv2.VideoWriter.fourcc(*"mp4v")
        writer = cv2.VideoWriter(str(tmp_path / name), code, 10, (360, 480))
        for one in frames:
            writer.write(one)
        writer.release()
    both = (tmp_path / "face.mp4", tmp_path / "dark.mp4")
    run(monkeypatch, *both, *common, "--far", 0.8, "--out", out, "--pictures")
    found = rows(out / "faces.csv")
    assert [row["frame"] for row in found] == ["0", "2", ""]
    assert "dark.mp4: no face of 60 px" in found[2]["reason"]
    assert len(list(read_media(out / "pictures" / "face.mp4"))) == 3
    with pytest.raises(UserError, match="no face in any"):
        run(monkeypatch, both[1], *common, "--far", 0.8, "--out", tmp_path / "dark")
    assert "no face" in rows(tmp_path / "dark" / "faces.csv")[0]["reason"]


def test_captures_under_several_lights(monkeypatch, simulated, settings, tmp_path, capsys):
    model, gallery, out = (tmp_path / name for name in ("model", "g.safetensors", "out"))
    save_untrained(model, untrained_card(settings, "albedo"))
    common = ("--model", model, "--gallery", gallery)
    run(monkeypatch, "enrol", simulated, *common)
    assert "4 people enrolled by 8 captures" in capsys.readouterr().out
    person = sorted((simulated / "Photometric_DB").iterdir())[1]
    mixed = tmp_path / "mixed"
    shutil.copytree(person, mixed / person.name)
    [first, second] = sorted((mixed / person.name).iterdir())
    (second / "im1.bmp").unlink()
    shutil.copy(first / "im0.bmp", mixed / "picture.bmp")
    run(monkeypatch, mixed, *common, "--far", 0.8, "--out", out, "--pictures")
    by_path = {Path(row["path"]).name: row for row in rows(out / "faces.csv")}
    assert by_path[first.name]["candidate_1"] == person.name
    assert "im1.bmp missing" in by_path[second.name]["reason"]
    assert "needs captures under three lights" in by_path["picture.bmp"]["reason"]
    assert (out / "pictures" / "mixed" / person.name / f"{first.name}.png").exists()


@pytest.mark.parametrize("rate", ["0", "1", "-1", "half"])
def test_a_rate_that_is_none(monkeypatch, rate, capsys):
    with pytest.raises(SystemExit):
        run(monkeypatch, "a.png", "--far", rate)
    assert "no rate between 0 and 1" in capsys.readouterr().err

"""psface enrol and identify: recognition of pictures, captures and video."""

import csv
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from psface.captures.media import read_media
from psface.recognise.gallery import read_gallery
from psface.recognise.preprocessing import crop_for
from psface.recognise.recogniser import Recogniser
from psface.rig.rig import Camera, write_rig
from psface.vectors import unit
from tests.commands.running import psface, refused
from tests.untrained_models import save_untrained, untrained_card
from tests.written_pictures import tiff, write
from tests.written_rigs import distant_rig, near_rig, write_unlit

pytestmark = pytest.mark.usefixtures("one_process")


def identify(*arguments: object) -> None:
    assert psface("identify", *arguments) == 0


def enrol(*arguments: object) -> None:
    assert psface("enrol", *arguments) == 0


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
    people, raw_model, tmp_path, capsys
):
    (people / "d" / "notes.pdf").write_bytes(b"%PDF")
    (people / "d" / "cut.png").write_bytes((people / "d" / "ảnh 0.png").read_bytes()[:500])
    gallery, out = tmp_path / "g.safetensors", tmp_path / "out"
    enrol(people, "--model", raw_model, "--gallery", gallery)
    said = capsys.readouterr()
    assert "3 people enrolled from 6 captures, calibrated on 6, 2 not used" in said.out
    assert "notes.pdf: neither a picture" in said.err and "cut.png: truncated" in said.err

    options = ("--model", raw_model, "--gallery", gallery, "--out", out, "--pictures")
    identify(people, "--far", 0.8, *options)
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

    identify(people / "d", "--far", 0.8, "--format", "json", *options)
    records = json.loads((out / "faces.json").read_text(encoding="utf-8"))
    assert len(records) == 3 and records[0].keys() == found[0].keys()


def test_strangers_and_a_rate_that_cannot_be_promised(people, raw_model, tmp_path, capsys):
    gallery = tmp_path / "g.safetensors"
    others = tmp_path / "others"
    others.mkdir()
    shutil.move(people / "d", others / "d")
    common = ("--model", raw_model, "--gallery", gallery)
    enrol(people, *common, "--strangers", others)
    capsys.readouterr()
    identify(people, *common, "--out", tmp_path / "out")
    faces = rows(tmp_path / "out" / "faces.csv")
    assert faces and all(row["identity"] == "" and row["candidate_1"] for row in faces)
    assert "set --far 0.5 or more, or enrol with 99 people" in capsys.readouterr().err
    identify(people, *common, "--far", 0.5, "--out", tmp_path / "out")
    assert "faces known at a false accept rate of 0.5" in capsys.readouterr().out
    known = ("--strangers", people)
    match = "Nguyễn Văn A is enrolled too; give other people"
    refused(capsys, match, "enrol", people, *common, *known)


def test_links_and_files_of_other_programs(people, raw_model, tmp_path, capsys):
    gallery, out = tmp_path / "g.safetensors", tmp_path / "out"
    common = ("--model", raw_model, "--gallery", gallery)
    enrol(people, *common)
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "one.png").symlink_to(people / "d" / "ảnh 0.png")
    (people / "d" / "manifest.csv").write_text("file,size\na.png,3\n")
    paths = (tmp_path / "links" / "one.png", people / "d")
    identify(*paths, *common, "--far", 0.9, "--out", out, "--pictures")
    reasons = [row["reason"] for row in rows(out / "faces.csv")]
    assert len(reasons) == 4 and sum("no column identity" in reason for reason in reasons) == 1
    assert len(list((out / "pictures").rglob("*.png"))) == 3


def test_names_that_are_not_utf_8(people, raw_model, tmp_path, capsys):
    latin = os.fsdecode(b"Jos\xe9")
    shutil.copytree(people / "d", people / latin)
    (people / "b c" / f"{latin}.png").write_bytes(b"")
    gallery, out = tmp_path / "g.safetensors", tmp_path / "out"
    common = ("--model", raw_model, "--gallery", gallery)
    enrol(people, *common)
    assert "3 people enrolled from 6 captures" in capsys.readouterr().out
    identify(people, *common, "--far", 0.9, "--out", out)
    assert sum("not UTF-8" in row["reason"] for row in rows(out / "faces.csv")) == 3


def test_places_that_cannot_be_written_to_are_told_before_any_work(
    monkeypatch, people, raw_model, tmp_path, capsys
):
    monkeypatch.setattr("psface.recognise.enrolment.enrol", None)  # is not reached
    (tmp_path / "file").write_text("")
    common = ("--model", raw_model, "--gallery")
    inside = tmp_path / "file" / "g.safetensors"
    refused(capsys, r"file: .*give another folder", "enrol", people, *common, inside)
    refused(capsys, "a folder; give --gallery a file", "enrol", people, *common, tmp_path)


def test_captures_that_lie_in_one_folder(simulated_captures, settings, tmp_path):
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
    enrol(flat, *common)
    identify(flat, *common, "--far", 0.8, "--out", out, "--pictures")
    assert [Path(row["path"]).name for row in rows(out / "faces.csv")] == ["s0", "s1", "s2", "s3"]
    assert len(list((out / "pictures").rglob("*.png"))) == 4


def test_nobody_to_enrol(raw_model, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    gallery = tmp_path / "g.safetensors"
    common = ("--model", raw_model, "--gallery", gallery)
    refused(capsys, "nobody to enrol", "enrol", tmp_path / "empty", *common)
    (tmp_path / "empty" / "loose.jpg").write_bytes(b"")
    refused(capsys, r"loose\.jpg: not in a person's folder", "enrol", tmp_path / "empty", *common)
    assert not gallery.exists()
    refused(capsys, "no such gallery; create it", "identify", tmp_path, *common)
    nowhere = ("--model", tmp_path / "nowhere")
    refused(capsys, r"card\.json: missing", "enrol", tmp_path / "empty", *nowhere)


def test_video(people, raw_model, tmp_path, capsys):
    gallery, out = tmp_path / "g.safetensors", tmp_path / "out"
    common = ("--model", raw_model, "--gallery", gallery)
    enrol(people, *common)
    frame = cv2.imdecode(np.fromfile(people / "d" / "ảnh 0.png", np.uint8), 1)
    for name, frames in (("face.mp4", [frame, frame * 0, frame]), ("dark.mp4", [frame * 0] * 3)):
        code = cv2.VideoWriter.fourcc(*"mp4v")
        writer = cv2.VideoWriter(str(tmp_path / name), code, 10, (360, 480))
        for one in frames:
            writer.write(one)
        writer.release()
    both = (tmp_path / "face.mp4", tmp_path / "dark.mp4")
    identify(*both, *common, "--far", 0.8, "--out", out, "--pictures")
    found = rows(out / "faces.csv")
    assert [row["frame"] for row in found] == ["0", "2", ""]
    assert "dark.mp4: no face of 60 px" in found[2]["reason"]
    assert len(list(read_media(out / "pictures" / "face.mp4"))) == 3
    options = (*common, "--far", 0.8, "--out", tmp_path / "dark")
    refused(capsys, "no face in any", "identify", both[1], *options)
    assert "no face" in rows(tmp_path / "dark" / "faces.csv")[0]["reason"]


def test_captures_under_several_lights(simulated, settings, tmp_path, capsys):
    model, gallery, out = (tmp_path / name for name in ("model", "g.safetensors", "out"))
    save_untrained(model, untrained_card(settings, "albedo"))
    common = ("--model", model, "--gallery", gallery)
    enrol(simulated, *common)
    assert "4 people enrolled from 8 captures" in capsys.readouterr().out
    person = sorted((simulated / "Photometric_DB").iterdir())[1]
    mixed = tmp_path / "mixed"
    shutil.copytree(person, mixed / person.name)
    [first, second] = sorted((mixed / person.name).iterdir())
    (second / "im1.bmp").unlink()
    shutil.copy(first / "im0.bmp", mixed / "picture.bmp")
    identify(mixed, *common, "--far", 0.8, "--out", out, "--pictures")
    found = rows(out / "faces.csv")
    assert {row["path"] for row in found} == {str(first), str(second), str(mixed / "picture.bmp")}
    by_path = {Path(row["path"]).name: row for row in found}
    assert by_path[first.name]["candidate_1"] == person.name
    assert "im1.bmp missing" in by_path[second.name]["reason"]
    assert "needs captures under three lights" in by_path["picture.bmp"]["reason"]
    assert (out / "pictures" / "mixed" / person.name / f"{first.name}.png").exists()


def test_tight_crops_are_found_with_a_border(simulated_captures, raw_model, tmp_path, capsys):
    for capture in simulated_captures[:4:2]:
        face = cv2.imread(capture.frames[0], cv2.IMREAD_GRAYSCALE)[110:380, 80:280]
        folder = tmp_path / "tight" / capture.identity
        folder.mkdir(parents=True)
        cv2.imwrite(str(folder / "face.png"), face)
    common = ("--model", raw_model, "--gallery", tmp_path / "g.safetensors", "--padding", 0.3)
    enrol(tmp_path / "tight", *common)
    assert "2 people enrolled from 2 captures" in capsys.readouterr().out
    identify(tmp_path / "tight", *common, "--far", 0.8, "--out", tmp_path / "out")
    for row in rows(tmp_path / "out" / "faces.csv"):
        assert row["candidate_1"] == Path(row["path"]).parent.name


@pytest.fixture
def unlit(simulated_captures, tmp_path) -> Path:
    """A capture of each of two people, without lights."""
    for capture in simulated_captures[2:6:2]:
        write_unlit(tmp_path / "unlit" / capture.identity / "one", capture)
    return tmp_path / "unlit"


def test_captures_whose_rig_is_named(simulated_captures, settings, unlit, tmp_path, capsys):
    model, gallery, out = (tmp_path / name for name in ("model", "g.safetensors", "out"))
    card = save_untrained(model, untrained_card(settings, "albedo"))
    rig = near_rig(simulated_captures[2].lights)
    write_rig(tmp_path / "our rig.json", rig)
    common = ("--model", model, "--gallery", gallery, "--rig", tmp_path / "our rig.json")
    enrol(unlit, *common)
    assert "2 people enrolled from 2 captures" in capsys.readouterr().out
    people = read_gallery(gallery, card.digest)
    crops = [
        crop_for(replace(capture, rig=rig, lights=rig.lights()), card)
        for capture in simulated_captures[2:6:2]
    ]
    wanted = unit(Recogniser(model).embed(crops).identity)
    np.testing.assert_allclose(people.means, wanted, atol=0.02)  # half precision, in batches
    identify(unlit, *common, "--far", 0.8, "--out", out, "--pictures")
    found = rows(out / "faces.csv")
    assert [Path(row["path"]).parent.name for row in found] == people.names
    assert [row["candidate_1"] for row in found] == people.names
    assert all(float(row["similarity_1"]) > 0.99 for row in found)
    assert len(list((out / "pictures").rglob("*.png"))) == 2


def test_captures_whose_rig_is_not_named_or_another(
    simulated_captures, settings, unlit, tmp_path, capsys
):
    model, gallery, out = (tmp_path / name for name in ("model", "g.safetensors", "out"))
    save_untrained(model, untrained_card(settings, "albedo"))
    common = ("--model", model, "--gallery", gallery)
    lights = simulated_captures[2].lights
    write_rig(tmp_path / "three.json", distant_rig(lights[:3]))
    write_rig(tmp_path / "mirrored.json", distant_rig(lights * [-1, 1, 1]))
    write_rig(tmp_path / "right.json", distant_rig(lights))
    refused(capsys, "one picture; the model", "enrol", unlit, *common)
    match = r"one: 4 frames, but the rig has 3 lamps; name the rig that took them"
    refused(capsys, match, "enrol", unlit, *common, "--rig", tmp_path / "three.json")
    match = "nowhere: missing; give the rig's folder or file"
    refused(capsys, match, "enrol", unlit, *common, "--rig", tmp_path / "nowhere")
    match = r"no rig\.yaml in it; a rig's folder holds one rig file"
    refused(capsys, match, "enrol", unlit, *common, "--rig", unlit)
    enrol(unlit, *common, "--rig", tmp_path / "right.json")

    options = (*common, "--out", out)
    refused(capsys, "nowhere: missing", "identify", unlit, *options, "--rig", tmp_path / "nowhere")
    refused(capsys, "no face in any", "identify", unlit, *options)
    assert len(rows(out / "faces.csv")) == 8  # each frame as a picture
    first = next(unlit.iterdir())
    write_unlit(first / "lit", simulated_captures[2], lit=True)
    identify(first, *options, "--far", 0.8, "--rig", tmp_path / "right.json")
    assert [row["reason"] for row in rows(out / "faces.csv")] == ["", ""]
    refused(capsys, "no face", "identify", first, *options, "--rig", tmp_path / "three.json")
    identify(first, *options, "--far", 0.8, "--rig", tmp_path / "mirrored.json")
    reasons = {Path(row["path"]).name: row["reason"] for row in rows(out / "faces.csv")}
    assert reasons["one"] == "" and "of the rig is 66 degrees from" in reasons["lit"]


def test_a_rig_for_pictures(people, raw_model, simulated_captures, tmp_path, capsys):
    gallery, out = tmp_path / "g.safetensors", tmp_path / "out"
    write_rig(tmp_path / "rig.json", distant_rig(simulated_captures[0].lights))
    common = ("--model", raw_model, "--gallery", gallery, "--rig", tmp_path / "rig.json")
    enrol(people, *common)
    assert "no capture of several frames that the rig may have" in capsys.readouterr().err
    identify(people, *common, "--far", 0.8, "--out", out)
    *faces, told = rows(out / "faces.csv")
    assert len(faces) == 6 and "no capture of several frames" in told["reason"]


def test_frames_of_floating_point_numbers_over_one(
    simulated_captures, settings, unlit, tmp_path, capsys
):
    """What is drawn is the frame as the rig's camera means it."""
    model, gallery, out = (tmp_path / name for name in ("model", "g.safetensors", "out"))
    save_untrained(model, untrained_card(settings, "albedo"))
    for path in unlit.rglob("im*.bmp"):
        frame = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        write(path.with_suffix(".tif"), tiff(frame.astype(np.float32) * 10))
        path.unlink()
    rig = distant_rig(simulated_captures[2].lights).model_copy(
        update={"camera": Camera(white=2550.0)}
    )
    write_rig(unlit / "rig.yaml", rig)  # holds for all under it
    common = ("--model", model, "--gallery", gallery)
    enrol(unlit, *common)
    identify(unlit, *common, "--far", 0.8, "--out", out, "--pictures")
    assert [row["reason"] for row in rows(out / "faces.csv")] == ["", ""]
    drawn = [cv2.imread(str(path)) for path in sorted((out / "pictures").rglob("*.png"))]
    frame = cv2.imread(simulated_captures[2].frames[0])
    assert len(drawn) == 2 and (drawn[0] == frame).mean() > 0.9


@pytest.mark.parametrize("rate", ["0", "1", "-1", "half"])
def test_a_rate_that_is_none(rate, capsys):
    assert psface("identify", "a.png", "--far", rate) == 2
    said = capsys.readouterr().err
    assert "is not in the range 0<x<1" in said or "'half' is not a valid float range" in said

"""psface verify on pictures, captures and sets."""

import json
import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from psface.captures.discovery import people_in
from psface.recognise.degradations import DEGRADATIONS
from psface.recognise.recogniser import Recogniser
from psface.rig.rig import write_rig
from psface.stage_tables import read_table
from psface.vectors import unit
from tests.commands.running import psface, refused
from tests.untrained_models import save_untrained, untrained_card
from tests.written_rigs import distant_rig, near_rig, write_unlit

pytestmark = pytest.mark.usefixtures("one_process")


def verify(*arguments: object) -> None:
    assert psface("verify", *arguments) == 0


@pytest.fixture(scope="module")
def raw_model(settings, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    save_untrained(folder, untrained_card(settings, "raw"))
    return folder


@pytest.fixture
def people(simulated_captures, tmp_path) -> Path:
    """Four people of two pictures each."""
    for session in simulated_captures:
        folder = tmp_path / "people" / session.identity
        folder.mkdir(parents=True, exist_ok=True)
        frame = cv2.imread(session.frames[0], cv2.IMREAD_GRAYSCALE)
        cv2.imwrite(str(folder / f"{session.name}.png"), frame)
    return tmp_path / "people"


def test_a_folder_of_people(monkeypatch, people, raw_model, tmp_path, capsys):
    cv2.imwrite(str(people / "0001" / "blank.png"), np.full((200, 200), 90, np.uint8))
    out = tmp_path / "out"
    few = {name: DEGRADATIONS[name] for name in ("JPEG", "low light")}
    monkeypatch.setattr("psface.recognise.robustness.DEGRADATIONS", few)
    options = ("--model", raw_model, "--out", out, "--far", 0.1, "--degrade")
    verify(people, *options[:4])
    assert "at a false accept rate of 0.001 takes at least 1,000 pairs" in capsys.readouterr().out
    verify(people, *options)
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["pairs"] == 9 * 8 // 2 and metrics["failed_captures"] == 1
    assert metrics["accuracy"] is None and metrics["auc_low"] <= metrics["auc"]
    assert f"auc              {metrics['auc']}" in capsys.readouterr().out
    assert "blank.png: no face" in read_table(out / "failures.csv", "verify")["reason"][0]
    for name in ("scores", "roc", "worst", "degradations"):
        assert cv2.imread(str(out / f"{name}.png")) is not None

    scores = pd.read_parquet(out / "scores.parquet")
    recogniser = Recogniser(raw_model)
    faces = {}
    for session in people_in(people):
        if "blank" not in session.name:
            crop = recogniser.crop(session)
            faces[session.frames[0]] = unit(recogniser.embed([crop]).identity)[0]
    for row in scores.itertuples():
        lost = "blank" in row.first or "blank" in row.second
        wanted = -1.0 if lost else float(faces[row.first] @ faces[row.second])
        assert row.cosine == pytest.approx(wanted, abs=0.02)  # half precision, in batches
        assert row.same == (Path(row.first).parent == Path(row.second).parent)
    accepted = scores["cosine"][scores["same"]] >= metrics["threshold"]
    assert metrics["frr"] == pytest.approx(1 - accepted.mean(), abs=1e-5)
    wrong = scores["cosine"][~scores["same"]] >= metrics["threshold"]
    assert metrics["far"] == pytest.approx(wrong.mean(), abs=1e-5) and metrics["far"] <= 0.1

    levels = pd.read_csv(out / "degradations.csv")
    assert levels["degradation"].tolist() == ["none"] + ["JPEG"] * 4 + ["low light"] * 4
    assert levels["auc"][0] == pytest.approx(metrics["auc"], abs=1e-4)
    assert (levels["not_found"] >= 0).all() and levels["not_found"][0] == 0
    assert levels["genuine_p50"][1] > 0.99 > levels["genuine_p50"].min()


def test_a_set_of_aligned_pictures(raw_model, tmp_path):
    rng = np.random.default_rng(0)
    people = [cv2.GaussianBlur(rng.random((112, 112)), (0, 0), 6) for _ in range(24)]
    people = [(p - p.min()) / np.ptp(p) for p in people]

    def picture(person: int) -> bytes:
        shot = np.clip(255 * people[person] + rng.normal(0, 2, (112, 112)), 0, 255)
        return cv2.imencode(".png", shot.astype(np.uint8))[1].tobytes()

    pictures, same = [], []
    for person in range(12):
        pictures += [picture(person), picture(person), picture(person), picture(person + 12)]
        same += [True, False]
    (tmp_path / "own.bin").write_bytes(pickle.dumps((pictures, same)))
    verify(tmp_path / "own.bin", "--model", raw_model, "--out", tmp_path / "out")
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["failed_captures"] == 0  # noise is no face: nothing was looked for
    assert metrics["accuracy"] > 0.9 and metrics["auc"] > 0.95
    assert metrics["auc_low"] is None and metrics["threshold"] is None


def test_lists_of_pictures(monkeypatch, people, raw_model, tmp_path):
    folders = sorted(people.iterdir())
    lines, text = ["first,second,same"], ["1\t2"]
    for folder in folders:
        for number, picture in enumerate(sorted(folder.glob("*.png")), start=1):
            picture.rename(folder / f"{folder.name}_{number:04}.png")
        a, b = folder.name, folders[folder.name == folders[0].name].name
        lines += [f"{a}/{a}_0001.png,{a}/{a}_0002.png,1", f"{a}/{a}_0001.png,{b}/{b}_0001.png,0"]
    text += [f"{f.name}\t1\t2" for f in folders[:2]]
    text += [f"{folders[0].name}\t{n}\t{folders[1].name}\t{n}" for n in (1, 2)]
    (people / "mine.csv").write_text("\n".join(lines))
    (people / "pairs.txt").write_text("\n".join(text))
    monkeypatch.chdir(people)
    for name, pairs, captures in (("mine.csv", 8, 8), ("pairs.txt", 4, 4)):
        verify(name, "--model", raw_model, "--out", tmp_path / name)
        metrics = json.loads((tmp_path / name / "metrics.json").read_text())
        assert (metrics["pairs"], metrics["captures"]) == (pairs, captures)
        assert metrics["failed_captures"] == 0


def test_captures_by_their_relative_names(monkeypatch, simulated, settings, tmp_path):
    save_untrained(tmp_path / "m", untrained_card(settings, "albedo"))
    person, other = sorted((simulated / "Photometric_DB").iterdir())[:2]
    monkeypatch.chdir(person)
    a, b = sorted(path.name for path in person.iterdir())
    c = sorted(other.iterdir())[0]
    (tmp_path / "pairs.csv").write_text(f"first,second,same\n{a},{b},1\n{a},{c},0\n")
    options = ("--model", tmp_path / "m", "--out", tmp_path / "out")
    verify(tmp_path / "pairs.csv", "--root", ".", *options)
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["captures"] == 3 and metrics["failed_captures"] == 0


def test_impostors_that_are_one_picture(people, raw_model, tmp_path):
    folders = sorted(people.iterdir())
    for folder in folders[1:]:
        shutil.copy(next(folders[0].glob("*.png")), folder / "$again$.png")
    verify(people, "--model", raw_model, "--out", tmp_path / "out", "--far", 0.1)
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["frr"] == 1.0 and 0.99 < metrics["threshold"] < 1.01


def test_a_set_needs_a_model_for_pictures(settings, tmp_path, capsys):
    save_untrained(tmp_path / "m", untrained_card(settings, "albedo"))
    picture = cv2.imencode(".png", np.zeros((112, 112), np.uint8))[1].tobytes()
    (tmp_path / "own.bin").write_bytes(pickle.dumps(([picture] * 4, [True, False])))
    options = ("--model", tmp_path / "m", "--out", tmp_path / "out")
    match = "needs captures under three lights"
    refused(capsys, match, "verify", tmp_path / "own.bin", *options)


def test_an_empty_folder(raw_model, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "loose.jpg").write_bytes(b"")
    match = r"no usable capture in it; .*loose\.jpg: not in a"
    refused(capsys, match, "verify", tmp_path / "empty", "--model", raw_model)


def test_captures_under_several_lights(simulated, settings, tmp_path):
    save_untrained(tmp_path / "m", untrained_card(settings, "normalmap"))
    verify(simulated, "--model", tmp_path / "m", "--out", tmp_path / "out", "--far", 0.1)
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["captures"] == 8 and metrics["failed_captures"] == 0


def test_captures_whose_rig_is_named(simulated_captures, settings, tmp_path, capsys):
    model, root = tmp_path / "m", tmp_path / "people"
    save_untrained(model, untrained_card(settings, "normalmap"))
    captures = simulated_captures[2:5]
    folders = [write_unlit(root / c.identity / c.name, c) for c in captures]
    rig = near_rig(captures[0].lights)
    write_rig(tmp_path / "our rig.json", rig)
    options = ("--model", model, "--rig", tmp_path / "our rig.json")
    verify(*folders[:2], *options)
    cosine = float(capsys.readouterr().out.split("cosine ")[1])
    joined = [replace(capture, rig=rig, lights=rig.lights()) for capture in captures]
    wanted = Recogniser(model).compare(*joined[:2])
    assert cosine == pytest.approx(wanted, abs=0.02)

    a, b, c = (folder.relative_to(root) for folder in folders)
    (tmp_path / "pairs.csv").write_text(f"first,second,same\n{a},{b},1\n{a},{c},0\n")
    out = tmp_path / "out"
    verify(tmp_path / "pairs.csv", "--root", root, *options, "--out", out)
    metrics = json.loads((out / "metrics.json").read_text())
    assert (metrics["captures"], metrics["failed_captures"]) == (3, 0)
    assert pd.read_parquet(out / "scores.parquet")["cosine"][0] == pytest.approx(cosine, abs=0.02)


def test_captures_whose_rig_is_not_named_or_another(simulated_captures, settings, tmp_path, capsys):
    model, lights = tmp_path / "m", simulated_captures[2].lights
    save_untrained(model, untrained_card(settings, "normalmap"))
    first, second = (write_unlit(tmp_path / c.name, c) for c in simulated_captures[2:4])
    lit = write_unlit(tmp_path / "lit", simulated_captures[2], lit=True)
    match = "4 frames without lights; give them in LightSource.m or a rig file .*--rig"
    refused(capsys, match, "verify", first, second, "--model", model)
    write_rig(tmp_path / "three.json", distant_rig(lights[:3]))
    write_rig(tmp_path / "mirrored.json", distant_rig(lights * [-1, 1, 1]))
    for rig, other, match in (
        ("nowhere", second, "nowhere: missing; give the rig's folder or file"),
        ("three.json", second, "4 frames, but the rig has 3 lamps"),
        ("mirrored.json", lit, "lit: lamp . of the rig is .* degrees from the light"),
    ):
        refused(capsys, match, "verify", first, other, "--model", model, "--rig", tmp_path / rig)


def test_a_rig_for_pictures(people, raw_model, simulated_captures, tmp_path, capsys):
    write_rig(tmp_path / "rig.json", distant_rig(simulated_captures[0].lights))
    options = ("--model", raw_model, "--rig", tmp_path / "rig.json", "--out", tmp_path / "out")
    first, second, *_, other = sorted(people.rglob("*.png"))
    (tmp_path / "pairs.csv").write_text(
        f"first,second,same\n{first},{second},1\n{first},{other},0\n"
    )
    (tmp_path / "own.bin").write_bytes(b"")
    match = "no capture of several frames that the rig may have taken"
    for words in ((first, second), (tmp_path / "pairs.csv",), (tmp_path / "own.bin",)):
        refused(capsys, match, "verify", *words, *options)


def test_nothing_that_can_be_used(people, settings, tmp_path, capsys):
    save_untrained(tmp_path / "m", untrained_card(settings, "all"))
    options = ("--model", tmp_path / "m", "--out", tmp_path / "out")
    match = r"no capture can be used; .*needs captures under three"
    refused(capsys, match, "verify", people, *options)
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("rate", ["0", "1", "-1", "half"])
def test_a_rate_that_is_none(rate, capsys):
    assert psface("verify", "a.csv", "--far", rate) == 2
    said = capsys.readouterr().err
    assert "is not in the range 0<x<1" in said or "'half' is not a valid float range" in said


def test_two_pictures(people, raw_model, tmp_path, capsys):
    first, second = sorted(people.rglob("*.png"))[:2]
    verify(first, second, "--model", raw_model)
    cosine = capsys.readouterr().out.split("cosine ")[1].strip()
    verify(first, second, "--model", raw_model, "--threshold", cosine)
    assert f"cosine {cosine}: one person at" in capsys.readouterr().out
    verify(first, first, "--model", raw_model, "--threshold", 1.1)
    assert ": different people at 1.1" in capsys.readouterr().out
    match = r"none\.png: no such picture"
    refused(capsys, match, "verify", first, people / "none.png", "--model", raw_model)

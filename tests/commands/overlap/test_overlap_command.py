"""psface overlap on data in which somebody and something stands twice."""

import struct
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from psface.captures.capture import NO_LIGHTS, Capture
from psface.captures.capture_table import write_captures
from psface.captures.recordio import MAGIC
from psface.commands.measure.overlap_recall import CHANGES, measure
from psface.commands.overlap.details import agreement, thumbnail
from psface.commands.overlap.duplicates import KINDS, overlap
from psface.commands.overlap.lookalikes import alike
from psface.errors import UserError
from psface.faces.packing import Form, Packable, Packed
from psface.vectors import unit
from tests.commands.running import psface
from tests.untrained_models import save_untrained, untrained_card

pytestmark = pytest.mark.usefixtures("one_process")


@pytest.fixture
def params(settings):
    return settings.overlap


@pytest.fixture
def run(params, tmp_path):
    """`overlap` on some sessions; their parts by identity."""

    def run(sessions, parts=None, **changed):
        write_captures(tmp_path / "sessions.parquet", sessions)
        (tmp_path / "splits").mkdir(exist_ok=True)
        for part in ("train", "val", "probe") if parts else ():
            rows = [(s.identity, s.name) for s in sessions if parts.get(s.identity) == part]
            table = pd.DataFrame(rows, columns=["identity", "session"])
            table.to_csv(tmp_path / "splits" / f"{part}.csv", index=False)
        places = (tmp_path / "sessions.parquet", tmp_path / "splits", tmp_path / "faces")
        return overlap(params.model_copy(update=changed), *places, tmp_path / "out")

    return run


def encoded(session: Capture, path: Path, *options: int, factor: float = 1.0) -> Capture:
    """Frame 0 of a capture as another's picture."""
    frame = cv2.resize(cv2.imread(session.frames[0], 0), None, fx=factor, fy=factor)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), frame, list(options))
    return Capture(path.parent.name, path.name, (str(path),), NO_LIGHTS)


def names(table):
    return [
        tuple(f"{row[f'identity_{k}']}/{row[f'session_{k}']}" for k in (1, 2))
        for row in table.to_dict("records")
    ]


def test_planted_duplicates_are_found_and_nothing_else(simulated_captures, run, tmp_path):
    first, second, *_ = simulated_captures
    jpeg = encoded(first, tmp_path / "zoe" / "a.jpg", cv2.IMWRITE_JPEG_QUALITY, 30, factor=0.5)
    same = replace(second, name="again")
    outcome = run([*simulated_captures, jpeg, same], {first.identity: "train", "zoe": "probe"})
    found = outcome.pairs
    assert list(zip(found["kind"], names(found), strict=True)) == [
        (KINDS[0], (first.key, "zoe/a.jpg")),
        (KINDS[2], (second.key, f"{second.identity}/again")),
    ]
    assert outcome.pictures == 10 and outcome.refused == 0
    row = pd.read_csv(tmp_path / "out" / "overlaps.csv", dtype={"identity_1": str}).loc[0]
    assert (row["part_1"], row["part_2"], row["evidence"]) == ("train", "probe", "hash")
    assert (row["path_1"], row["path_2"]) == (first.frames[0], jpeg.frames[0])
    assert row["distance"] <= 4 and row["agreement"] > 0.99 and np.isnan(row["similarity"])
    [person] = outcome.people.to_dict("records")
    assert (person["identity_1"], person["identity_2"]) == (first.identity, "zoe")
    assert person["shared_pictures"] == 1
    assert cv2.imread(str(tmp_path / "out" / "overlaps.png")) is not None

    outcome = run([*simulated_captures, jpeg], {first.identity: "train", "zoe": "val"})
    assert outcome.pairs["kind"].tolist() == [KINDS[1]]  # both are learned from


def test_nothing_found(simulated_captures, run, tmp_path, monkeypatch, capsys):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "overlaps.png").write_text("of the last run")
    outcome = run(simulated_captures, max_distance=16)
    assert outcome.pairs.empty and outcome.people.empty
    assert pd.read_csv(tmp_path / "out" / "overlaps.csv").empty
    assert pd.read_csv(tmp_path / "out" / "identities.csv").empty
    assert not (tmp_path / "out" / "overlaps.png").exists()
    monkeypatch.setattr("psface.commands.overlap.duplicates.overlap", lambda *_: outcome)
    assert psface("overlap") == 0
    said = capsys.readouterr().out
    assert "no duplicates found" in said and "overlap.model is not set" in said


def test_what_cannot_be_read_is_listed(simulated_captures, run, tmp_path):
    first = simulated_captures[0]
    (tmp_path / "broken.png").write_bytes(b"no picture")
    cv2.imwrite(str(tmp_path / "plain.png"), np.full((90, 80), 128, np.uint8))
    bad = [
        replace(first, name=name, frames=(str(tmp_path / f"{name}.png"),))
        for name in ("broken", "plain", "gone")
    ]
    outcome = run([*bad, first, replace(first, identity="twin")])
    assert outcome.refused == 3 and outcome.pictures == 2
    assert names(outcome.pairs) == [(first.key, f"twin/{first.name}")]
    reasons = pd.read_csv(tmp_path / "out" / "failures.csv")["reason"]
    for said, reason in zip(
        ("not an image", "nearly uniform", "No such file"), reasons, strict=True
    ):
        assert said in reason
    with pytest.raises(UserError, match=r"no picture can be compared; the first: .*broken"):
        run(bad)


def test_a_missing_table(params, tmp_path):
    with pytest.raises(UserError, match=r"sessions\.parquet: missing; run `dvc repro ingest`"):
        overlap(params, tmp_path / "sessions.parquet", tmp_path, tmp_path, tmp_path / "out")


def test_pictures_inside_a_record_file(simulated_captures, run, tmp_path):
    """Two records of one picture, under two labels, and another picture."""
    data, sessions = b"", []
    for label, session in enumerate((0, 0, 3)):
        image = Path(simulated_captures[session].frames[0]).read_bytes()
        record = struct.pack("<IfQQ", 0, float(label), label, 0) + image
        place = f"{tmp_path / 'train.rec'}::{len(data)}"
        sessions.append(Capture(str(label), "1", (place,), NO_LIGHTS))
        data += struct.pack("<II", MAGIC, len(record)) + record + bytes(-len(record) % 4)
    (tmp_path / "train.rec").write_bytes(data)
    outcome = run(sessions)
    assert names(outcome.pairs) == [("0/1", "1/1")]
    assert outcome.pairs["path_2"][0] == sessions[1].frames[0]
    assert outcome.pairs["distance"][0] == 0


def test_one_person_under_two_names_by_a_model(simulated_captures, run, settings, tmp_path):
    """Crops of noise: everybody has their own, but one has a second name."""
    save_untrained(tmp_path / "model", untrained_card(settings, "raw"))
    rng = np.random.default_rng(4)
    faces = {s.identity: rng.normal(0, 0.3, (1, 48, 48)) for s in simulated_captures}
    sessions = [*simulated_captures, replace(simulated_captures[2], name="late", identity="zoe")]
    faces["zoe"] = faces[simulated_captures[0].identity]
    with Packed(tmp_path / "faces", Form(48, {"raw": 1}, ())) as packed:
        for s in sessions:
            crop = faces[s.identity] + rng.normal(0, 0.01, (1, 48, 48))
            found = {"found_on": "", "score": 1.0, "landmarks": [], "trust": ""}
            row = {"identity": s.identity, "session": s.name, "fingerprint": ""}
            packed.add(Packable({"raw": crop.astype(np.float16)}, found), row)

    outcome = run(sessions, model=str(tmp_path / "model"), min_similarity=0.995)
    alone = outcome.pairs[outcome.pairs["evidence"] == "embedding"]
    one = simulated_captures[0].identity
    assert set(alone["kind"]) == {KINDS[3]} and len(alone) == 2  # both captures of the first
    assert set(alone["identity_1"]) == {one} and set(alone["identity_2"]) == {"zoe"}
    assert alone["similarity"].min() > 0.995 and alone["distance"].isna().all()
    # The second person's picture stands under the new name, too, but the crops are unlike.
    [shared] = outcome.pairs[outcome.pairs["evidence"] == "hash"].to_dict("records")
    assert shared["similarity"] < 0.995 and shared["identity_2"] == "zoe"
    people = outcome.people.set_index(["identity_1", "identity_2"])
    assert people.loc[(one, "zoe"), "alike_captures"] == 2
    assert people.loc[(one, "zoe"), "mean_similarity"] > 0.995
    assert people.loc[(shared["identity_1"], "zoe"), "shared_pictures"] == 1
    assert len(people) == 2

    save_untrained(tmp_path / "other", untrained_card(settings, "raw", size=64))
    with pytest.raises(UserError, match=r"crops of \[1\] channels and 48 px, but the model needs"):
        run(sessions, model=str(tmp_path / "other"))


def test_alike_pairs_against_a_plain_loop(monkeypatch):
    monkeypatch.setattr("psface.commands.overlap.lookalikes.QUERIES", 7)
    rng = np.random.default_rng(0)
    faces = unit(rng.normal(size=(40, 4))).astype(np.float32)
    person = np.repeat(np.arange(20), 2)
    first, second, cosine = alike(faces, person, 0.9)
    wanted = {
        (i, j)
        for i in range(40)
        for j in range(i + 1, 40)
        if person[i] != person[j] and faces[i] @ faces[j] >= 0.9
    }
    assert set(zip(first.tolist(), second.tolist(), strict=True)) == wanted
    assert len(first) == len(wanted) and (np.diff(cosine) <= 0).all()


def test_agreement_is_of_what_both_show(simulated_captures):
    image = cv2.imread(simulated_captures[0].frames[0], 0).astype(np.float32) / 255
    other = cv2.imread(simulated_captures[4].frames[0], 0).astype(np.float32) / 255
    small = thumbnail(image)
    assert agreement(small, small) == pytest.approx(1, abs=1e-3)
    assert agreement(small, thumbnail(CHANGES["3% cut off"](image))) > 0.97
    assert agreement(small, thumbnail(CHANGES["turned by 3 degrees"](image))) > 0.97
    assert agreement(small, thumbnail(other)) < 0.9
    assert abs(agreement(small, np.zeros_like(small))) < 0.1


def test_the_measurement(params, simulated):
    table = measure(simulated, params).set_index("pictures")
    assert (table["found"] <= table["near_by_hash"]).all()
    assert table.loc["JPEG, quality 30"].tolist() == [8, 8, 8]
    assert table.loc["mirrored", "found"] == 0
    assert table.loc["different, of two people"].tolist()[1:] == [0, 24]
    assert table.loc["different, of one person", "of"] == 4

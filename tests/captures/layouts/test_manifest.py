import re
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from psface.captures.capture import LANDMARKS
from psface.errors import UserError
from tests.shapes import FOUR_LIGHTS
from tests.written_captures import LANDMARKS as POINTS
from tests.written_captures import capture_frames, ingested

pytestmark = pytest.mark.usefixtures("one_process")


@pytest.fixture
def run(settings, tmp_path):
    def run():
        root = tmp_path / "rig"
        params = settings.ingest.model_copy(update={"source": "manifest", "root": str(root)})
        return ingested(params, 1, tmp_path)

    return run


def rows_of(root: Path, identity: str, session: str, lights: int = 4, suffix: str = ".png"):
    """Write a session's frames; the rows of the manifest that list them."""
    rows = []
    stem = f"{abs(hash((identity, session)))}"
    for index, frame in enumerate(capture_frames()[:lights]):
        name = f"frames/{stem}-{index}{suffix}"
        (root / "frames").mkdir(parents=True, exist_ok=True)
        deep = frame.astype(np.uint16) * 257 if suffix == ".tiff" else frame
        cv2.imwrite(str(root / name), deep)
        x, y, z = FOUR_LIGHTS[index]
        row = {"identity": identity, "session": session, "frame": name}
        rows.append({**row, "light_x": x, "light_y": y, "light_z": z})
    return rows


def write_manifest(root: Path, rows: list[dict], **options) -> None:
    pd.DataFrame(rows).to_csv(root / "manifest.csv", index=False, **options)


@pytest.mark.parametrize("suffix", [".bmp", ".png", ".pgm", ".tiff"])
@pytest.mark.parametrize("lights", [3, 4])
def test_any_rig(run, tmp_path, suffix, lights):
    rows = rows_of(tmp_path / "rig", "anna", "monday", lights, suffix)
    write_manifest(tmp_path / "rig", rows)
    [session], refused = run()
    assert not refused and session.key == "anna/monday" and len(session.frames) == lights
    np.testing.assert_allclose(session.lights, FOUR_LIGHTS[:lights])
    assert session.attributes == {} and session.landmarks is None
    assert all(Path(frame).is_file() for frame in session.frames)


@pytest.mark.parametrize("length", [0.01, 1, 1e4])
def test_lights_of_any_one_length_are_directions(run, tmp_path, length):
    rows = rows_of(tmp_path / "rig", "anna", "monday")
    for row in rows:
        for axis in "xyz":
            row[f"light_{axis}"] *= length
    write_manifest(tmp_path / "rig", rows)
    [session], _ = run()
    np.testing.assert_allclose(session.lights, FOUR_LIGHTS)


def test_attributes_and_landmarks(run, tmp_path):
    points = {f"{n}_{axis}": POINTS[n][i] for n in LANDMARKS for i, axis in enumerate("xy")}
    rows = []
    for session, mood in (("s1", " happy "), ("s2", "")):
        for row in rows_of(tmp_path / "rig", "anna", session):
            given = points if session == "s1" else dict.fromkeys(points, "")
            rows.append({**row, "mood": mood, "glasses": "no", **given})
    write_manifest(tmp_path / "rig", rows)
    (first, second), refused = run()
    assert not refused
    assert first.attributes == {"mood": "happy", "glasses": "no"}
    assert second.attributes == {"mood": "", "glasses": "no"}
    assert first.landmarks.tolist() == [list(POINTS[name]) for name in LANDMARKS]
    assert second.landmarks is None


def test_names_with_spaces_and_letters_of_any_language(run, tmp_path):
    names = ["Nguyễn Thị Ánh", "Jörg Müller", "李 小龙", "O'Brien, Pat"]
    rows = [row for name in names for row in rows_of(tmp_path / "rig", name, "lần 1")]
    write_manifest(tmp_path / "rig", rows)
    sessions, refused = run()
    assert not refused and sorted(s.identity for s in sessions) == sorted(names)


def test_a_spreadsheet_s_byte_order_mark_is_no_part_of_a_name(run, tmp_path):
    write_manifest(tmp_path / "rig", rows_of(tmp_path / "rig", "anna", "s"), encoding="utf-8-sig")
    assert len(run()[0]) == 1


def test_blanks_around_a_name_do_not_make_two_people(run, tmp_path):
    rows = rows_of(tmp_path / "rig", "anna", "s1") + rows_of(tmp_path / "rig", "anna ", "s2 ")
    for row in rows:
        row["frame"] += " "
    write_manifest(tmp_path / "rig", rows)
    sessions, refused = run()
    assert [s.key for s in sessions] == ["anna/s1", "anna/s2"] and not refused


def change(column: str, value: object, row: int = 1):
    def damage(rows: list[dict]) -> None:
        rows[row][column] = value

    return damage


def zero_light(rows: list[dict]) -> None:
    rows[2] |= {"light_x": 0, "light_y": 0, "light_z": 0}


def rename(column: str, value: str):
    def damage(rows: list[dict]) -> None:
        for row in rows:
            row[column] = value

    return damage


BAD = {
    "zero light": (zero_light, "zero-length light direction in line 4"),
    "light of words": (change("light_y", "up"), "light_y `up` in line 3 is not a number"),
    "empty light": (change("light_x", ""), "light_x `` in line 3 is not a number"),
    "light not a number": (change("light_z", "nan"), "light_z `nan` in line 3 is not a number"),
    "infinite light": (change("light_z", "inf"), "light_z `inf` in line 3 is not a number"),
    "frame above root": (change("frame", "../x.png"), "frame `../x.png` is not inside"),
    "absolute frame": (change("frame", "/x.png"), "frame `/x.png` is not inside"),
    "frame by a detour": (change("frame", "a/../../x.png"), "is not inside"),
    "no frame": (change("frame", ""), "frame `` is not inside"),
    "missing frame": (change("frame", "x.png"), "x.png: No such file or directory; restore it"),
    "two values": (change("mood", "sad"), "mood is both `happy` and `sad` in one capture"),
    "two rows": (lambda rows: rows.__delitem__(slice(2, None)), "2 lights, need at least 3"),
    "name with a slash": (rename("identity", "a/b"), "'a/b' cannot be a folder name; rename it"),
    "name of a parent": (rename("session", ".."), "'..' cannot be a folder name"),
    "backslash": (rename("session", "a\\b"), "cannot be a folder name; rename it"),
    "hidden name": (rename("identity", ".anna"), "'.anna' cannot be a folder name"),
    "no name": (rename("identity", ""), "'' cannot be a folder name"),
}


@pytest.mark.parametrize(("damage", "reason"), BAD.values(), ids=BAD)
def test_a_bad_session_is_refused_alone(run, tmp_path, damage, reason):
    bad, good = (rows_of(tmp_path / "rig", "anna", name) for name in ("bad", "good"))
    for row in bad + good:
        row["mood"] = "happy"
    damage(bad)
    write_manifest(tmp_path / "rig", bad + good)
    accepted, refused = run()
    assert [s.key for s in accepted] == ["anna/good"]
    assert len(refused) == 1 and reason in refused[0].reason
    assert str(tmp_path / "rig") in refused[0].reason or "folder name" in refused[0].reason


@pytest.mark.parametrize("column", ["identity", "session", "frame", "light_x", "light_z"])
def test_a_missing_column_is_named(run, tmp_path, column):
    rows = [
        {k: v for k, v in row.items() if k != column}
        for row in rows_of(tmp_path / "rig", "anna", "s")
    ]
    write_manifest(tmp_path / "rig", rows)
    with pytest.raises(UserError, match=rf"manifest\.csv: no column {column}"):
        run()


@pytest.mark.parametrize("data", [b"", b'a,"b\n', "name\n\xe9".encode("latin-1")])
def test_no_csv(run, tmp_path, data):
    (tmp_path / "rig").mkdir()
    (tmp_path / "rig" / "manifest.csv").write_bytes(data)
    with pytest.raises(UserError, match=r"manifest\.csv(, line 2)?: (neither|no col)") as e:
        run()
    assert "\n" not in str(e.value)


def test_no_manifest(run, tmp_path):
    (tmp_path / "rig").mkdir()
    with pytest.raises(UserError, match=re.escape("manifest.csv: missing; set ingest.root to")):
        run()


def test_a_header_alone(run, tmp_path):
    (tmp_path / "rig").mkdir()
    header = "identity,session,frame,light_x,light_y,light_z\n"
    (tmp_path / "rig" / "manifest.csv").write_text(header)
    with pytest.raises(UserError, match="no capture in the manifest layout"):
        run()

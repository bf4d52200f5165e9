from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from psface.captures.capture import Capture, Refusal
from psface.captures.capture_table import SCHEMA, read_captures, write_captures, write_refusals
from psface.errors import UserError
from psface.rig.rig import Calibration, Camera, Lamp, Rig
from psface.stage_tables import read_table
from tests.shapes import FOUR_LIGHTS

PLAIN = Capture("1001", "2008-03-01", ("a/im0.bmp", "a/im1.bmp"), FOUR_LIGHTS, digest="d")
FULL = Capture(
    "Nguyễn Văn An",
    "draw 0",
    ("b/im0.png",) * 5,
    np.vstack([FOUR_LIGHTS, [0, 0, 1]]),
    {"gender": "female", "pose": "1", "emotion": ""},
    np.arange(10, dtype=float).reshape(5, 2) / 7,
    "e",
)


RIG = Rig(
    camera=Camera(
        width_px=64, height_px=48, focal_px=(90.0, 91.5), response={"table": (0, 0.1, 1)}, white=3.0
    ),
    lamps=tuple(
        Lamp(
            name=f"lamp {n}", position_mm=tuple(place), intensity=(1.0, 1.5, 0.1 + n),
            axis=(0.0, 0.1, -1.0), anisotropy=0.7,
        )
        for n, place in enumerate((400 * FOUR_LIGHTS - [0, 0, 600]).tolist())
    ),
    distance_mm=600.0,
    ambient="rigs/Dunkel ü.png",
    calibration=Calibration(date="2024-05-01", method="mirror balls", score_deg=0.4),
)  # fmt: skip
RIGGED = replace(
    PLAIN, name="rigged", frames=tuple("abcd"), lights=RIG.lights(), rig=RIG,
    ambient="a/ambient.png", mask="a/mask.png",
)  # fmt: skip


def assert_same(first: Capture, second: Capture) -> None:
    for name in (
        "identity", "name", "frames", "digest", "attributes", "key", "rig", "ambient", "mask"
    ):  # fmt: skip
        assert getattr(first, name) == getattr(second, name)
    np.testing.assert_array_equal(first.lights, second.lights)
    assert (first.landmarks is None) == (second.landmarks is None)
    if first.landmarks is not None:
        np.testing.assert_array_equal(first.landmarks, second.landmarks)


@pytest.mark.parametrize(
    "sessions",
    [
        [PLAIN],
        [FULL],
        [FULL, replace(FULL, name="draw 1", landmarks=None)],
        [replace(FULL, landmarks=None), FULL],
        [],
        [RIGGED, PLAIN, replace(RIGGED, name="of the camera", rig=Rig(camera=RIG.camera))],
    ],
    ids=["plain", "full", "landmarks first", "landmarks last", "empty", "rigged"],
)
def test_sessions_come_back_as_they_were(tmp_path, sessions):
    write_captures(tmp_path / "sessions.parquet", sessions)
    back = list(read_captures(tmp_path / "sessions.parquet"))
    assert len(back) == len(sessions)
    for first, second in zip(sessions, back, strict=True):
        assert_same(first, second)


def test_each_session_keeps_the_attributes_that_it_has(tmp_path):
    write_captures(tmp_path / "sessions.parquet", [PLAIN, FULL])
    plain, full = read_captures(tmp_path / "sessions.parquet")
    assert plain.attributes == {} and full.attributes == FULL.attributes


def test_tables_are_read_and_written_in_parts(tmp_path, monkeypatch):
    monkeypatch.setattr("psface.stage_tables.ROWS_AT_ONCE", 2)
    taken: list[int] = []

    def sessions():
        for number in range(5):
            taken.append(number)
            yield replace(PLAIN, name=f"s{number}")

    write_captures(tmp_path / "sessions.parquet", sessions())
    rows = read_captures(tmp_path / "sessions.parquet")
    assert [s.name for s in rows] == [f"s{n}" for n in range(5)]


def test_a_missing_table_names_the_stage_to_run(tmp_path):
    with pytest.raises(UserError, match=r"sessions\.parquet: missing; run `dvc repro ingest`"):
        list(read_captures(tmp_path / "sessions.parquet"))


def test_a_damaged_table_is_told(tmp_path):
    path = tmp_path / "faces.parquet"
    path.write_bytes(b"PAR1 and no more")
    with pytest.raises(UserError, match=r"faces\.parquet: unreadable .*`dvc repro -f crop`"):
        read_table(path, "crop")


def test_a_table_of_an_older_kind_is_told(tmp_path):
    path = tmp_path / "sessions.parquet"
    pd.DataFrame({"identity": ["a"], "session": ["b"]}).to_parquet(path)
    with pytest.raises(UserError, match=r"unreadable \(no column ambient, attributes.*-f ingest"):
        list(read_captures(path))


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("rig", "{"),
        ("rig", "[]"),
        ("rig", "null"),
        ("rig", '{"schema": "psface-rig-1", "lamp": 1}'),
        ("rig", '{"schema": "psface-rig-1", "lamps": [{"direction": [0, 0, NaN]}]}'),
        ("rig", "[" * 5000),
        ("rig", RIG.with_lamps([0, 1, 2]).text()),
        ("ambient", None),
        ("mask", None),
    ],
)
def test_a_damaged_cell_is_told(tmp_path, cell, value):
    path = tmp_path / "sessions.parquet"
    write_captures(path, [RIGGED, PLAIN])
    table = pq.read_table(path).to_pylist()
    table[0][cell] = value
    pq.write_table(pa.Table.from_pylist(table, SCHEMA), path)
    with pytest.raises(UserError, match=r"sessions\.parquet: unreadable \(.*-f ingest") as told:
        list(read_captures(path))
    assert "\n" not in str(told.value) and len(str(told.value)) < 1000


def test_refusals(tmp_path):
    path = tmp_path / "rejected.csv"
    write_refusals(path, [])
    assert path.read_text() == "identity,session,reason\n"
    write_refusals(path, [Refusal("0007", "s", 'im0.bmp: "black", or not')])
    assert read_table(path, "ingest").to_dict("records") == [
        {"identity": "0007", "session": "s", "reason": 'im0.bmp: "black", or not'}
    ]


def test_csv_cells_stay_text(tmp_path):
    path = tmp_path / "train.csv"
    pd.DataFrame({"identity": ["007", "NA"], "pose": ["", "1"]}).to_csv(path, index=False)
    assert read_table(path, "split").to_dict("list") == {
        "identity": ["007", "NA"],
        "pose": ["", "1"],
    }


def test_some_columns_of_a_table(tmp_path):
    table = pd.DataFrame({"identity": ["'=a", "'b", ""], "row": ["3", "1", "2"]})
    for path in (tmp_path / "train.csv", tmp_path / "train.parquet"):
        table.to_csv(path, index=False) if path.suffix == ".csv" else table.to_parquet(path)
        assert read_table(path, "split", ["row", "pose"]).to_dict("list") == {
            "row": ["3", "1", "2"]
        }
    # Only what `safe_cell` escapes is undone.
    assert read_table(tmp_path / "train.csv", "split")["identity"].tolist() == ["=a", "'b", ""]

"""InsightFace's RecordIO, written here byte by byte."""

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from psface.captures.capture import Capture, Refusal
from psface.captures.images import read_frame
from psface.captures.layouts.insightface import read_recordio
from psface.captures.recordio import MAGIC, read_record
from psface.errors import UserError
from tests.written_captures import ingested


def pictured(labels: tuple[float, ...], image: bytes) -> bytes:
    if len(labels) == 1:
        return struct.pack("<IfQQ", 0, labels[0], 7, 0) + image
    return struct.pack(f"<IfQQ{len(labels)}f", len(labels), 0.0, 7, 0, *labels) + image


def packed(data: bytes) -> bytes:
    """A record, parted where the data has the magic number in it."""
    parts = data.split(struct.pack("<I", MAGIC))
    out = b""
    for at, part in enumerate(parts):
        kind = 0 if len(parts) == 1 else 1 if at == 0 else 3 if at == len(parts) - 1 else 2
        out += struct.pack("<II", MAGIC, kind << 29 | len(part)) + part + bytes(-len(part) % 4)
    return out


def png(value: int) -> bytes:
    return cv2.imencode(".png", np.full((9, 8), value, np.uint8))[1].tobytes()


@pytest.fixture
def write(tmp_path):
    def write(records: list[bytes]):
        offsets, data = [], b""
        for record in records:
            offsets.append(len(data))
            data += packed(record)
        (tmp_path / "train.rec").write_bytes(data)
        lines = "".join(f"{key}\t{offset}\n" for key, offset in enumerate(offsets))
        (tmp_path / "train.idx").write_text(lines)
        return tmp_path

    return write


# The third has the magic number within, twice, as a comment after its image.
MAGICAL = png(120) + struct.pack("<III", MAGIC, 5, MAGIC) + b"end"
RECORDS = [
    pictured((4.0, 6.0), b""),
    pictured((0.0,), png(40)),
    pictured((1.0, 0.0), png(80)),
    pictured((1.0,), MAGICAL),
    pictured((1.0, 2.0), b""),  # an identity's: keys from 1 to 2
    pictured((2.0, 4.0), b""),
]


def test_pictures_of_a_training_set(write, settings):
    root = write(RECORDS)
    sessions = list(read_recordio(root, settings.ingest, 0))
    assert [s.key for s in sessions] == [
        "0000000/00000001", "0000001/00000002", "0000001/00000003",
    ]  # fmt: skip
    for session, value in zip(sessions, (40, 80, 120), strict=True):
        assert session.is_picture
        assert read_frame(Path(session.frames[0])) == pytest.approx(np.full((9, 8), value / 255))
    offset = int(sessions[2].frames[0].rsplit("::")[1])
    assert read_record(root / "train.rec", offset) == ((1.0,), MAGICAL)


def test_without_a_first_record_of_its_own(write, settings):
    root = write([pictured((5.0,), png(40)), pictured((5.0,), png(41))])
    names = [s.key for s in read_recordio(root, settings.ingest, 0)]
    assert names == ["0000005/00000000", "0000005/00000001"]


def test_a_file_cut_in_the_middle(write, settings, tmp_path, one_process):
    root = write(RECORDS)
    whole = (root / "train.rec").read_bytes()
    cut = int((root / "train.idx").read_text().splitlines()[3].split()[1]) + 30
    (root / "train.rec").write_bytes(whole[:cut])
    results = list(read_recordio(root, settings.ingest, 0))
    refused = [r for r in results if isinstance(r, Refusal)]
    assert len([r for r in results if isinstance(r, Capture)]) == 2
    assert "truncated; copy the file again" in refused[0].reason
    params = settings.ingest.model_copy(update={"source": "recordio", "root": str(root)})
    accepted, all_refused = ingested(params, 0, tmp_path)
    assert len(accepted) == 2 and len(all_refused) == len(refused)


def test_what_is_no_record(write, settings, tmp_path):
    root = write(RECORDS)
    with pytest.raises(UserError, match="byte 2: no record begins here"):
        read_record(root / "train.rec", 2)
    (root / "short.rec").write_bytes(packed(b"abc"))
    with pytest.raises(UserError, match="too short to be a picture's"):
        read_record(root / "short.rec", 0)
    (root / "many.rec").write_bytes(packed(struct.pack("<IfQQ", 10**6, 0.0, 0, 0)))
    with pytest.raises(UserError, match="without its 1000000 labels"):
        read_record(root / "many.rec", 0)
    with pytest.raises(UserError, match=r"none\.rec: No such file"):
        read_frame(tmp_path / "none.rec::0")
    (root / "train.idx").write_text("1 2 3\n")
    with pytest.raises(UserError, match=r"train\.idx, line 1"):
        list(read_recordio(root, settings.ingest, 0))
    (root / "train.idx").unlink()
    with pytest.raises(UserError, match=r"train\.idx: .*beside train\.rec"):
        list(read_recordio(root, settings.ingest, 0))
    (root / "train.rec").unlink()
    with pytest.raises(UserError, match=r"train\.rec: missing"):
        list(read_recordio(root, settings.ingest, 0))


@pytest.mark.parametrize("label", [np.nan, np.inf, -np.inf, -1.0, 0.5, 1e20])
def test_a_label_that_is_nobodys_costs_its_record(write, settings, label):
    root = write([*RECORDS[:2], pictured((label,), png(60)), *RECORDS[3:]])
    found = list(read_recordio(root, settings.ingest, 0))
    assert [item.name for item in found if isinstance(item, Capture)] == ["00000001", "00000003"]
    [refusal] = [item for item in found if isinstance(item, Refusal)]
    assert refusal.name == "00000002" and "is not a person's number" in refusal.reason


@pytest.mark.parametrize("line", ["1\t" + "9" * 400, "\u00b2\t8", "1", "a\tb"])
def test_an_index_of_other_numbers(write, settings, line):
    root = write(RECORDS)
    (root / "train.idx").write_text(f"0\t0\n{line}\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"train\.idx, line 2: "):
        list(read_recordio(root, settings.ingest, 0))


@pytest.mark.parametrize(
    ("line", "what"), [("1\t999999", "key 1 is on lines 2 and 7"), ("9\t0", "byte 0 is on lines")]
)
def test_an_index_with_a_line_twice(write, settings, line, what):
    root = write(RECORDS)
    with (root / "train.idx").open("a") as index:
        index.write(line + "\n")
    with pytest.raises(UserError, match=what):
        list(read_recordio(root, settings.ingest, 0))


def test_an_index_in_any_order(write, settings):
    root = write(RECORDS)
    before = list(read_recordio(root, settings.ingest, 0))
    first, *rest = (root / "train.idx").read_text().splitlines()
    (root / "train.idx").write_text("\n".join([first, *reversed(rest)]) + "\n")
    after = list(read_recordio(root, settings.ingest, 0))
    assert sorted(s.key for s in after) == sorted(s.key for s in before)

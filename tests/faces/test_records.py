"""Aligned pictures that stay in their RecordIO file."""

import json
import struct
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from psface.errors import UserError
from psface.faces.arrays import Faces
from psface.faces.crop_params import CropParams
from psface.faces.stored_planes import in_floats
from stages.crop import crop
from tests.captures.layouts.test_recordio import packed, pictured
from tests.written_captures import ingested

SIDE = 32


def encoded(seed: int, side: int = SIDE, kind: str = ".jpg", channels: int = 3) -> bytes:
    rng = np.random.default_rng(seed)
    image = cv2.resize(rng.random((5, 5, channels)), (side, side), interpolation=cv2.INTER_CUBIC)
    deep = kind == ".16.png"
    values = np.clip(image, 0, 1) * (65535 if deep else 255)
    return cv2.imencode(kind[-4:], values.astype(np.uint16 if deep else np.uint8))[1].tobytes()


def write_records(root: Path, pictures: list[bytes]) -> None:
    root.mkdir(exist_ok=True)
    at, lines, data = 0, [], b""
    for key, picture in enumerate(pictures):
        lines.append(f"{key}\t{at}\n")
        data += packed(pictured((float(key // 2),), picture))
        at = len(data)
    (root / "train.rec").write_bytes(data)
    (root / "train.idx").write_text("".join(lines))


@dataclass
class Set:
    """The same pictures as records and as files."""

    folder: Path
    ingest: object
    crop: CropParams

    def write(self, pictures: list[bytes]) -> None:
        write_records(self.folder / "rec", pictures)
        for key, picture in enumerate(pictures):
            path = self.folder / "files" / f"{key // 2:07}" / f"{key:08}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(picture)

    def run(self, source: str = "recordio", **changes: object) -> tuple[int, int, int]:
        root = self.folder / {"recordio": "rec", "folders": "files"}[source]
        params = self.ingest.model_copy(update={"source": source, "root": str(root)})
        out = self.folder / f"out-{source}"
        out.mkdir(exist_ok=True)
        ingested(params, 1, out)
        cropping = self.crop.model_copy(update=changes)
        pictures = (out / "faces.png", out / "doubts.png")
        return crop(cropping, out / "sessions.parquet", out / "maps", out / "faces", *pictures)

    def faces(self, source: str = "recordio") -> Faces:
        return Faces(self.folder / f"out-{source}" / "faces", ("raw",))

    def stored(self) -> np.ndarray:
        return np.load(self.folder / "out-recordio" / "faces" / "raw.npy")


@pytest.fixture
def pictures(settings, tmp_path, one_process) -> Set:
    aligned = {"detector": "aligned", "size": SIDE, "oval": False, "zoom": 1.0, "colour": True}
    return Set(tmp_path, settings.ingest, settings.crop.model_copy(update=aligned))


KINDS = [encoded(0), encoded(1, channels=1), encoded(2, kind=".png"), encoded(3, side=41)]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"colour": False},
        {"oval": True},
        {"even_exposure": True, "oval": True},
        {"size": 40},
        {"size": 40, "colour": False},
    ],
)
@pytest.mark.parametrize("deep", [False, True])
def test_the_same_crops_as_from_files(pictures, changes, deep):
    pictures.write([*KINDS, *([encoded(4, kind=".16.png")] if deep else [])])
    count = len(KINDS) + deep
    assert pictures.run(**changes) == (count, 0, 0)
    assert pictures.run("folders", **changes) == (count, 0, 0)
    places = pictures.stored()
    assert places.ndim == 1 and places.nbytes == 12 * count  # none of the pictures
    rows = np.array([2, 0, 1, 3, *([4] if deep else [])])
    read, expected = pictures.faces().read(rows), pictures.faces("folders").read(rows)
    assert read.dtype == np.float32 and read.std() > 0.1
    np.testing.assert_array_equal(read, expected)
    ahead = np.concatenate(list(pictures.faces().read_ahead(iter(rows[:, None]))))
    np.testing.assert_array_equal(ahead, expected)
    assert pictures.faces().channels == pictures.faces("folders").channels


def test_eight_bits_are_what_was_decoded(pictures):
    pictures.write(KINDS[:1])
    pictures.run()
    image = cv2.cvtColor(cv2.imdecode(np.frombuffer(KINDS[0], np.uint8), 1), cv2.COLOR_BGR2RGB)
    read = pictures.faces().read(np.array([0]))[0]
    np.testing.assert_array_equal(read, in_floats(np.moveaxis(image, -1, 0)))


def test_a_second_run_keeps_places_and_a_rewritten_file_is_cropped_again(pictures):
    pictures.write(KINDS)
    pictures.run()
    before = pictures.faces().read(np.arange(4))
    assert pictures.run() == (0, 4, 0)
    np.testing.assert_array_equal(pictures.faces().read(np.arange(4)), before)
    # The same pictures elsewhere in the file.
    data = (pictures.folder / "rec" / "train.rec").read_bytes()
    lines = (pictures.folder / "rec" / "train.idx").read_text().split()
    moved = [(key, int(byte) + 12) for key, byte in zip(lines[::2], lines[1::2], strict=True)]
    (pictures.folder / "rec" / "train.rec").write_bytes(packed(b"none") + data)
    (pictures.folder / "rec" / "train.idx").write_text("".join(f"{k}\t{b}\n" for k, b in moved))
    with pytest.raises(UserError, match=r"train\.rec, byte 0: a record too short"):
        pictures.faces().read(np.arange(4))
    assert pictures.run() == (4, 0, 0)
    np.testing.assert_array_equal(pictures.faces().read(np.arange(4)), before)


def test_a_picture_that_is_no_longer_the_same(pictures):
    pictures.write(KINDS)
    pictures.run()
    write_records(pictures.folder / "rec", [encoded(9), *KINDS[1:]])
    with pytest.raises(UserError, match=r"train\.rec, byte 0: another picture .*`dvc repro` again"):
        list(pictures.faces().read_ahead([np.array([0])]))
    (pictures.folder / "rec" / "train.rec").unlink()
    with pytest.raises(UserError, match=r"train\.rec: No such file"):
        pictures.faces().read(np.array([0]))


@pytest.mark.parametrize("text", [None, "", "{}", "[1]", '{"records": "a", "crop": {"size": 3}}'])
def test_places_without_a_proper_companion(pictures, text):
    pictures.write(KINDS)
    pictures.run()
    companion = pictures.folder / "out-recordio" / "faces" / "raw.json"
    assert json.loads(companion.read_text())["crop"]["size"] == SIDE
    companion.unlink() if text is None else companion.write_text(text)
    with pytest.raises(UserError, match=r"raw\.json: missing or damaged; run `dvc repro -f crop`"):
        pictures.faces()


def test_pictures_whose_faces_must_be_found_are_stored(pictures, settings):
    pictures.write(KINDS)
    with pytest.raises(UserError, match="no face in any"):
        pictures.run(detector="mtcnn", min_face_size=20)
    pictures.run()
    bits = pictures.ingest.model_copy(update={"bits": 12})
    other = Set(pictures.folder, bits, pictures.crop)
    assert other.run() == (4, 0, 0)  # their depth is not in the record
    assert other.stored().dtype == np.uint8
    assert not (pictures.folder / "out-recordio" / "faces" / "raw.json").exists()


def test_a_picture_that_is_not_square_is_listed(pictures):
    tall = cv2.imencode(".png", np.zeros((9, 8), np.uint8))[1].tobytes()
    pictures.write([*KINDS, tall])
    assert pictures.run() == (4, 0, 1)
    assert len(pictures.faces()) == 4


def test_records_of_other_data_are_not_pictures(pictures):
    pictures.write(KINDS)
    pictures.run()
    broken = packed(struct.pack("<IfQQ", 0, 0.0, 0, 0) + b"no picture")
    (pictures.folder / "rec" / "train.rec").write_bytes(broken)
    with pytest.raises(UserError, match="another picture than when it was cropped"):
        pictures.faces().read(np.array([0]))

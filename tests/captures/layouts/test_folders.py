"""Identity folders: every picture a session of one frame."""

import numpy as np
import pytest
from PIL import Image

from psface.captures.capture_table import read_captures
from psface.errors import UserError
from psface.faces.arrays import Faces
from psface.faces.modalities import MAPS
from psface.stage_tables import read_table
from stages.crop import crop
from stages.stereo import stereo
from tests.written_captures import ingested


@pytest.fixture
def params(settings, tmp_path):
    root = tmp_path / "people"
    root.mkdir()
    changed = {"source": "folders", "root": str(root)}
    return settings.ingest.model_copy(update=changed)


def save(path, value=90) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    ramp = np.linspace(0, value, 24 * 20).reshape(24, 20).astype(np.uint8)
    Image.fromarray(ramp).save(path)


def run(params, tmp_path):
    return ingested(params, 1, tmp_path)


def test_every_picture_is_a_session(params, tmp_path, one_process):
    root = tmp_path / "people"
    for name in ("Nguyễn Văn An/ảnh 1.png", "Nguyễn Văn An/ảnh 1.jpg", "bo b/1.PNG", "bo b/2.webp"):
        save(root / name)
    (root / "bo b" / "cv.pdf").write_bytes(b"%PDF-1.4")
    (root / "bo b" / "3.jpg").write_bytes((root / "bo b" / "1.PNG").read_bytes()[:60])
    (root / "bo b" / ".DS_Store").write_bytes(b"")
    (root / "notes.txt").write_text("not a person")
    (root / "loop").symlink_to(root, target_is_directory=True)  # lists people, which are no files

    accepted, refused = run(params, tmp_path)
    assert [s.key for s in accepted] == [
        "Nguyễn Văn An/ảnh 1.jpg",
        "Nguyễn Văn An/ảnh 1.png",
        "bo b/1.PNG",
        "bo b/2.webp",
    ]
    assert all(s.is_picture and s.digest for s in accepted)
    reasons = {r.name: r.reason for r in refused}
    assert "cv.pdf: not a supported picture" in reasons["cv.pdf"]
    assert "3.jpg: truncated or not an image" in reasons["3.jpg"]
    assert "notes.txt: not a supported picture" in reasons["notes.txt"]  # by way of the loop, once
    assert [s.is_picture for s in read_captures(tmp_path / "sessions.parquet")] == [True] * 4


def test_an_empty_root(params, tmp_path):
    with pytest.raises(UserError, match="no capture in the folders layout"):
        run(params, tmp_path)


def test_pictures_have_no_maps_but_crops(params, settings, tmp_path, shared_data, one_process):
    root = tmp_path / "people" / "s1"
    root.mkdir()
    for path in sorted((shared_data / "orl" / "s1").iterdir())[:2]:
        (root / path.name).write_bytes(path.read_bytes())
    assert len(run(params, tmp_path)[0]) == 2
    sessions, maps, faces = (tmp_path / n for n in ("sessions.parquet", "stereo", "faces"))
    assert stereo(settings.stereo, sessions, maps, tmp_path / "stereo.json") == (0, 0, 0, 0)
    assert (tmp_path / "stereo.json").read_text() == "{}\n"

    faces.mkdir()
    for name in MAPS:  # of captures that were here before
        (faces / f"{name}.npy").write_bytes(b"old")
    cropping = settings.crop.model_copy(update={"padding": 0.3, "min_face_size": 20})
    pictures = (tmp_path / "faces.png", tmp_path / "doubts.png")
    assert crop(cropping, sessions, maps, faces, *pictures) == (2, 0, 0)
    assert crop(cropping, sessions, maps, faces, *pictures) == (0, 2, 0)
    assert sorted(path.name for path in faces.glob("*.npy")) == ["raw.npy"]
    raw = np.load(faces / "raw.npy")
    assert raw.shape == (2, 1, cropping.size, cropping.size) and raw.std() > 0.05
    assert len(read_table(faces / "faces.parquet", "crop")) == 2
    width, height = Image.open(tmp_path / "faces.png").size  # a row of two, with names
    assert width >= 2 * cropping.size and cropping.size <= height < 2 * cropping.size
    with pytest.raises(UserError, match=r"pictures without known lights have no albedo; set modal"):
        Faces(faces, ("albedo",))

"""psface detect on pictures, a folder and video."""

import csv
import json
import os

import cv2
import numpy as np
import pytest
import torch

from psface.captures.media import Picture, read_media
from psface.commands import detect as command
from psface.detect.face import Face
from psface.report.annotated_pictures import annotated
from psface.report.face_table import COLUMNS
from tests.commands.running import psface, refused

FIVE = np.array([[20, 20], [40, 20], [30, 30], [22, 40], [38, 40]], np.float32)


class Fake:
    """Finds one face where a picture is bright, none where it is dark."""

    sizes: list[int]

    def __init__(self) -> None:
        self.sizes = []

    def detect(self, images):
        self.sizes.append(len(images))
        face = Face(np.array([10, 10, 50, 50], np.float32), 0.9, FIVE)
        return [[face] if image.mean() > 50 else [] for image in images]


@pytest.fixture
def detector(monkeypatch) -> Fake:
    fake = Fake()
    monkeypatch.setattr(command, "build_detector", lambda name, **options: fake)
    return fake


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "in"
    for name, grey in (("a/one.png", 200), ("b/one.png", 200), ("b/dark.jpg", 0)):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((60, 64, 3), grey, np.uint8))
    return folder


def detect(*arguments: object) -> None:
    assert psface("detect", *arguments) == 0


def test_table_pictures_and_crops(detector, pictures, tmp_path, capsys):
    (pictures / "b" / "broken.png").write_text("no picture")
    out = tmp_path / "out"
    detect(pictures, "--out", out, "--pictures", "--crops", 32)
    said = capsys.readouterr()
    assert "detect: 2 faces in 3 pictures" in said.out and "1 files not read" in said.out
    assert "broken.png: truncated or not an image" in said.err
    with (out / "faces.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == COLUMNS
    assert [row["path"] for row in rows] == [str(pictures / f"{f}/one.png") for f in "ab"]
    assert rows[0]["frame"] == "" and float(rows[0]["x1"]) == 10 and float(rows[0]["nose_y"]) == 30
    made = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    assert made == [
        "crops/a/one.png-0.png", "crops/b/one.png-0.png", "faces.csv",
        "pictures/a/one.png", "pictures/b/dark.jpg", "pictures/b/one.png",
    ]  # fmt: skip
    assert cv2.imread(str(out / "crops/a/one.png-0.png")).shape == (32, 32, 3)
    drawn = cv2.imread(str(out / "pictures/a/one.png"))
    assert (drawn != 200).any() and drawn.shape == (60, 64, 3)


def test_what_a_run_wrote_is_not_the_next_one_s_input(detector, pictures, capsys):
    for _ in range(2):
        detect(pictures, "--out", pictures, "--pictures", "--crops", 32)
        assert "detect: 2 faces in 3 pictures" in capsys.readouterr().out


def test_pictures_are_not_written_over(detector, tmp_path, capsys):
    path = tmp_path / "set" / "pictures" / "a.png"
    path.parent.mkdir(parents=True)
    cv2.imwrite(str(path), np.full((60, 64, 3), 200, np.uint8))
    before = path.read_bytes()
    for given in (path.parent, path):
        match = r"pictures, which is written to; give another --out"
        refused(capsys, match, "detect", given, "--out", tmp_path / "set", "--pictures")
    assert path.read_bytes() == before
    detect(path, "--out", tmp_path / "set")  # a table alone does no harm
    assert (tmp_path / "set" / "faces.csv").exists() and path.read_bytes() == before


def test_links_have_their_own_names(detector, pictures, tmp_path):
    links = tmp_path / "links"
    links.mkdir()
    for name in ("anna.png", "bert.png"):
        (links / name).symlink_to(pictures / "a" / "one.png")
    detect(links, "--out", tmp_path / "out", "--pictures")
    made = (tmp_path / "out" / "pictures").iterdir()
    assert sorted(path.name for path in made) == ["anna.png", "bert.png"]


@pytest.mark.parametrize("form", ["csv", "json"])
def test_a_name_that_is_no_unicode_loses_nothing(detector, pictures, tmp_path, form):
    odd = os.fsdecode(b"caf\xe9.png")
    (pictures / "a" / "one.png").rename(pictures / "a" / odd)
    detect(pictures, "--out", tmp_path / "out", "--format", form)
    written = (tmp_path / "out" / f"faces.{form}").read_text(encoding="utf-8")
    assert "caf" in written and "one.png" in written


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--scale-factor", "1"], r"scale_factor=1\.0: must be between 0 and 1 for mtcnn"),
        (["--thresholds", "1", ".7", ".7"], r"thresholds=.*between 0 and 1"),
        (["--min-face-size", "0"], r"min_face_size=0\.0: give a number of pixels"),
        (["--detector", "opencv-haar", "--scale-factor", ".7"], r"must be over 1 for opencv-haar"),
        (["--detector", "dlib-hog", "--scale-factor", ".7"], r"no option 'scale_factor'"),
    ],
)
def test_wrong_values(pictures, arguments, said, capsys):
    refused(capsys, said, "detect", pictures, *arguments)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_no_gpu(pictures, capsys):
    refused(capsys, "no GPU that torch can use", "detect", pictures, "--device", "cuda")


def test_out_is_a_file(detector, pictures, tmp_path, capsys):
    (tmp_path / "out").write_text("mine")
    refused(capsys, r"out: .*give another folder", "detect", pictures, "--out", tmp_path / "out")
    assert (tmp_path / "out").read_text() == "mine"


def test_crops_of_no_size(detector, pictures, capsys):
    assert psface("detect", pictures, "--crops", 0) == 2
    assert "0 is not in the range x>=1" in capsys.readouterr().err


def test_json(detector, pictures, tmp_path):
    detect(pictures, "--out", tmp_path / "out", "--format", "json")
    faces = json.loads((tmp_path / "out" / "faces.json").read_text())
    assert len(faces) == 2 and faces[0]["score"] == 0.9 and faces[0]["frame"] is None
    detect(pictures / "b" / "dark.jpg", "--out", tmp_path / "out", "--format", "json")
    assert json.loads((tmp_path / "out" / "faces.json").read_text()) == []


def test_video_streams_through(detector, tmp_path, capsys):
    path = tmp_path / "clip.mp4"
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10, (64, 60))
    for number in range(40):
        video.write(np.full((60, 64, 3), 200 if number % 2 else 0, np.uint8))
    video.release()
    detect(path, "--out", tmp_path / "out", "--pictures")
    assert "detect: 20 faces in 40 pictures" in capsys.readouterr().out
    assert max(detector.sizes) <= command.AT_ONCE  # memory does not grow with the video
    drawn = list(read_media(tmp_path / "out" / "pictures" / "clip.mp4"))
    assert len(drawn) == 40 and all(isinstance(item, Picture) for item in drawn)
    with (tmp_path / "out" / "faces.csv").open(newline="") as file:
        assert [int(row["frame"]) for row in csv.DictReader(file)] == list(range(1, 40, 2))


def test_nothing_readable_is_an_error_and_leaves_no_half_table(detector, tmp_path, capsys):
    (tmp_path / "face.jpg").write_text("text")
    match = "none of 1 files can be read"
    refused(capsys, match, "detect", tmp_path / "face.jpg", "--out", tmp_path / "out")


def test_a_failure_leaves_the_table_of_before(monkeypatch, detector, pictures, tmp_path):
    detect(pictures, "--out", tmp_path / "out")
    before = (tmp_path / "out" / "faces.csv").read_text()

    def fail(images):
        raise RuntimeError

    monkeypatch.setattr(detector, "detect", fail)
    with pytest.raises(RuntimeError):
        detect(pictures, "--out", tmp_path / "out")
    assert (tmp_path / "out" / "faces.csv").read_text() == before
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["faces.csv"]


def test_drawing_does_not_touch_the_picture():
    image = np.zeros((60, 64), np.uint16)
    faces = [Face(np.array([-20, 10, 90, 50], np.float32), 0.5)]
    drawn = annotated(image, faces)
    assert drawn.shape == (60, 64, 3) and drawn.dtype == np.uint8 and drawn.any()
    assert not image.any()

"""The stage: which captures are read again, and which are known from an earlier run."""

import os
import shutil
from pathlib import Path

import cv2
import pytest

from psface.captures.capture import Capture
from psface.captures.capture_table import read_captures
from psface.captures.checks import check_capture
from psface.errors import UserError
from stages.ingest import ingest
from tests.written_captures import settle, write_capture, write_landmarks

pytestmark = pytest.mark.usefixtures("one_process")


class Archive:
    """Three captures that have not changed for an hour, and what ``ingest`` reads of them."""

    def __init__(self, tmp_path: Path, settings, monkeypatch) -> None:
        self.root = tmp_path / "root"
        self.table = tmp_path / "data" / "sessions.parquet"
        self.rejected = tmp_path / "data" / "rejected.csv"
        self.index = tmp_path / "data" / "sessions.index"
        self.params = settings.ingest.model_copy(
            update={"source": "photoface", "root": str(self.root)}
        )
        self.read: list[str] = []
        monkeypatch.setattr("stages.ingest.check_capture", self._check)
        for seed, name in enumerate("abc"):
            write_capture(self.root / "1001" / name, seed)
        settle(self.root)

    def _check(self, capture, limits):
        self.read.append(capture.name)
        return check_capture(capture, limits)

    def ingest(self, **changes) -> str:
        """The names of the captures that were read, and after a slash of those refused."""
        self.read.clear()
        params = self.params.model_copy(update=changes)
        _, _, refused = ingest(params, 1, self.table, self.rejected)
        return "".join(sorted(self.read)) + "/" + "".join(sorted(item.name for item in refused))

    def captures(self) -> dict[str, Capture]:
        return {capture.name: capture for capture in read_captures(self.table)}

    def frame(self, name: str, number: int = 2) -> Path:
        return self.root / "1001" / name / f"im{number}.bmp"


@pytest.fixture
def archive(tmp_path, settings, monkeypatch) -> Archive:
    archive = Archive(tmp_path, settings, monkeypatch)
    assert archive.ingest() == "abc/"
    return archive


def dim(path: Path, age: float = 1800) -> None:
    """Change a frame, half an hour ago; its size stays."""
    size = path.stat().st_size
    cv2.imwrite(str(path), cv2.imread(str(path), cv2.IMREAD_UNCHANGED) // 2)
    assert path.stat().st_size == size
    settle(path.parent, age)


def test_nothing_is_read_twice(archive):
    table, rejected = archive.table.read_bytes(), archive.rejected.read_bytes()
    assert archive.ingest() == "/"
    assert (archive.table.read_bytes(), archive.rejected.read_bytes()) == (table, rejected)


def test_an_added_capture_alone_is_read(archive):
    write_capture(archive.root / "1002" / "d", 3)
    assert archive.ingest() == "d/"
    assert list(archive.captures()) == ["a", "b", "c", "d"]


def test_the_tables_are_those_of_reading_everything(archive):
    write_capture(archive.root / "1000" / "d", 3)
    dim(archive.frame("b"))
    archive.frame("c").unlink()
    archive.ingest()
    before = archive.table.read_bytes(), archive.rejected.read_bytes()
    archive.index.unlink()
    assert archive.ingest() == "abd/c"
    assert (archive.table.read_bytes(), archive.rejected.read_bytes()) == before


def test_a_removed_capture_is_gone(archive):
    shutil.rmtree(archive.root / "1001" / "b")
    assert archive.ingest() == "/"
    assert list(archive.captures()) == ["a", "c"]


def test_a_renamed_capture_is_read_under_its_new_name(archive):
    digest = archive.captures()["b"].digest
    (archive.root / "1001" / "b").rename(archive.root / "1001" / "e")
    assert archive.ingest() == "e/"
    assert archive.captures()["e"].digest == digest


def test_a_changed_frame_is_read(archive):
    digest = archive.captures()["b"].digest
    dim(archive.frame("b"))
    assert archive.ingest() == "b/"
    assert archive.captures()["b"].digest != digest


def test_a_capture_replaced_by_another_of_its_name_is_read(archive):
    digests = {name: capture.digest for name, capture in archive.captures().items()}
    first, second = archive.root / "1001" / "a", archive.root / "1001" / "b"
    first.rename(archive.root / "away")
    second.rename(first)
    (archive.root / "away").rename(second)
    assert archive.ingest() == "ab/"
    after = {name: capture.digest for name, capture in archive.captures().items()}
    assert after == {"a": digests["b"], "b": digests["a"], "c": digests["c"]}


def test_swapped_frames_of_one_size_and_time_are_read(archive):
    first, second = archive.frame("a", 0), archive.frame("a", 1)
    assert first.stat().st_mtime_ns == second.stat().st_mtime_ns
    first.rename(first.with_name("away"))
    second.rename(first)
    first.with_name("away").rename(second)
    assert archive.ingest() == "a/"


def test_a_touched_capture_is_read_and_the_same(archive):
    table = archive.table.read_bytes()
    settle(archive.root / "1001" / "b", 1800)
    assert archive.ingest() == "b/"
    assert archive.table.read_bytes() == table
    assert archive.ingest() == "/"


def test_a_file_that_may_still_change_is_read_again(archive):
    frame = archive.frame("b")
    frame.write_bytes(frame.read_bytes())
    assert archive.ingest() == "b/" and archive.ingest() == "b/"
    settle(frame.parent)
    assert archive.ingest() == "b/" and archive.ingest() == "/"


def test_what_only_the_content_tells_is_found_when_asked(archive):
    frame = archive.frame("b")
    stat = frame.stat()
    image = cv2.imread(str(frame), cv2.IMREAD_UNCHANGED) // 2
    with frame.open("r+b") as file:  # the same file, its size and its time
        file.write(cv2.imencode(".bmp", image)[1].tobytes())
    os.utime(frame, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    digest = archive.captures()["b"].digest
    assert archive.ingest() == "/"
    assert archive.ingest(compare="content") == "abc/"
    assert archive.captures()["b"].digest != digest
    assert archive.ingest() == "/" and archive.captures()["b"].digest != digest


def test_labels_and_landmarks_are_read_every_time(archive):
    labels = archive.root / "1001" / "c" / "metadataII.txt"
    labels.write_text(labels.read_text().replace("male", "female"))
    assert archive.ingest() == "/"
    assert archive.captures()["c"].attributes["gender"] == "female"
    write_landmarks(archive.root / "1001" / "a")
    assert archive.ingest() == "a/"
    assert archive.captures()["a"].landmarks is not None


def test_changed_lights_are_checked(archive):
    lights = archive.root / "1001" / "c" / "LightSource.m"
    lights.write_text(lights.read_text().replace("90-35.264", "90-0.5"))
    assert archive.ingest() == "c/c"


@pytest.mark.parametrize(
    ("change", "read"),
    [
        ({"max_condition": 30.0}, "abc/"),
        ({"min_brightness": 0.95}, "abc/abc"),
        ({"bits": 12}, "abc/"),
        ({"max_pixels": 1000}, "abc/abc"),
        ({"yale": None}, "/"),  # not a limit
    ],
    ids=str,
)
def test_other_limits_are_applied_to_all(archive, change, read):
    if read.endswith("abc"):
        with pytest.raises(UserError, match="none of 3 captures can be used"):
            archive.ingest(**change)
        assert len(archive.read) == 3
    else:
        assert archive.ingest(**change) == read
    archive.ingest()
    assert archive.ingest() == "/"


def test_other_code_checks_all(archive, monkeypatch):
    monkeypatch.setattr("psface.captures.checked_before.code_digest", lambda module: "other")
    assert archive.ingest() == "abc/"
    assert archive.ingest() == "/"


def test_a_refused_capture_is_read_again(archive):
    """Its files may be as they were: what was wrong may be the network, or a permission."""
    frame = archive.frame("b")
    data = frame.read_bytes()
    frame.write_bytes(data[:200])
    settle(frame.parent)
    assert archive.ingest() == "b/b" and archive.ingest() == "b/b"
    frame.write_bytes(data)
    assert archive.ingest() == "b/"


def test_a_mask_and_an_ambient_frame_count(archive):
    folder = archive.root / "1001" / "a"
    cv2.imwrite(str(folder / "mask.png"), cv2.imread(str(archive.frame("a"))) * 0 + 255)
    settle(folder)
    assert archive.ingest() == "a/" and archive.ingest() == "/"
    settle(folder, 1800)
    assert archive.ingest() == "a/"
    (folder / "mask.png").unlink()
    assert archive.ingest() == "a/"


def test_a_damaged_index_is_told_of_and_costs_time_alone(archive, capsys):
    table = archive.table.read_bytes()
    archive.index.write_bytes(b"damaged" * 1000)
    assert archive.ingest() == "abc/"
    assert f"{archive.index}: damaged; everything is read again" in capsys.readouterr().err
    assert archive.table.read_bytes() == table
    assert archive.ingest() == "/"


def test_a_stopped_run_has_not_read_in_vain(archive, monkeypatch):
    archive.index.unlink()
    with monkeypatch.context() as patch:
        patch.setattr("stages.ingest.check_capture", stopping_at("c"))
        with pytest.raises(KeyboardInterrupt):
            archive.ingest()
    assert archive.ingest() == "c/"


def stopping_at(name: str):
    def check(capture, limits):
        if capture.name == name:
            raise KeyboardInterrupt
        return check_capture(capture, limits)

    return check


def test_linked_captures_are_known_by_what_they_are(archive, tmp_path):
    shutil.move(archive.root / "1001" / "b", tmp_path / "elsewhere")
    (archive.root / "1001" / "b").symlink_to(tmp_path / "elsewhere")
    assert archive.ingest() == "/"
    dim(tmp_path / "elsewhere" / "im2.bmp")
    assert archive.ingest() == "b/"


def test_many_captures_are_taken_in_parts(archive, monkeypatch):
    table = archive.table.read_bytes()
    monkeypatch.setattr("stages.ingest.AT_ONCE", 2)
    dim(archive.frame("a"))
    assert archive.ingest() == "a/"
    assert list(archive.captures()) == ["a", "b", "c"] and archive.table.read_bytes() != table

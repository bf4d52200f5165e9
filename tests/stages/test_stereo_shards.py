"""The stages stereo and crop with maps in shards: what is computed, kept, moved and repaired."""

import shutil
from pathlib import Path

import cv2
import pytest

import stages.stereo
from psface.errors import UserError
from psface.report.found_capture import read_shown
from psface.stereo.map_folder import MapFolder
from psface.stereo.map_shards import shard_of, shards_in
from stages.crop import crop
from stages.ingest import ingest
from tests.written_captures import settle, write_capture, write_landmarks

pytestmark = pytest.mark.usefixtures("one_process")

NAMES = ("1001/a", "1001/b", "1002/c", "1004/d")  # in both of two shards


class Pipeline:
    """ingest and stereo on hand-written captures."""

    def __init__(self, folder: Path, settings, shards: int) -> None:
        self.settings, self.shards = settings, shards
        self.root, self.out = folder / "root", folder / "data" / "stereo"
        self.table = folder / "data" / "sessions.parquet"
        for seed, name in enumerate(NAMES):
            self.add(name, seed)

    def add(self, name: str, seed: int) -> None:
        write_landmarks(write_capture(self.root / name, seed))

    def run(self) -> tuple[int, int, int]:
        self.ingest()
        return self.stereo()

    def ingest(self) -> None:
        params = self.settings.ingest.model_copy(
            update={"source": "photoface", "root": str(self.root)}
        )
        settle(self.root)
        ingest(params, 1, self.table, self.table.with_name("rejected.csv"))

    def stereo(self) -> tuple[int, int, int]:
        params, report = self.settings.stereo, self.table.with_name("stereo.json")
        return stages.stereo.stereo(params, self.table, self.out, report, self.shards)[:3]

    def content(self) -> dict[str, bytes]:
        paths = [path for path in self.out.rglob("*") if path.is_file()]
        return {path.relative_to(self.out).as_posix(): path.read_bytes() for path in paths}

    def zips(self) -> dict[str, int]:
        return {path.name: path.stat().st_mtime_ns for path in shards_in(self.out)}

    def faces(self, folder: Path) -> dict[str, bytes]:
        crop(
            self.settings.crop, self.table, self.out, folder / "faces",
            folder / "faces.png", folder / "trust.png", folder / "views",
        )  # fmt: skip
        return {path.name: path.read_bytes() for path in sorted((folder / "faces").iterdir())}


@pytest.fixture
def pipeline(tmp_path, settings) -> Pipeline:
    return Pipeline(tmp_path, settings, shards=2)


@pytest.fixture
def nothing_is_read(monkeypatch):
    monkeypatch.setattr(MapFolder, "maps", lambda _, key: pytest.fail(f"{key} was read"))


def test_maps_lie_in_shards(pipeline):
    assert pipeline.run() == (4, 0, 0)
    assert pipeline.content().keys() == {
        "maps-0-of-2.zip", "maps-1-of-2.zip", "trust.csv", "failures.csv"
    }  # fmt: skip
    assert all(MapFolder(pipeline.out).maps(name).mask.any() for name in NAMES)


def test_a_second_run_computes_and_reads_nothing(pipeline, nothing_is_read):
    pipeline.run()
    before, times = pipeline.content(), pipeline.zips()
    assert pipeline.run() == (0, 4, 0)
    assert pipeline.content() == before and pipeline.zips() == times


def test_a_capture_added_writes_its_shard_alone(pipeline, nothing_is_read, monkeypatch):
    pipeline.run()
    before, times = pipeline.content(), pipeline.zips()
    pipeline.add("1001/e", 7)
    monkeypatch.setattr("stages.stereo.damaged_members", lambda p: pytest.fail(f"{p} was read"))
    assert pipeline.run() == (1, 4, 0)
    assert {n for n, time in pipeline.zips().items() if time != times[n]} == {shard_of("1001/", 2)}
    assert pipeline.run() == (0, 5, 0)
    shutil.rmtree(pipeline.root / "1001" / "e")
    assert pipeline.run() == (0, 4, 0) and pipeline.content() == before


@pytest.mark.parametrize("shards", [0, 1, 5])
def test_another_number_moves_maps_and_computes_nothing(pipeline, nothing_is_read, shards):
    pipeline.run()
    before = pipeline.content()
    pipeline.shards = shards
    assert pipeline.run() == (0, 4, 0) and pipeline.run() == (0, 4, 0)
    assert MapFolder(pipeline.out).counts == ((shards,) if shards else ())
    pipeline.shards = 2
    assert pipeline.run() == (0, 4, 0) and pipeline.content() == before


def test_files_of_a_run_that_was_killed_are_kept(pipeline, monkeypatch):
    """Computed, but not yet in a shard."""
    monkeypatch.setattr("stages.stereo.arranged", lambda *_: pytest.fail("killed"))
    with pytest.raises(pytest.fail.Exception, match="killed"):
        pipeline.run()
    assert len(list(pipeline.out.glob("*/*.exr"))) == 4
    monkeypatch.undo()
    assert pipeline.run() == (0, 4, 0)
    assert len(shards_in(pipeline.out)) == 2 and not list(pipeline.out.glob("*/*.exr"))


@pytest.mark.parametrize("data", [b"", b"no zip", None], ids=["empty", "no zip", "cut"])
def test_captures_of_a_damaged_shard_are_computed_again(pipeline, data):
    pipeline.run()
    before = pipeline.content()
    shard = pipeline.out / shard_of("1001/", 2)
    shard.write_bytes(shard.read_bytes()[:-50] if data is None else data)
    inside = sum(shard_of(name, 2) == shard.name for name in NAMES)
    assert pipeline.run() == (inside, 4 - inside, 0)
    assert pipeline.content() == before


def test_a_damaged_capture_in_a_shard_is_computed_again(pipeline):
    pipeline.run()
    before = pipeline.content()
    shard = pipeline.out / shard_of("1001/", 2)
    data = bytearray(shard.read_bytes())
    data[data.index(b"1001/b.exr") + 4000] ^= 1
    shard.write_bytes(data)
    assert pipeline.run() == (1, 3, 0)
    assert pipeline.content() == before


def test_shards_of_another_time_are_checked_once(pipeline, nothing_is_read, monkeypatch):
    """As after `dvc checkout`."""
    pipeline.run()
    read, damaged = [], stages.stereo.damaged_members
    monkeypatch.setattr(
        "stages.stereo.damaged_members", lambda path: read.append(path.name) or damaged(path)
    )
    shard = pipeline.out / shard_of("1001/", 2)
    shutil.copyfile(shard, shard.with_name("away"))
    shard.with_name("away").replace(shard)
    assert pipeline.run() == (0, 4, 0) and read == [shard.name]
    assert pipeline.run() == (0, 4, 0) and read == [shard.name]


def test_shards_are_kept_without_their_index(pipeline):
    pipeline.run()
    pipeline.out.with_name("stereo.index").unlink()
    assert pipeline.run() == (0, 4, 0)


def test_a_capture_that_fails_leaves_its_shard(pipeline):
    pipeline.run()
    frame = pipeline.root / "1001" / "b" / "im1.bmp"
    cv2.imwrite(str(frame), cv2.imread(str(frame)) // 2)
    pipeline.ingest()
    frame.unlink()
    assert pipeline.stereo() == (0, 3, 1)
    folder = MapFolder(pipeline.out)
    assert folder.stamp("1001/b") is None and folder.stamp("1001/a")


def test_crops_are_the_same_from_files_and_from_shards(pipeline, tmp_path):
    pipeline.run()
    packed = pipeline.faces(tmp_path / "packed")
    pipeline.shards = 0
    pipeline.run()
    assert pipeline.faces(tmp_path / "files") == packed


def test_crops_are_kept_when_maps_move(pipeline, tmp_path, monkeypatch):
    pipeline.run()
    before = pipeline.faces(tmp_path / "crops")
    pipeline.shards = 3
    pipeline.run()
    monkeypatch.setattr("stages.crop.packed_crop", lambda c, **_: pytest.fail(f"{c.key} cut"))
    assert pipeline.faces(tmp_path / "crops") == before


def test_a_damaged_shard_is_named_by_crop(pipeline, tmp_path):
    pipeline.run()
    shard = pipeline.out / shard_of("1001/", 2)
    shard.write_bytes(b"no zip")
    pipeline.faces(tmp_path)
    failures = (tmp_path / "faces" / "failures.csv").read_text().splitlines()[1:]
    assert failures and all(f"{shard.name}: not a readable shard" in line for line in failures)


def test_a_packed_capture_is_viewed_by_the_name_of_its_file(pipeline):
    pipeline.run()
    shown = read_shown(pipeline.out / "1001" / "a.exr")
    assert shown.name == "1001/a" and shown.maps.mask.any() and len(shown.lights) == 4
    with pytest.raises(UserError, match=r"none\.exr"):
        read_shown(pipeline.out / "1001" / "none.exr")
    (pipeline.out / shard_of("1001/", 2)).write_bytes(b"no zip")
    with pytest.raises(UserError, match=r"not a readable shard of maps"):
        read_shown(pipeline.out / "1001" / "a.exr")

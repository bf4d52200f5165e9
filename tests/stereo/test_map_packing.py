"""Maps move between files and shards, or from some shards to others, and nothing is lost."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import psface.stereo.map_packing as packing
from psface.errors import UserError
from psface.stereo.map_files import Maps, read_maps, write_maps
from psface.stereo.map_folder import MapFolder
from psface.stereo.map_packing import arranged
from psface.stereo.map_shards import shard_of, shards_in
from tests.shapes import sphere

pytestmark = pytest.mark.usefixtures("one_process")

KEYS = [
    f"{person}/{name}"
    for person in ("anna", "bert", "carl", "dora", "jule", "mara")
    for name in "ab"
]


def maps_of(key: str) -> Maps:
    normal, depth, mask = sphere(16, 6)
    planes = (np.asarray(plane, np.float32) for plane in (normal, mask * 0.5, depth))
    return Maps(*planes, mask, None, {"fingerprint": key})


def write(folder: Path, keys=KEYS) -> MapFolder:
    for key in keys:
        write_maps(folder / f"{key}.exr", maps_of(key))
    return MapFolder(folder)


def content(folder: Path) -> dict[str, bytes]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def all_there(folder: MapFolder, keys=KEYS) -> bool:
    return all(
        folder.maps(key).notes["fingerprint"] == folder.notes(key)["fingerprint"] == key
        for key in keys
    )


def test_maps_are_the_same_from_a_file_and_from_a_shard(tmp_path):
    folder = write(tmp_path)
    before = {key: folder.maps(key) for key in KEYS}
    packed = arranged(folder, KEYS, 3)
    assert all(path.suffix == ".zip" for path in tmp_path.iterdir())
    for key, maps in before.items():
        found = packed.maps(key)
        for name in ("normal", "albedo", "depth", "mask"):
            assert np.array_equal(getattr(found, name), getattr(maps, name))
        assert found.notes == maps.notes and packed.shard_with(key) is not None


def test_maps_move_back_and_forth(tmp_path):
    folder = write(tmp_path)
    files = content(tmp_path)
    found = {}
    for count in (3, 1, 0, 16, 3, 0):
        folder = arranged(folder, KEYS, count)
        assert folder.counts == ((count,) if count else ()) and all_there(folder)
        found.setdefault(count, content(tmp_path))
        assert content(tmp_path) == found[count]  # whatever was before
    assert content(tmp_path) == files


def test_captures_added_and_removed_leave_no_trace(tmp_path):
    at_once = content(arranged(write(tmp_path / "1"), KEYS, 3).path)
    folder = arranged(write(tmp_path / "2", KEYS[:5]), KEYS[:5], 3)
    write(folder.path, KEYS[5:])
    assert content(arranged(folder, KEYS, 3).path) == at_once
    more = [*KEYS, "emil/a"]
    folder = arranged(write(folder.path, ["emil/a"]), more, 3)
    assert content(folder.path) != at_once
    assert content(arranged(folder, KEYS, 3).path) == at_once


def test_a_capture_added_changes_one_shard(tmp_path):
    folder = arranged(write(tmp_path), KEYS, 3)
    times = {path: path.stat().st_mtime_ns for path in shards_in(tmp_path)}
    write(tmp_path, ["emil/a"])
    folder = arranged(folder, [*KEYS, "emil/a"], 3)
    changed = {p.name for p in shards_in(tmp_path) if p.stat().st_mtime_ns != times.get(p)}
    assert changed == {shard_of("emil/a", 3)} and all_there(folder, [*KEYS, "emil/a"])


def test_a_newer_file_takes_the_place_of_a_member(tmp_path):
    folder = arranged(write(tmp_path), KEYS, 2)
    newer = replace(maps_of("anna/a"), notes={"fingerprint": "newer"})
    write_maps(tmp_path / "anna" / "a.exr", newer)
    assert folder.notes("anna/a") == {**folder.notes("anna/a"), "fingerprint": "newer"}
    folder = arranged(folder, KEYS, 2)
    assert folder.maps("anna/a").notes["fingerprint"] == "newer"
    assert not (tmp_path / "anna").exists() and all_there(folder, KEYS[1:])


@pytest.mark.parametrize("counts", [(0, 3), (3, 0), (3, 5), (5, 3)], ids=str)
@pytest.mark.parametrize("done", range(3))
def test_a_kill_at_any_shard_loses_nothing(tmp_path, monkeypatch, counts, done):
    """Before a shard, and after it is in place but what it took in is not removed."""
    folder = write(tmp_path / "maps")
    folder = arranged(folder, KEYS, counts[0])
    wanted = content(arranged(write(tmp_path / "other"), KEYS, counts[1]).path)
    name = "_pack" if counts[1] else "_unpack"
    whole, calls = getattr(packing, name), []

    def killed(share, folder):
        if len(calls) == done:
            (folder.path / f".partial-1@elsewhere-{share.shard.name}").write_bytes(b"PK half")
            raise KeyboardInterrupt
        calls.append(share)
        before = content(folder.path)
        whole(share, folder)
        for file, data in before.items():  # as if killed before they were removed
            if file.endswith(".exr"):
                (folder.path / file).parent.mkdir(exist_ok=True)
                (folder.path / file).write_bytes(data)

    monkeypatch.setattr(packing, name, killed)
    with pytest.raises(KeyboardInterrupt):
        arranged(folder, KEYS, counts[1])
    monkeypatch.setattr(packing, name, whole)
    folder = MapFolder(folder.path)
    assert all_there(folder)
    assert content(arranged(folder, KEYS, counts[1]).path) == wanted


def test_an_old_shard_of_another_number_is_not_taken_for_the_new(tmp_path):
    """Left by a run that was killed while it moved maps, before others were computed."""
    folder = arranged(write(tmp_path), KEYS, 3)
    old = {path: path.read_bytes() for path in shards_in(tmp_path)}
    newer = replace(maps_of("anna/a"), notes={"fingerprint": "newer"})
    write_maps(tmp_path / "anna" / "a.exr", newer)
    arranged(folder, KEYS, 2)
    for path, data in old.items():
        path.write_bytes(data)
    folder = MapFolder(tmp_path)
    assert folder.counts == (2, 3) and folder.notes("anna/a")["fingerprint"] == "newer"
    folder = arranged(folder, KEYS, 3)
    assert folder.counts == (3,) and folder.maps("anna/a").notes["fingerprint"] == "newer"


def test_a_damaged_shard_is_written_again_from_what_is_there(tmp_path):
    folder = arranged(write(tmp_path), KEYS, 1)
    (shard,) = shards_in(tmp_path)
    whole = shard.read_bytes()
    shard.write_bytes(whole[:-30])
    with pytest.raises(UserError, match=r"maps-0-of-1\.zip: not a readable shard"):
        folder.maps("anna/a")
    assert folder.notes("anna/a") == {} and folder.stamp("anna/a") is None
    write(tmp_path)  # computed again
    arranged(folder, KEYS, 1)
    assert shard.read_bytes() == whole


def test_no_map_is_moved_that_is_damaged(tmp_path):
    folder = arranged(write(tmp_path), KEYS, 1)
    (shard,) = shards_in(tmp_path)
    at = shard.read_bytes().index(b"dora/b.exr")
    data = bytearray(shard.read_bytes())
    data[at + 400] ^= 1
    shard.write_bytes(data)
    with pytest.raises(UserError, match=r"maps-0-of-1\.zip: .*dora/b\.exr does not match"):
        arranged(folder, KEYS, 0)
    assert shard.read_bytes() == data  # what is not in a file yet is still there


def test_maps_that_are_missing_are_refused(tmp_path):
    folder = arranged(write(tmp_path), KEYS, 2)
    with pytest.raises(UserError, match=r"emil/a\.exr: No such file"):
        arranged(folder, [*KEYS, "emil/a"], 2)
    with pytest.raises(UserError, match=r"emil/a\.exr"):
        folder.maps("emil/a")
    assert folder.notes("emil/a") == {} and folder.stamp("emil/a") is None


def test_a_stamp_in_a_shard_is_of_its_own_capture(tmp_path):
    folder = arranged(write(tmp_path), KEYS, 1)
    before = folder.stamp("anna/a")
    folder = arranged(folder, KEYS[:3], 1)
    assert folder.stamp("anna/a") == before is not None
    newer = replace(maps_of("anna/a"), albedo=maps_of("anna/a").albedo * 0.5)
    write_maps(tmp_path / "anna" / "a.exr", newer)
    assert arranged(folder, KEYS[:3], 1).stamp("anna/a") != before


def test_a_folder_without_shards_reads_files(tmp_path):
    folder = write(tmp_path, ["anna/a"])
    assert folder.counts == () and folder.stamp("anna/a") and folder.shard_with("anna/a") is None
    assert folder.data("anna/a") == (tmp_path / "anna" / "a.exr").read_bytes()
    assert read_maps(tmp_path / "anna" / "a.exr").notes == folder.maps("anna/a").notes

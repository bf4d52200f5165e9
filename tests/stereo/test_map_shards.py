"""Zip files of many map files: standard, without history, and damage is found."""

import zipfile

import pytest

from psface.errors import UserError
from psface.stereo.map_shards import (
    damaged_members,
    directory,
    read_member,
    shard_name,
    shard_of,
    write_shard,
)

FILES = {f"{person}/{n}": f"{person} {n}".encode() * 100 for person in "äb" for n in range(3)}


@pytest.fixture
def shard(tmp_path):
    write_shard(tmp_path / "maps-0-of-1.zip", FILES, FILES.__getitem__)
    return tmp_path / "maps-0-of-1.zip"


def test_any_program_reads_a_shard(shard, tmp_path):
    with zipfile.ZipFile(shard) as packed:
        assert packed.testzip() is None
        assert packed.namelist() == [f"{key}.exr" for key in sorted(FILES)]
        assert {packed.read(f"{key}.exr") for key in FILES} == set(FILES.values())
        assert {info.compress_type for info in packed.infolist()} == {zipfile.ZIP_STORED}


def test_members_are_read_back(shard):
    assert directory(shard).keys() == FILES.keys()
    assert {key: read_member(shard, key) for key in FILES} == FILES
    assert damaged_members(shard) == set()


def test_the_order_of_writing_does_not_show(shard):
    before = shard.read_bytes()
    write_shard(shard, reversed(list(FILES)), FILES.__getitem__)
    assert shard.read_bytes() == before


def test_a_shard_that_cannot_be_written_leaves_the_one_before(shard):
    before = shard.read_bytes()

    def data_of(key):
        if key == "b/1":
            raise UserError("b/1 is lost")
        return FILES[key]

    with pytest.raises(UserError, match="b/1 is lost"):
        write_shard(shard, FILES, data_of)
    assert shard.read_bytes() == before and list(shard.parent.iterdir()) == [shard]


def test_a_person_is_in_one_shard_and_people_are_spread():
    assert len({shard_of(f"anna/{n}", 16) for n in range(50)}) == 1
    names = [shard_of(f"{n}/a", 16) for n in range(1600)]
    assert {names.count(shard_name(n, 16)) > 60 for n in range(16)} == {True}
    assert shard_name(3, 16) == "maps-03-of-16.zip" and shard_name(0, 1) == "maps-0-of-1.zip"
    assert shard_of("anna/monday", 16) == "maps-14-of-16.zip"  # on every machine


def test_a_version_written_later_is_noticed(shard):
    assert "c/1" not in directory(shard)
    write_shard(shard, ["c/1"], lambda _: b"new")
    assert directory(shard).keys() == {"c/1"} and read_member(shard, "c/1") == b"new"


@pytest.mark.parametrize("data", [b"", b"no zip", None], ids=["empty", "no zip", "cut"])
def test_a_damaged_shard_is_refused(shard, data):
    shard.write_bytes(shard.read_bytes()[:-40] if data is None else data)
    with pytest.raises(UserError, match=r"maps-0-of-1\.zip: not a readable shard .*; remove") as e:
        read_member(shard, "b/1")
    assert "\n" not in str(e.value) and damaged_members(shard) == set()


def test_a_damaged_member_is_named_and_the_others_are_read(shard):
    shard.write_bytes(shard.read_bytes().replace(b"b 1b 1", b"b 1c 1", 1))
    with pytest.raises(UserError, match=r"maps-0-of-1\.zip: .*b/1\.exr does not match"):
        read_member(shard, "b/1")
    assert damaged_members(shard) == {"b/1"} and read_member(shard, "b/2") == FILES["b/2"]


def test_a_member_that_is_not_where_the_directory_says_is_refused(shard):
    data = bytearray(shard.read_bytes())
    data[:2] = b"XX"
    shard.write_bytes(data)
    assert damaged_members(shard) == {sorted(FILES)[0]}


def test_a_compressed_shard_is_refused(shard):
    with zipfile.ZipFile(shard, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("b/1.exr", FILES["b/1"])
    with pytest.raises(UserError, match=r"maps-0-of-1\.zip: .*b/1\.exr is compressed"):
        directory(shard)

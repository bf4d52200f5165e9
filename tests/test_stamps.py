"""When files count as changed, by size, time and number alone."""

import os
import time
from pathlib import Path

import pytest

from psface.stamps import list_files, stamp_of
from tests.written_captures import settle

YEAR = 365 * 86400


@pytest.fixture
def folder(tmp_path) -> Path:
    for name in ("a/0.bmp", "a/1.bmp", "b/0.bmp", "manifest.csv"):
        path = tmp_path / "root" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    settle(tmp_path)
    return tmp_path / "root"


def rewrite(path: Path, data: bytes, age: float) -> None:
    path.write_bytes(data)
    os.utime(path, (time.time() - age,) * 2)


def swap(folder: Path) -> None:
    """Exchange two frames of one size and one time, as an archive without fractions has them."""
    first, second = folder / "a" / "0.bmp", folder / "a" / "1.bmp"
    first.rename(folder / "third")
    second.rename(first)
    (folder / "third").rename(second)


CHANGES = {
    "nothing": lambda folder: None,
    "read": lambda folder: (folder / "a" / "0.bmp").read_bytes(),
    "another size": lambda folder: rewrite(folder / "a" / "0.bmp", b"longer!", 3600),
    "another time": lambda folder: rewrite(folder / "a" / "0.bmp", b"a/0.bmP", 1800),
    "touched": lambda folder: os.utime(folder / "a" / "0.bmp", (0, 1800)),
    "swapped": swap,
    "removed": lambda folder: (folder / "a" / "0.bmp").unlink(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_stamp_changes_with_its_files(folder, change):
    files = [folder / "a" / "0.bmp", folder / "a" / "1.bmp"]
    before = stamp_of(files)
    CHANGES[change](folder)
    assert (stamp_of(files) == before) == (change in ("nothing", "read"))


def test_a_file_that_appears_changes_the_stamp(folder):
    missing = folder / "a" / "2.bmp"
    before = stamp_of([missing])
    rewrite(missing, b"", 3600)
    assert before is not None and stamp_of([missing]) not in (None, before)


@pytest.mark.parametrize(
    ("age", "fresh"), [(0, True), (1, True), (10, False), (-600, True), (-2 * YEAR, False)]
)
def test_a_file_that_may_change_within_the_tick_has_no_stamp(folder, age, fresh):
    path = folder / "a" / "0.bmp"
    rewrite(path, b"a/0.bmp", age)
    assert (stamp_of([path]) is None) == fresh
    assert list_files(folder).is_fresh == fresh
    assert stamp_of([path], ours=True) is not None


@pytest.mark.parametrize("change", CHANGES)
def test_a_listing_changes_with_its_files(folder, change):
    before = list_files(folder).digest
    CHANGES[change](folder)
    assert (list_files(folder).digest == before) == (change in ("nothing", "read"))


def test_a_listing_counts(folder):
    listing = list_files(folder)
    assert (listing.files, listing.bytes, listing.is_fresh) == (4, 33, False)


@pytest.mark.parametrize("name", ["a/2.bmp", "c/0.bmp", ".hidden", "b/\udcff.bmp"])
def test_a_new_file_is_noticed_wherever_it_is(folder, name):
    before = list_files(folder).digest
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    try:
        rewrite(path, b"", 3600)
    except OSError:
        pytest.skip("a file system of UTF-8 names")
    assert list_files(folder).digest != before


def test_a_renamed_folder_is_noticed(folder):
    before = list_files(folder).digest
    (folder / "b").rename(folder / "c")
    assert list_files(folder).digest != before


def test_a_touched_file_is_the_same_by_content_and_a_changed_one_is_not(folder):
    path = folder / "a" / "0.bmp"
    before = list_files(folder, content=True)
    os.utime(path, (0, 1800))
    assert list_files(folder, content=True) == before
    swap(folder)
    swapped = list_files(folder, content=True)
    assert swapped.digest != before.digest
    stat = path.stat()
    path.write_bytes(path.read_bytes()[::-1])  # what nothing but the content tells
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert list_files(folder, content=True).digest != swapped.digest


def test_linked_folders_are_followed(folder, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (folder / "linked").symlink_to(elsewhere)
    before = list_files(folder)
    rewrite(elsewhere / "0.bmp", b"x", 3600)
    after = list_files(folder)
    assert after.files == before.files + 1 and after.digest != before.digest


def test_links_in_circles_and_to_nothing_end(folder):
    (folder / "a" / "up").symlink_to(folder)
    (folder / "a" / "across").symlink_to(folder / "b")
    (folder / "b" / "across").symlink_to(folder / "a")
    (folder / "broken").symlink_to(folder / "nowhere")
    (folder / "itself").symlink_to(folder / "itself")
    assert 6 <= list_files(folder).files < 30
    assert list_files(folder / "nowhere").files == 1

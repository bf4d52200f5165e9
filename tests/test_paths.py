import os
from pathlib import Path

import pytest

from psface.captures.capture import Capture, Refusal
from psface.captures.discovery import find_captures
from psface.captures.layouts.identity_folders import read_folders
from psface.paths import find_path, left_out, listed, one_form, visible

COMPOSED, DECOMPOSED = "Jos\u00e9", "Jose\u0301"
CLUTTER = (
    ".ipynb_checkpoints", ".thumbnails", "@eaDir", "Thumbs.db", "._a.png", "__MACOSX",
    "desktop.ini",
)  # fmt: skip


def test_clutter_is_left_out_and_counted(tmp_path):
    left_out()
    for name in (*CLUTTER, "b", "a.png"):
        (tmp_path / name).mkdir()
    assert [path.name for path in listed(tmp_path)] == ["a.png", "b"]
    assert left_out().startswith(f"{len(CLUTTER)} hidden or thumbnail files and folders left out")
    assert left_out() == ""


def test_every_walker_leaves_it_out(tmp_path):
    for folder in ("an", "an/@eaDir/1.png", "an/.ipynb_checkpoints", "@eaDir/an"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / "1.png").write_bytes(b"")
    found = list(read_folders(tmp_path, None, 0))
    assert [(s.identity, s.name) for s in found] == [("an", "1.png")]
    assert list(find_captures([tmp_path])) == [tmp_path / "an" / "1.png"]


def test_one_person_in_two_forms():
    assert one_form(COMPOSED) == one_form(DECOMPOSED) == COMPOSED
    first, second = (Capture(name, "a", (), None) for name in (COMPOSED, DECOMPOSED))
    assert first.identity == second.identity
    assert Refusal(DECOMPOSED, DECOMPOSED, "").identity == COMPOSED


@pytest.mark.parametrize("written", [COMPOSED, DECOMPOSED])
@pytest.mark.parametrize("stored", [COMPOSED, DECOMPOSED])
def test_a_list_finds_its_file_in_either_form(tmp_path, written, stored):
    path = tmp_path / stored / f"{stored} 1.png"
    path.parent.mkdir()
    path.write_bytes(b"")
    for text in (f"{written}/{written} 1.png", f"{written}\\{written} 1.png"):
        assert path.samefile(find_path(tmp_path, text))


def test_a_backslash_may_be_part_of_a_name(tmp_path):
    (tmp_path / "a\\b.png").write_bytes(b"")
    assert find_path(tmp_path, "a\\b.png") == tmp_path / "a\\b.png"
    assert find_path(tmp_path, "c\\d.png") == tmp_path / "c" / "d.png"


def test_names_that_are_no_text_are_sorted_as_well():
    assert visible(Path("x"), [os.fsdecode(b"\xe9"), "b", "a"])[:2] == ["a", "b"]

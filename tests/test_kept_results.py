"""What is kept between runs, and that nothing else is taken for it."""

import sqlite3

import pytest

from psface.kept_results import NEW_AT_ONCE, KeptResults


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "made" / "some.index"
    with KeptResults(path) as kept:
        for number in range(2 * NEW_AT_ONCE + 1):
            kept.put(f"{number}", f"mark {number}", f"value {number}")
    return path


def found(path, count: int = 2 * NEW_AT_ONCE + 1) -> list[str | None]:
    with KeptResults(path) as kept:
        return [kept.get(f"{number}", f"mark {number}") for number in range(count)]


def test_results_are_kept_by_key_and_mark(path):
    assert found(path) == [f"value {number}" for number in range(2 * NEW_AT_ONCE + 1)]
    with KeptResults(path) as kept:
        assert kept.get("1", "mark 2") is None
        assert kept.get("one", "mark 1") is None


def test_a_new_result_replaces_the_old(path):
    with KeptResults(path) as kept:
        kept.put("1", "mark 1b", "new")
    with KeptResults(path) as kept:
        assert kept.get("1", "mark 1b") == "new" and kept.get("1", "mark 1") is None


def test_without_a_mark_nothing_is_kept(path):
    with KeptResults(path) as kept:
        kept.put("1", None, "new")
        assert kept.get("1", None) is None
        assert kept.get("1", "mark 1") == "value 1"


def test_what_a_finished_run_did_not_ask_for_is_dropped(path):
    found(path, 3)
    assert found(path)[:4] == ["value 0", "value 1", "value 2", None]


def test_a_stopped_run_drops_nothing_and_keeps_what_it_had(path):
    with pytest.raises(KeyboardInterrupt):
        stop_in_the_middle(path)
    with KeptResults(path) as kept:
        assert kept.get("new", "mark") == "value" and kept.get("5", "mark 5") == "value 5"


def stop_in_the_middle(path) -> None:
    with KeptResults(path) as kept:
        kept.get("0", "mark 0")
        kept.put("new", "mark", "value")
        raise KeyboardInterrupt


def test_a_killed_run_keeps_most(path):
    kept = KeptResults(path)
    for number in range(NEW_AT_ONCE + 5):
        kept.put(f"new {number}", "mark", "value")
    kept._base.close()  # as if by the system
    with KeptResults(path) as kept:
        assert kept.get(f"new {NEW_AT_ONCE - 1}", "mark") == "value"


@pytest.mark.parametrize("damage", ["garbage", "cut off", "emptied"])
def test_a_damaged_file_is_told_of_and_begun_again(path, damage, capsys):
    data = path.read_bytes()
    path.write_bytes({"garbage": b"garbage" * 999, "cut off": data[:5000], "emptied": b""}[damage])
    with KeptResults(path) as kept:
        values = [kept.get(f"{number}", f"mark {number}") for number in range(50)]
        kept.put("new", "mark", "value")
    assert values == [None] * 50
    said = capsys.readouterr().err.splitlines()
    assert said == ([f"{path}: damaged; everything is read again"] if damage != "emptied" else [])
    with KeptResults(path) as kept:
        assert kept.get("new", "mark") == "value"


def test_no_flipped_bit_gives_a_wrong_result(path):
    data = bytearray(path.read_bytes())
    for start in range(0, len(data), 97):
        flipped = data.copy()
        flipped[start] ^= 0x15
        path.write_bytes(flipped)
        values = found(path, 60)
        assert all(value in (None, f"value {number}") for number, value in enumerate(values))


def test_a_file_in_use_is_left_alone(path, capsys):
    with KeptResults(path) as first:
        assert first.get("1", "mark 1") == "value 1"
        first.put("new", "mark", "value")
        first._save()
        with KeptResults(path) as second:
            assert second.get("1", "mark 1") is None
            second.put("1", "mark 1", "value 1")
            assert second._base.execute("select count(*) from results").fetchone() == (0,)
    assert "cannot be used (database is locked)" in capsys.readouterr().err
    with KeptResults(path) as third:
        assert third.get("new", "mark") == "value"


def test_a_folder_in_its_place_stops_nothing(tmp_path, capsys):
    with KeptResults(tmp_path) as kept:
        kept.put("key", "mark", "value")
    assert "cannot be used" in capsys.readouterr().err and tmp_path.is_dir()


def test_it_is_sqlite(path):
    with sqlite3.connect(path) as base:
        assert base.execute("select count(*) from results").fetchone() == (2 * NEW_AT_ONCE + 1,)

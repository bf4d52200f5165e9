"""InsightFace's .bin sets: read, or refused without running anything."""

import os
import pickle
import pickletools

import numpy as np
import pytest

from psface.errors import UserError
from psface.recognise.insightface_pairs import read_bin

GOOD = ([b"\xff\xd8one", b"two", b"three", b"four"], [True, False])


def python_2(path):
    """As Python 2 wrote it: strings of bytes by the opcodes for str."""
    body = b"(lp1\n" + b"".join(b"S'%s'\na" % item for item in (b"one", b"two"))
    path.write_bytes(b"(" + body + b"(lp2\nI01\na" + b"tp3\n.")


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_a_set_is_read(tmp_path, protocol):
    path = tmp_path / "lfw.bin"
    path.write_bytes(pickle.dumps(GOOD, protocol))
    assert read_bin(path) == GOOD


def test_a_set_of_python_2_is_read(tmp_path):
    python_2(tmp_path / "old.bin")
    assert read_bin(tmp_path / "old.bin") == ([b"one", b"two"], [True])


class Evil:
    def __reduce__(self):
        return os.mkdir, ("was_run",)


@pytest.mark.parametrize(
    "content",
    [
        Evil(),
        ([Evil()], [True]),
        (np.zeros(3), [True]),
        ([b"a", b"b"], [np.True_]),
        (GOOD[0], slice(1)),
    ],
    ids=["alone", "inside", "array", "numpy boolean", "a class of Python's own"],
)
def test_what_could_run_code_is_refused_unrun(tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "evil.bin").write_bytes(pickle.dumps(content, 4))
    with pytest.raises(UserError, match=r"evil\.bin: refused, "):
        read_bin(tmp_path / "evil.bin")
    assert not (tmp_path / "was_run").exists()


def test_every_opcode_that_names_something_is_refused(tmp_path):
    """GLOBAL, INST, STACK_GLOBAL, EXT and the persistent ids, written by hand."""
    attempts = {
        "global": b"cos\nmkdir\n(S'was_run'\ntR.",
        "inst": b"(S'was_run'\nios\nmkdir\n.",
        "stack": b"\x80\x04\x8c\x02os\x8c\x05mkdir\x93\x8c\x07was_run\x85R.",
        "persistent": b"Pwas_run\n.",
        "binary persistent": b"\x80\x02X\x01\x00\x00\x00aQ.",
        "extension": b"\x80\x02\x82\x01.",
    }
    path = tmp_path / "by_hand.bin"
    for body in attempts.values():
        assert list(pickletools.genops(body))
        path.write_bytes(body)
        with pytest.raises(UserError, match=r"by_hand\.bin: refused"):
            read_bin(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([GOOD[0]], "two lists"),
        ({"a": 1}, "it contains opcode EMPTY_DICT"),
        ((GOOD[0],), "two lists"),
        ((GOOD[0], [True]), "4 pictures for 1 pairs"),
        (([], []), "0 pictures for 0 pairs"),
        ((["text"] * 4, [True, False]), "it contains opcode .*UNICODE"),
        (([1.5] * 4, [True, False]), "not a list of encoded pictures"),
        ((GOOD[0], [b"yes", b"no"]), "not a list of booleans"),
        ((GOOD[0], 5), "not a list of booleans"),
    ],
)
def test_plain_values_that_are_no_set(tmp_path, content, said):
    (tmp_path / "other.bin").write_bytes(pickle.dumps(content))
    with pytest.raises(UserError, match=said):
        read_bin(tmp_path / "other.bin")


def test_a_memo_that_would_fill_the_memory_is_refused(tmp_path):
    path = tmp_path / "big.bin"
    for body in (b"\x80\x02K\x01r\xff\xff\xff\x7f.", b"I1\np2000000000\n."):
        path.write_bytes(body)
        with pytest.raises(UserError, match=r"big\.bin: refused, .*memo of"):
            read_bin(path)


def test_damaged_and_missing_files(tmp_path):
    whole = pickle.dumps(GOOD)
    for body in (whole[:-9], b"", b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f", b"(" * 10_000):
        (tmp_path / "cut.bin").write_bytes(body)
        with pytest.raises(UserError, match=r"cut\.bin: refused"):
            read_bin(tmp_path / "cut.bin")
    with pytest.raises(UserError, match=r"none\.bin: No such file"):
        read_bin(tmp_path / "none.bin")

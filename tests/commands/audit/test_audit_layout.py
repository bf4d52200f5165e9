"""Where files may lie, and what else a folder may hold."""

import os
import unicodedata

import pytest

from psface.commands.audit.data_set import groups_in, walk
from psface.errors import UserError


def touch(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"")


def found(root, params, **options) -> dict:
    return {entry.path: entry for entry in walk(root, params, **options)}


def test_a_proper_data_set(tmp_path, lenient):
    touch(
        tmp_path, "adults/Nguyễn Văn An/a b.JPG", "adults/Nguyễn Văn An/c.png", "children/x/d.tif"
    )
    entries = list(walk(tmp_path, lenient))
    assert not [e for e in entries if e.problem]
    assert [(e.kind, e.group, e.identity) for e in entries] == [
        ("identity", "adults", "Nguyễn Văn An"),
        ("picture", "adults", "Nguyễn Văn An"),
        ("picture", "adults", "Nguyễn Văn An"),
        ("identity", "children", "x"),
        ("picture", "children", "x"),
    ]
    assert [f.verdict for f in groups_in(tmp_path, lenient)] == ["ok", "ok"]


def test_what_lies_where_it_should_not(tmp_path, lenient):
    touch(tmp_path, "top.png", "adults/shallow.png", "adults/an/deep/er.png", "teens/bo/a.png")
    touch(tmp_path, "adults/an/form.pdf", "adults/an/.hidden", "s1/1.pgm", "adults/li\nne/a.png")
    entries = found(tmp_path, lenient)
    problems = {path: e.problem for path, e in entries.items() if e.problem}
    assert problems == {
        "top.png": "not in adults or children",
        "s1/1.pgm": "not in adults or children",
        "teens/bo/a.png": "not in adults or children",
        "adults/shallow.png": "not in an identity's folder",
        "adults/an/deep/er.png": "deeper than an identity's folder",
        "adults/an/form.pdf": "not a picture",
    }
    of = {path: (e.group, e.identity) for path, e in entries.items()}
    assert of["top.png"] == ("", "")
    assert of["s1/1.pgm"] == ("", "s1")
    assert of["teens/bo/a.png"] == ("", "teens/bo")
    assert of["adults/shallow.png"] == ("adults", "")
    assert of["adults/an/deep/er.png"] == of["adults/an"] == ("adults", "an")
    assert of["adults/li\nne/a.png"] == ("adults", "li\nne")
    [adults, children] = groups_in(tmp_path, lenient)
    assert adults.verdict == "ok" and children.verdict == "violation"


def test_links(tmp_path, lenient):
    root, other = tmp_path / "root", tmp_path / "other"
    touch(root, "adults/an/1.png", "adults/bo/1.png")
    touch(other, "2.png")
    (root / "adults/an/loop").symlink_to("..")
    (root / "adults/an/self").symlink_to("self")
    (root / "adults/an/gone.png").symlink_to("nowhere.png")
    (root / "adults/an/link.png").symlink_to("1.png")
    (root / "adults/up").symlink_to(tmp_path)
    (root / "adults/zoe").symlink_to(other)
    (root / "adults/again").symlink_to("bo")
    entries = found(root, lenient)
    problems = {path: e.problem for path, e in entries.items() if e.problem}
    assert problems == {
        "adults/an/loop": "leads to adults: not followed",
        "adults/an/self": "broken link",
        "adults/an/gone.png": "broken link",
        "adults/up": f"leads to {tmp_path}: not followed",
        "adults/bo": "leads to adults/again: not followed",
    }
    assert entries["adults/zoe/2.png"].identity == "zoe"
    assert entries["adults/an/link.png"].kind == "picture"


def test_pipes_are_not_waited_on(tmp_path, lenient):
    touch(tmp_path, "adults/an/1.png")
    os.mkfifo(tmp_path / "adults/an/pipe.png")
    assert found(tmp_path, lenient)["adults/an/pipe.png"].problem == "not a readable file"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_folders_that_cannot_be_listed(tmp_path, lenient):
    touch(tmp_path, "adults/an/1.png", "adults/bo/1.png")
    (tmp_path / "adults/an").chmod(0)
    (tmp_path / "adults/bo").chmod(0o444)
    try:
        entries = found(tmp_path, lenient)
    finally:
        (tmp_path / "adults/an").chmod(0o755)
        (tmp_path / "adults/bo").chmod(0o755)
    assert entries["adults/an"].problem == "cannot be listed: Permission denied"
    assert entries["adults/bo/1.png"].problem == "not a readable file"


def test_a_folder_that_fails_is_said(tmp_path, lenient, monkeypatch):
    touch(tmp_path, "adults/an/1.png", "adults/bo/1.png")
    scandir = os.scandir

    def fails(folder):
        if folder.name == "an":
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr("psface.commands.audit.data_set.os.scandir", fails)
    entries = found(tmp_path, lenient)
    assert entries["adults/an"].problem == "cannot be listed: Permission denied"
    assert entries["adults/bo/1.png"].problem == ""


def test_no_such_folder(tmp_path, lenient):
    touch(tmp_path, "file")
    for name in ("none", "file"):
        with pytest.raises(UserError, match=name):
            list(walk(tmp_path / name, lenient))


def test_names_that_are_no_text(tmp_path, lenient):
    touch(tmp_path, os.fsdecode(b"adults/\xff/\xfe.png"))
    [identity, picture] = walk(tmp_path, lenient)
    assert identity.identity == picture.identity == "\udcff"


def test_accents_in_either_form_are_one_identity(tmp_path, lenient):
    touch(tmp_path, "adults/" + unicodedata.normalize("NFD", "Hồng") + "/a.png")
    [identity, picture] = walk(tmp_path, lenient)
    assert identity.identity == picture.identity == unicodedata.normalize("NFC", "Hồng")


def test_the_metadata_table_is_left_out(tmp_path, lenient):
    touch(tmp_path, "people.csv", "adults/an/people.csv")
    entries = found(tmp_path, lenient, without={(tmp_path / "people.csv").resolve()})
    assert "people.csv" not in entries
    assert entries["adults/an/people.csv"].problem == "not a picture"

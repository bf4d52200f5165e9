"""psface identify --watch: captures are answered as they arrive."""

import csv
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from psface.captures.discovery import find_captures
from psface.commands.identify import COLUMNS
from psface.report.face_table import GrowingTable
from tests.commands.running import psface, refused
from tests.untrained_models import save_untrained, untrained_card

pytestmark = pytest.mark.usefixtures("one_process")
FIGURES = r"similarity (0\.99\d|1\.000), quality \d+\.\d"
LONG = 180  # s, at most: machines may be busy


@pytest.fixture(scope="module")
def known(simulated, settings, tmp_path_factory) -> tuple[object, ...]:
    """Options that name a model and a gallery of four people."""
    out = tmp_path_factory.mktemp("known")
    save_untrained(out / "model", untrained_card(settings, "albedo"))
    options = ("--model", out / "model", "--gallery", out / "g.safetensors")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("psface.parallel.available_cpus", lambda: 1)
        assert psface("enrol", simulated, *options) == 0
    return (*options, "--far", 0.8)


@pytest.fixture
def watched(monkeypatch):
    """``psface identify --watch`` that ends when what is there has been answered."""

    def look_once(folder, limits, rig, without, settle) -> Iterator:
        yield from find_captures([folder], without, rig=rig)
        raise KeyboardInterrupt

    monkeypatch.setattr("psface.recognise.arrivals.arrivals", look_once)

    def run(folder: Path, *options: object) -> int:
        return psface("identify", "--watch", folder, *options)

    return run


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


class Running:
    """The command in a process of its own."""

    def __init__(self, *words: object) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "psface", "identify", *map(str, words)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8",
        )  # fmt: skip
        self.lines: queue.Queue[str] = queue.Queue()
        for stream in (self.process.stdout, self.process.stderr):
            threading.Thread(target=self._read, args=(stream,), daemon=True).start()

    def _read(self, stream) -> None:
        for line in stream:
            self.lines.put(line.rstrip("\n"))

    def line(self) -> str:
        return self.lines.get(timeout=LONG)

    def ended(self, number: int) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=LONG)


def copied_slowly(source: Path, target: Path) -> None:
    """Frame by frame, the last in two halves."""
    target.mkdir(parents=True)
    shutil.copy2(source / "LightSource.m", target)
    for number in range(4):
        content = (source / f"im{number}.bmp").read_bytes()
        half = len(content) // 2 if number == 3 else len(content)
        with (target / f"im{number}.bmp").open("wb", buffering=0) as file:
            file.write(content[:half])
            time.sleep(0.8 if number == 3 else 0.05)
            file.write(content[half:])


def test_a_capture_that_is_copied_slowly_gets_its_name(simulated_captures, known, tmp_path):
    first, second = (Path(simulated_captures[i].frames[0]).parent for i in (2, 4))
    door, out = tmp_path / "door", tmp_path / "out"
    shutil.copytree(first, door / "first")
    command = Running("--watch", door, *known, "--out", out, "--pictures")
    try:
        assert command.line() == f"identify: watching {door}; Ctrl-C ends it"
        answer = command.line()
        assert re.fullmatch(rf".*/door/first: {first.parent.name}, {FIGURES}", answer)
        copied_slowly(second, door / "second")
        answer = command.line()
        assert re.fullmatch(rf".*/door/second: {second.parent.name}, {FIGURES}", answer)
    finally:
        command.ended(signal.SIGKILL)
    assert [Path(row["path"]).name for row in rows(out / "faces.csv")] == ["first", "second"]

    command = Running("--watch", door, *known, "--out", out, "--pictures")
    try:
        assert answer in [command.line() for _ in range(3)]
        until = time.monotonic() + LONG
        while not list(out.rglob("second.png")) and time.monotonic() < until:
            time.sleep(0.05)  # it is drawn after the answer
    finally:
        status = command.ended(signal.SIGINT)
    assert status == 0
    assert command.line().startswith("identify: 2 of 2 faces known at a false accept rate of 0.8")
    assert command.lines.empty()
    found = rows(out / "faces.csv")
    assert [Path(row["path"]).name for row in found] == ["first", "second"] * 2
    assert [row["identity"] for row in found] == [first.parent.name, second.parent.name] * 2
    assert sorted(p.name for p in (out / "pictures").rglob("*.png")) == ["first.png", "second.png"]


def test_doubts_are_told(simulated_captures, known, watched, tmp_path, capsys):
    door, out = tmp_path / "door", tmp_path / "out"
    shutil.copytree(Path(simulated_captures[2].frames[0]).parent, door / "one")
    (door / "one" / "im0.bmp").rename(door / "one" / "x.bmp")
    (door / "one" / "im2.bmp").rename(door / "one" / "im0.bmp")
    (door / "one" / "x.bmp").rename(door / "one" / "im2.bmp")
    assert watched(door, *known, "--out", out) == 0
    answer, summary = capsys.readouterr().out.splitlines()
    assert "; doubt: " in answer and "1 faces" in summary
    [row] = rows(out / "faces.csv")
    assert row["doubts"].partition(": ")[2] in answer


def test_strangers_and_what_cannot_be_used(simulated_captures, known, watched, tmp_path, capsys):
    door, out = tmp_path / "door", tmp_path / "out"
    source = Path(simulated_captures[2].frames[0]).parent
    shutil.copytree(source, door / "one")
    shutil.copy(source / "im0.bmp", door / "loose.bmp")
    assert watched(door, *known[:-1], 0.01, "--out", out) == 0
    said = capsys.readouterr()
    assert f"one: unknown (nearest {source.parent.name}), similarity" in said.out
    assert "identify: 1 faces, 1 not used" in said.out
    assert "all faces are unknown, since the gallery cannot promise" in said.err
    assert "loose.bmp: one picture; the model" in said.err
    assert [bool(row["reason"]) for row in rows(out / "faces.csv")] == [True, False]


def test_nothing_arrived(known, watched, tmp_path, capsys):
    (tmp_path / "door").mkdir()
    assert watched(tmp_path / "door", *known, "--out", tmp_path / "out") == 0
    assert "identify: 0 of 0 faces known" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "match"),
    [
        ((), "Missing argument 'PATH...', or --watch FOLDER."),
        (("--watch",), "Option '--watch' requires an argument"),
        (("a.png", "--watch", "door"), "Give PATH... or --watch, not both"),
        (("--watch", "door", "--format", "json"), "--format json: with --watch"),
        (("a.png", "--settle", "1"), "--settle is for --watch"),
        (("--watch", "door", "--settle", "-1"), "-1.0 is not in the range"),
        (("--watch", "door", "--settle", "nan"), "'nan' is not a number"),
    ],
)
def test_wrong_arguments(words, match, capsys):
    assert psface("identify", *words) == 2
    assert match in " ".join(capsys.readouterr().err.split())


def test_folders_that_cannot_be_watched(known, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    match = "nowhere: no such folder; give --watch the folder in which captures arrive"
    refused(capsys, match, "identify", "--watch", tmp_path / "nowhere", *known)
    refused(capsys, "file: not a folder; give", "identify", "--watch", tmp_path / "file", *known)


def test_a_table_of_another_kind_is_left_alone(known, watched, tmp_path, capsys):
    (tmp_path / "door").mkdir()
    (tmp_path / "faces.csv").write_text("mine,yours\n1,2\n")
    assert watched(tmp_path / "door", *known, "--out", tmp_path) == 1
    assert "has other columns; move it away or give another --out" in capsys.readouterr().err
    assert (tmp_path / "faces.csv").read_text() == "mine,yours\n1,2\n"


def test_a_table_grows_after_a_row_that_was_cut_and_after_it_was_moved_away(tmp_path):
    path = tmp_path / "faces.csv"
    GrowingTable(path, COLUMNS).add({"path": "one"})
    with path.open("ab") as file:
        file.write(b"two,")
    table = GrowingTable(path, COLUMNS)
    table.add({"path": "=three", "identity": os.fsdecode(b"\xe9")})
    assert [row["path"] for row in rows(path)] == ["one", "two", "'=three"]
    path.rename(tmp_path / "yesterday.csv")
    table.add({"path": "four"})
    assert [row["path"] for row in rows(path)] == ["four"]

"""What is left when a run is stopped, killed, or finds no room: nothing half, and what was done."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
import pytest

from psface.disk import MACHINE, check_room
from psface.errors import UserError
from psface.faces.packing import Form, Packable, Packed
from psface.faces.previous_crops import Previous
from psface.files import check_regular, leftovers, replacing
from psface.running import alone, run
from tests.processes import ROOT, gone, needs_proc, running, start

WORK = """
import signal
import time
import click
from psface.parallel import map_in_processes
from psface.running import run
import psface.parallel
psface.parallel.available_cpus = lambda: 2
@click.command()
def main():
    print("begun", flush=True)
    for _ in map_in_processes(time.sleep, [0.2] * 1000, "work"):
        print("one", flush=True)
if __name__ == "__main__":
    run(main, alone_as="work")
"""


@pytest.fixture(autouse=True)
def heard():
    """The tests may run in the background or under nohup, where processes ignore these signals."""
    signals = {signal.SIGINT: signal.default_int_handler, signal.SIGHUP: signal.SIG_DFL}
    before = {sign: signal.signal(sign, handler) for sign, handler in signals.items()}
    yield
    for sign, handler in before.items():
        signal.signal(sign, handler)


@needs_proc
@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGKILL, signal.SIGHUP])
def test_workers_end_with_their_parent(tmp_path, sign):
    process = start(tmp_path, WORK)
    assert len(running(process.pid)) >= 3
    process.send_signal(sign)
    _, said = process.communicate(timeout=30)
    assert process.returncode == (-sign if sign == signal.SIGKILL else 128 + sign)
    assert gone(process.pid) and "Traceback" not in said


@needs_proc
def test_ctrl_c_is_one_line(tmp_path):
    process = start(tmp_path, WORK)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    lines = [line for line in said.replace("\r", "\n").splitlines() if line and "it/s" not in line]
    assert [line for line in lines if not line.startswith("work:")] == [
        "stopped; run the same command again to continue"
    ]
    assert gone(process.pid)


def test_ctrl_c_while_a_command_still_loads_is_one_line(tmp_path):
    code = (
        "import os, signal; from psface.commands import cli; "
        "cli.run = lambda command: os.kill(os.getpid(), signal.SIGINT); cli.main()"
    )
    stopped = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert stopped.stderr == "stopped before it began\n" and stopped.returncode != 0


def test_two_at_once_are_refused(tmp_path):
    process = start(tmp_path, WORK)
    second = subprocess.run(
        [sys.executable, "work.py"], cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False,
    )  # fmt: skip
    assert second.returncode == 1
    assert second.stderr.startswith(f"error: work: process {process.pid} is running it in this")
    process.kill()
    process.communicate(timeout=30)
    third = start(tmp_path, WORK)  # a killed one locks nothing
    third.kill()
    third.communicate(timeout=30)


def test_the_lock_is_gone_afterwards(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with alone("train"):
        assert len(list(tmp_path.iterdir())) == 1
        with alone("crop"):
            pass
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_writer_left_is_cleared(tmp_path):
    path = tmp_path / "a*b.csv"
    dead = tmp_path / f".partial-99999999@{MACHINE}-a*b.csv"
    other, alive = tmp_path / ".partial-99999999-axb.csv", tmp_path / ".partial-1-a*b.csv"
    far = tmp_path / ".partial-99999999@another-a*b.csv"  # nobody here knows if it runs there
    for left in (dead, other, alive, far):
        left.write_text("half")
    assert leftovers(path) == [dead]
    with replacing(path) as partial:
        partial.write_text("whole")
    assert not dead.exists() and all(left.exists() for left in (other, alive, far))
    assert path.read_text() == "whole"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["main"])

    @click.command()
    def main():
        with replacing(Path("out") / "table.csv") as partial:
            partial.symlink_to("/dev/full")
            partial.write_text("x")

    with pytest.raises(SystemExit) as ended:
        run(main)
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith("error: out/table.csv: cannot be written (No space left on device)")
    assert said.count("\n") == 1 and list((tmp_path / "out").iterdir()) == []


def test_whatever_a_library_raises_on_a_full_disk(tmp_path, monkeypatch):
    monkeypatch.setattr("psface.disk.disk_is_full", lambda path: True)
    with pytest.raises(UserError, match="the disk is full"), replacing(tmp_path / "a"):
        raise RuntimeError("unexpected pos 64 vs 0")


def test_other_faults_are_not_taken_for_the_disk(tmp_path):
    with pytest.raises(RuntimeError, match="ours"), replacing(tmp_path / "a"):
        raise RuntimeError("ours")
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "a"):
        (tmp_path / "input").read_bytes()


def test_room_is_looked_for_first(tmp_path):
    check_room(tmp_path / "models", 1000)
    assert list((tmp_path / "models").iterdir()) == []
    with pytest.raises(UserError, match=r"models/room: cannot be written"):
        check_room(tmp_path / "models", 2**60)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written"):
        check_room(tmp_path / "file" / "models", 10)


def test_pipes_and_devices_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    for path in (tmp_path / "pipe.png", Path("/dev/zero")):
        with pytest.raises(UserError, match="a pipe or a device"):
            check_regular(path)
    check_regular(tmp_path / "missing")
    check_regular(tmp_path)


FORM = Form(4, {"raw": 1, "albedo": 2}, ("pose",))


def faces(number: int) -> tuple[Packable, dict[str, str]]:
    rng = np.random.default_rng(number)
    planes = {n: rng.normal(size=FORM.shape(n)).astype(np.float16) for n in FORM.channels}
    row = {"identity": f"p{number}", "session": "s", "fingerprint": f"f{number}"}
    return Packable(
        planes, {"found_on": "raw", "score": 0.5, "landmarks": [1.0] * 10, "trust": ""}
    ), row


def kept(folder: Path, form: Form = FORM) -> set[str]:
    before = Previous(folder, form)
    return {mark for mark in (f"f{number}" for number in range(9)) if mark in before}


def killed_after(folder: Path, numbers: Sequence[int]) -> None:
    packed = Packed(folder, FORM)
    for number in numbers:
        packed.add(*faces(number))
    packed.__exit__(SystemExit)


def test_crops_that_were_made_before_a_kill_are_kept(tmp_path, monkeypatch):
    for process, numbers in ((99999991, (3, 1)), (99999992, (5, 3, 4))):
        monkeypatch.setattr("os.getpid", lambda process=process: process)
        killed_after(tmp_path, numbers)
    monkeypatch.undo()
    journal = tmp_path / f".partial-99999992@{MACHINE}-faces.jsonl"
    journal.write_text(journal.read_text()[:-20])  # cut off in its last line
    before = Previous(tmp_path, FORM)
    assert kept(tmp_path) == {"f1", "f3", "f5"} and before.get("f4") is None
    for number in (1, 3, 5):
        found = before.get(f"f{number}")
        made, _ = faces(number)
        assert all((found.planes[name] == made.planes[name]).all() for name in made.planes)
        assert found.found == made.found
    with Packed(tmp_path, FORM) as packed:
        for number in (1, 3, 5):
            packed.add(*faces(number))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "albedo.npy", "faces.parquet", "raw.npy",
    ]  # fmt: skip
    assert kept(tmp_path) == {"f1", "f3", "f5"}


def test_damaged_leftovers_are_not_used(tmp_path, monkeypatch):
    monkeypatch.setattr("os.getpid", lambda: 99999991)
    killed_after(tmp_path, [1])
    monkeypatch.undo()
    array = tmp_path / f".partial-99999991@{MACHINE}-raw.npy"
    whole = array.read_bytes()
    array.write_bytes(whole[:-4] + b"\0\0\0\0")
    assert Previous(tmp_path, FORM).get("f1") is None
    for content in (b"", whole[:40], b"x" * len(whole)):
        array.write_bytes(content)
        assert not kept(tmp_path)
    other = Form(5, FORM.channels, ())
    array.write_bytes(whole)
    assert not kept(tmp_path, other)

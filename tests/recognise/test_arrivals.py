"""Captures that arrive in a folder while it is watched, by a clock that does not wait."""

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from psface.captures.capture import Capture, Refusal
from psface.errors import UserError
from psface.recognise import folder_look
from psface.recognise.arrivals import PATIENCE, POLL, SETTLE, Item, arrivals
from psface.rig.rig import write_rig
from tests.shapes import FOUR_LIGHTS
from tests.written_captures import write_capture
from tests.written_rigs import distant_rig

FRAMES = [f"im{i}.bmp" for i in range(4)]


class Rig:
    """A folder, what is done to it, and when, in seconds from the start."""

    def __init__(self, folder: Path, limits) -> None:
        self.folder, self.limits = folder, limits
        self.now, self.start = 0.0, time.time()
        self.steps: list[tuple[float, Callable[[], object]]] = []

    def at(self, moment: float, step: Callable[[], object]) -> None:
        self.steps.append((moment, step))

    def put(self, path: Path, content: bytes) -> None:
        """Write a file, now by this clock."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (self.start + self.now,) * 2)

    def put_at(self, moment: float, path: Path, content: bytes) -> None:
        self.at(moment, lambda: self.put(path, content))

    def wait(self, seconds: float) -> None:
        assert seconds >= POLL
        self.now += POLL  # however long the look took
        for moment, step in sorted(self.steps, key=lambda entry: entry[0]):
            if moment <= self.now + 1e-9:
                self.steps.remove((moment, step))
                step()

    def told(self, until: float, rig=None, **options) -> list[tuple[float, Item]]:
        """What is told, and when."""

        def wait(seconds: float) -> None:
            if self.now >= until:
                raise KeyboardInterrupt
            self.wait(seconds)

        found: Iterator[Item] = arrivals(
            self.folder, self.limits, rig, clock=lambda: self.now,
            today=lambda: self.start + self.now, wait=wait, **options,
        )  # fmt: skip
        out = []
        with contextlib.suppress(KeyboardInterrupt):
            for item in found:
                out.append((round(self.now, 3), item))
        assert not self.steps
        return out


@pytest.fixture
def door(tmp_path, settings) -> Rig:
    (tmp_path / "door").mkdir()
    return Rig(tmp_path / "door", settings.ingest.limits)


@pytest.fixture(scope="module")
def captured(tmp_path_factory) -> Path:
    """A capture, complete and old."""
    folder = write_capture(tmp_path_factory.mktemp("written") / "one")
    for path in folder.iterdir():
        os.utime(path, (1e9, 1e9))
    return folder


@pytest.fixture(scope="module")
def another(tmp_path_factory) -> Path:
    return write_capture(tmp_path_factory.mktemp("written") / "another", seed=7)


def name(item: Item) -> str:
    return item.reason if isinstance(item, Refusal) else item.name


def copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target)


def test_what_is_incomplete_at_the_end_is_told(door, captured):
    copy(captured, door.folder / "two")
    copy(captured, door.folder / "one")
    (door.folder / "one" / "im3.bmp").unlink()
    answered, told = door.told(3.0)
    assert answered[1].name == "two" and told[0] >= 3
    assert str(door.folder / "one") in told[1].reason
    assert "not answered" in told[1].reason


def test_what_is_there_comes_first_then_what_arrives(door, captured):
    for person in ("b", "a"):
        copy(captured, door.folder / person / "one")
    door.at(3.0, lambda: copy(captured, door.folder / "c" / "two"))
    told = door.told(until=20)
    assert [(moment, item.identity, item.name) for moment, item in told] == [
        (0.0, "a", "one"), (0.0, "b", "one"), (3.0, "c", "two")
    ]  # fmt: skip


def test_a_capture_comes_when_its_last_frame_is_whole(door, captured):
    folder = door.folder / "one"
    for moment, frame in enumerate(["LightSource.m", *FRAMES], start=1):
        whole = (captured / frame).read_bytes()
        door.put_at(moment, folder / frame, whole if moment < 5 else whole[: len(whole) // 2])
    door.put_at(9, folder / FRAMES[-1], whole)
    [(moment, item)] = door.told(until=30)
    assert isinstance(item, Capture) and 9 < moment <= 9 + 2 * POLL


def test_a_capture_that_is_moved_into_place_comes_at_once(door, captured, tmp_path):
    copy(captured, tmp_path / "made")
    door.at(2.0, lambda: (tmp_path / "made").rename(door.folder / "one"))
    [(moment, item)] = door.told(until=20)
    assert moment == 2.0 and item.name == "one"


def test_the_number_of_frames_may_be_told_by_a_rig_above_or_named(door, captured):
    def frames(folder: str, first: float) -> None:
        for number, frame in enumerate(FRAMES):
            path = door.folder / folder / frame
            door.put_at(first + 2 * number, path, (captured / frame).read_bytes())

    frames("named", 1)
    [(moment, item)] = door.told(until=30, rig=distant_rig(FOUR_LIGHTS))
    assert 7 < moment <= 7 + 2 * POLL and len(item.lights) == 4
    shutil.rmtree(door.folder / "named")

    door.now = 0
    write_rig(door.folder / "rig.yaml", distant_rig(FOUR_LIGHTS))
    frames("above", 1)
    [(moment, item)] = door.told(until=30)
    assert 7 < moment <= 7 + 2 * POLL and len(item.lights) == 4


def test_a_rig_file_that_comes_late(door, captured):
    copy(captured, door.folder / "one")
    (door.folder / "one" / "LightSource.m").unlink()
    door.at(5, lambda: write_rig(door.folder / "rig.yaml", distant_rig(FOUR_LIGHTS)))
    [(moment, item)] = door.told(until=30)
    assert moment == 5 and isinstance(item, Capture)


def test_lights_that_come_after_the_frames(door, captured):
    for moment, frame in enumerate([*FRAMES, "LightSource.m"], start=1):
        door.put_at(2 * moment, door.folder / frame, (captured / frame).read_bytes())
    [(moment, item)] = door.told(until=40)
    assert isinstance(item, Capture) and 10 <= moment <= 10 + 2 * POLL


def test_frames_whose_lights_never_come_are_pictures(door, captured):
    for frame in FRAMES:
        shutil.copy2(captured / frame, door.folder)
    told = door.told(until=30)
    assert [item.name for _, item in told] == FRAMES
    assert [moment for moment, _ in told] == pytest.approx([PATIENCE] * 4, abs=2 * POLL)


@pytest.mark.parametrize("fault", ["cut", "missing"])
def test_what_stays_incomplete_is_refused_once_and_read_when_it_is_whole(door, captured, fault):
    folder = door.folder / "one"
    copy(captured, folder)
    whole = (folder / "im3.bmp").read_bytes()
    (folder / "im3.bmp").unlink()
    if fault == "cut":
        door.put(folder / "im3.bmp", whole[:-100])
    door.put_at(30, folder / "im3.bmp", whole)
    [(refused, reason), (answered, item)] = door.told(until=60)
    assert refused == pytest.approx(PATIENCE, abs=2 * POLL)
    assert fault.replace("cut", "truncated") in reason.reason
    assert str(folder) in reason.reason
    assert isinstance(item, Capture) and 30 < answered <= 30 + 2 * POLL


def test_frames_that_are_overwritten_are_not_mixed_with_the_last_ones(door, captured, another):
    copy(captured, door.folder / "live")
    for moment, frame in enumerate(FRAMES, start=5):
        door.put_at(moment, door.folder / "live" / frame, (another / frame).read_bytes())
    [(first, _), (again, _)] = door.told(until=40)
    assert first == 0 and 8 < again <= 8 + 2 * POLL


def test_one_frame_that_is_replaced_is_a_new_capture_after_a_while(door, captured, another):
    copy(captured, door.folder / "live")
    door.put_at(5, door.folder / "live" / "im2.bmp", (another / "im2.bmp").read_bytes())
    told = door.told(until=40)
    assert [moment for moment, _ in told] == pytest.approx([0, 5 + PATIENCE], abs=2 * POLL)


def test_a_folder_name_that_is_used_again(door, captured, another):
    folder = door.folder / "one"
    copy(captured, folder)
    door.at(2, lambda: shutil.rmtree(folder))
    door.at(2.05, lambda: copy(another, folder))  # between two looks
    door.at(5, lambda: shutil.rmtree(folder))
    door.at(7, lambda: copy(captured, folder))
    told = door.told(until=40)
    assert [round(moment, 1) for moment, _ in told if isinstance(_, Capture)][::2] == [0, 7]
    assert len(told) == 3


def test_files_beside_the_frames_are_no_new_capture(door, captured):
    copy(captured, door.folder / "one")
    door.put_at(3, door.folder / "one" / "notes.txt", b"late")
    assert len(door.told(until=30)) == 1


def test_pictures_and_videos_come_when_they_have_settled(door, captured):
    whole = (captured / "im0.bmp").read_bytes()
    door.put_at(1, door.folder / "face.bmp", whole[:2000])
    door.put_at(3, door.folder / "face.bmp", whole)
    door.put_at(20, door.folder / "clip.mp4", b"nothing that can be read")
    [(moment, item), (refused, reason)] = door.told(until=60)
    assert item == door.folder / "face.bmp" and moment == pytest.approx(3 + SETTLE, abs=POLL)
    assert refused == pytest.approx(20 + PATIENCE, abs=POLL) and "clip.mp4" in reason.reason


def manifest(sessions: list[str]) -> bytes:
    rows = [
        f"anna,{session},{session}-{frame},{','.join(map(str, light))}"
        for session in sessions
        for frame, light in zip(FRAMES, FOUR_LIGHTS.tolist(), strict=True)
    ]
    return "\n".join(["identity,session,frame,light_x,light_y,light_z", *rows, ""]).encode()


def test_captures_that_a_manifest_lists_as_they_arrive(door, captured):
    for session, moment in (("one", 0), ("two", 5.5)):
        for frame in FRAMES:
            path = door.folder / f"{session}-{frame}"
            door.put_at(moment + 2, path, (captured / frame).read_bytes())
    door.put_at(1, door.folder / "manifest.csv", manifest(["one"]))
    door.put_at(7, door.folder / "manifest.csv", manifest(["one", "two"]))
    told = [(moment, item.name) for moment, item in door.told(until=40)]
    assert [name for _, name in told] == ["one", "two"]
    assert told[0][0] == pytest.approx(2 + SETTLE, abs=2 * POLL)
    assert told[1][0] == pytest.approx(7.5 + SETTLE, abs=2 * POLL)


def test_many_at_once_come_once_each(door, captured):
    door.at(1, lambda: [copy(captured, door.folder / f"{i:04}" / "one") for i in range(150)])
    told = [item.identity for _, item in door.told(until=5)]
    assert told == [f"{i:04}" for i in range(150)]


def test_a_folder_that_vanishes_and_returns(door, captured, tmp_path):
    copy(captured, door.folder / "one")
    away = tmp_path / "unmounted"
    door.at(3, lambda: door.folder.rename(away))
    door.at(30, lambda: away.rename(door.folder))
    door.at(31, lambda: copy(captured, door.folder / "two"))
    told = door.told(until=60)
    assert [moment for moment, _ in told] == pytest.approx([0, 3 + PATIENCE, 31], abs=2 * POLL)
    assert "No such file or directory; waiting for it" in told[1][1].reason
    assert told[2][1].name == "two"


def test_a_folder_that_may_not_be_listed(door, captured, monkeypatch):
    closed, listed = door.folder / "closed", os.scandir

    def scandir(path):
        if Path(path) == closed and door.now < 20:
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(folder_look.os, "scandir", scandir)
    copy(captured, closed)
    copy(captured, door.folder / "open")
    told = door.told(until=40)
    assert [name(item) for _, item in told] == [
        "open", f"{closed}: Permission denied; waiting for it", "closed"
    ]  # fmt: skip
    assert told[2][0] == pytest.approx(20, abs=POLL)


def test_links(door, captured, tmp_path):
    copy(captured, tmp_path / "elsewhere")
    (door.folder / "linked").symlink_to(tmp_path / "elsewhere")
    (door.folder / "loop").symlink_to(door.folder)
    (door.folder / "broken.bmp").symlink_to(tmp_path / "nowhere")
    (door.folder / "frames").mkdir()
    for path in captured.iterdir():
        (door.folder / "frames" / path.name).symlink_to(path)
    told = [item for _, item in door.told(until=30)]
    assert [name(item).partition("; ")[0] for item in told] == [
        "frames",
        f"{door.folder / 'linked'}: a link to a folder, which is not followed",
        f"{door.folder / 'loop'}: a link to a folder, which is not followed",
    ]


def test_what_psface_and_other_programs_write_there_is_left_out(door, captured):
    copy(captured, door.folder / "out" / "pictures" / "one")
    for hidden in (".im0.bmp.x7K2", "Thumbs.db", "faces.csv"):
        door.put(door.folder / hidden, b"")
    assert door.told(until=30, without=[door.folder / "out" / "pictures"]) == []


def test_names_that_are_not_utf_8_are_refused(door, captured):
    shutil.copy2(captured / "im0.bmp", door.folder / os.fsdecode(b"Jos\xe9.bmp"))
    [(_, item)] = door.told(until=30)
    assert "not UTF-8" in item.reason


def test_a_folder_that_cannot_be_watched(door, captured, monkeypatch):
    for path, match in (("nowhere", "no such folder; give"), ("one.txt", "not a folder; give")):
        (door.folder / "one.txt").write_text("")
        with pytest.raises(UserError, match=match):
            next(arrivals(door.folder / path, door.limits))

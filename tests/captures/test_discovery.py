"""What is found in folders, and which rig took it."""

from pathlib import Path

import cv2
import numpy as np
import pytest

import psface
from psface.captures.capture import Capture, Refusal
from psface.captures.discovery import (
    UNUSED_RIG,
    capture_at,
    find_captures,
    people_in,
    read_capture_at,
)
from psface.errors import UserError
from psface.rig.rig import Camera, Lamp, Rig, write_rig
from tests.shapes import FOUR_LIGHTS
from tests.written_captures import SIZE, write_capture

CAMERA = Rig(camera=Camera(response="srgb"))


def rig_of(lights: np.ndarray = FOUR_LIGHTS, **parts) -> Rig:
    unit = lights / np.linalg.norm(lights, axis=1, keepdims=True)
    return Rig(lamps=[Lamp(direction=tuple(light)) for light in unit.tolist()], **parts)


def write_unlit(folder: Path, seed: int = 0) -> Path:
    """A capture that does not tell its lights."""
    (write_capture(folder, seed) / "LightSource.m").unlink()
    return folder


def only(found) -> Capture:
    [item] = found
    assert isinstance(item, Capture), item
    return item


def reason(found) -> str:
    [item] = found
    assert isinstance(item, Refusal), item
    assert "\n" not in item.reason
    return item.reason


def test_frames_that_a_given_rig_took_are_a_capture(tmp_path):
    folder = write_unlit(tmp_path / "set" / "an" / "monday")
    rig = rig_of(distance_mm=700.0)
    for found in (find_captures([tmp_path / "set"], rig=rig), people_in(tmp_path / "set", rig)):
        capture = only(found)
        assert capture.key == "an/monday" and capture.rig == rig
        assert capture.attributes["gender"] == "male" and len(capture.frames) == 4
        assert capture.lights == pytest.approx(FOUR_LIGHTS)
    assert capture_at(folder, rig).rig == rig


@pytest.mark.parametrize("place", ["", "an", "an/monday"])
def test_a_rig_file_holds_for_what_is_under_it(tmp_path, place, monkeypatch):
    folder = write_unlit(tmp_path / "set" / "an" / "monday")
    rig = rig_of()
    write_rig(tmp_path / "set" / place / "rig.json", rig)
    assert only(people_in(tmp_path / "set")).rig == rig
    assert only(find_captures([tmp_path / "set"])).rig == rig
    assert read_capture_at(folder).rig == rig
    monkeypatch.chdir(folder)
    assert only(find_captures([Path()])).rig == rig
    monkeypatch.chdir(tmp_path / "set")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert read_capture_at("../set/an/monday").rig == rig


def test_the_nearest_of_several_rigs(tmp_path):
    for name in ("a", "b", "c"):
        write_unlit(tmp_path / name / "s")
    top, second, third, given = (rig_of(distance_mm=float(mm)) for mm in (600, 700, 800, 900))
    write_rig(tmp_path / "rig.yaml", top)
    write_rig(tmp_path / "b" / "rig.yaml", second)
    write_rig(tmp_path / "c" / "s" / "rig.yaml", third)
    assert [one.rig for one in people_in(tmp_path)] == [top, second, third]
    # A given rig is of the captures that have none of their own.
    assert [one.rig for one in people_in(tmp_path, given)] == [given, given, third]


def test_a_rig_s_pictures_are_no_pictures_of_people(tmp_path):
    folder = write_unlit(tmp_path / "an" / "monday")
    rig = rig_of(ambient="dark.bmp")
    (folder / "im0.bmp").replace(tmp_path / "dark.bmp")
    write_unlit(tmp_path / "an" / "tuesday")
    write_rig(tmp_path / "rig.yaml", rig)
    lost, good = find_captures([tmp_path])
    assert "im0.bmp missing" in lost.reason
    assert good.ambient == "" and Path(good.rig.ambient) == tmp_path / "dark.bmp"
    assert [one.name for one in people_in(tmp_path)] == ["monday", "tuesday"]


def test_what_is_known_of_the_camera_joins_the_capture_s_lights(tmp_path):
    folder = write_capture(tmp_path / "an" / "monday")
    capture = only(find_captures([tmp_path], rig=CAMERA))
    assert capture.rig == CAMERA and capture.lights == pytest.approx(FOUR_LIGHTS, abs=1e-4)
    write_rig(tmp_path / "rig.yaml", CAMERA)
    assert read_capture_at(folder).rig == CAMERA


def manifest(folder: Path, columns: str, cells: list[str]) -> None:
    lines = [f"identity,session,frame{columns}"]
    lines += [f"an,one,shots/im{number}.bmp{cell}" for number, cell in enumerate(cells)]
    (folder / "manifest.csv").write_text("\n".join(lines))


@pytest.mark.parametrize("given", [True, False])
def test_the_captures_of_a_manifest(tmp_path, given):
    write_unlit(tmp_path / "shots")
    rig = rig_of()
    argument = rig if given else None
    if not given:
        write_rig(tmp_path / "rig.yaml", rig)
    manifest(tmp_path, ",lamp", [",4", ",3", ",2", ",1"])
    for found in (people_in(tmp_path, argument), find_captures([tmp_path], rig=argument)):
        assert only(found).lights == pytest.approx(FOUR_LIGHTS[::-1])
    manifest(tmp_path, "", [""] * 4)
    assert only(people_in(tmp_path, argument)).lights == pytest.approx(FOUR_LIGHTS)
    manifest(tmp_path, "", [""] * 3)
    assert "3 frames, but the rig" in reason(people_in(tmp_path, argument))


def test_a_capture_or_a_person_that_a_manifest_above_lists(tmp_path, monkeypatch):
    rows = ["identity,session,frame,light_x,light_y,light_z"]
    for person, session in (("an", "one"), ("an", "two"), ("bo", "one")):
        folder = write_unlit(tmp_path / person / session)
        for number, (x, y, z) in enumerate(FOUR_LIGHTS):
            rows.append(f"{person},{session},{folder / f'im{number}.bmp'},{x},{y},{z}")
    (tmp_path / "manifest.csv").write_text("\n".join(rows).replace(f"{tmp_path}/", ""))
    monkeypatch.chdir(tmp_path)
    for place in (tmp_path / "an" / "two", Path("an/two")):
        assert only(find_captures([place])).key == read_capture_at(place).key == "an/two"
        assert read_capture_at(place).lights == pytest.approx(FOUR_LIGHTS)
    assert [c.key for c in find_captures([Path("an")])] == ["an/one", "an/two"]
    with pytest.raises(UserError, match=r"^an: 2 captures; give one of them, as an/one, an/two"):
        read_capture_at("an")
    with pytest.raises(UserError, match=r"^an/three: no such picture or capture"):
        read_capture_at("an/three")
    text = (tmp_path / "manifest.csv").read_text()
    (tmp_path / "manifest.csv").write_text(text.rpartition(",")[0] + ",dark")
    assert "manifest.csv: " in reason(find_captures([Path("bo")]))
    with pytest.raises(UserError, match=r"manifest\.csv: .*dark"):
        read_capture_at("bo/one")
    # From within, through links, and with a rig that took none of what is asked for.
    (tmp_path / "alias").symlink_to("an")
    assert read_capture_at("alias/two").key == "an/two"
    (tmp_path / "loose").mkdir()
    cv2.imwrite("loose/a.png", np.zeros((9, 9), np.uint8))
    *_, unused = find_captures([tmp_path / "loose"], rig=rig_of())
    assert UNUSED_RIG in unused.reason
    monkeypatch.chdir(tmp_path / "an" / "two")
    assert read_capture_at(".").key == only(find_captures([Path()])).key == "an/two"
    monkeypatch.chdir(tmp_path)
    # Pictures that it does not list are pictures, as everywhere.
    cv2.imwrite("an/selfie.png", np.zeros((9, 9), np.uint8))
    assert Path("an/selfie.png") in list(find_captures([Path("an")]))
    assert only(find_captures([Path("an/two")])).key == "an/two"
    with pytest.raises(UserError, match="File name too long"):
        read_capture_at("a" * 300)
    with pytest.raises(UserError, match="File name too long"):
        list(find_captures([Path("a" * 300)]))
    # A rig beside it that cannot be read is told.
    (tmp_path / "rig.json").write_text("{")
    assert "rig.json" in reason(find_captures([Path("an/two")]))
    (tmp_path / "rig.json").unlink()
    # Another program's manifest is none.
    (tmp_path / "manifest.csv").write_text("name,version\nx,1\n")
    with pytest.raises(UserError, match="4 frames without lights"):
        read_capture_at("an/two")
    with pytest.raises(UserError, match="an/typo: no such file"):
        list(find_captures([Path("an/typo")]))


def test_frames_without_lights_and_without_a_rig(tmp_path):
    folder = write_unlit(tmp_path / "an" / "monday")
    assert sorted(path.name for path in find_captures([tmp_path]) if isinstance(path, Path)) == [
        f"im{number}.bmp" for number in range(4)
    ]
    with pytest.raises(UserError, match=r"monday: 4 frames without lights; give them in Light"):
        read_capture_at(folder)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="neither a picture nor a folder of one capture"):
        read_capture_at(tmp_path / "empty")


def test_pictures_beside_a_rig_stay_pictures(tmp_path):
    write_unlit(tmp_path / "an" / "monday")
    one = write_unlit(tmp_path / "an" / "tuesday")
    for number in (1, 2, 3):
        (one / f"im{number}.bmp").rename(one / f"other {number}.bmp")
    found = list(find_captures([tmp_path], rig=rig_of()))
    assert [item.name for item in found] == [
        "monday", "im0.bmp", "other 1.bmp", "other 2.bmp", "other 3.bmp",
    ]  # fmt: skip
    assert [isinstance(item, Path) for item in found] == [False] + [True] * 4


@pytest.mark.parametrize("search", [lambda root, rig: find_captures([root], rig=rig), people_in])
def test_a_rig_that_took_nothing_is_told(tmp_path, search):
    folder = write_unlit(tmp_path / "set" / "an")
    for number, path in enumerate(sorted(folder.glob("im*"))):
        path.rename(folder / f"frame{number}.bmp")
    (folder / "metadataII.txt").unlink()
    *pictures, told = search(tmp_path / "set", rig_of())
    assert len(pictures) == 4
    assert "set: no capture of several frames that the rig may have taken" in told.reason


def test_frames_that_do_not_fit_the_rig(tmp_path):
    folder = write_unlit(tmp_path / "an" / "monday")
    rig = rig_of()
    assert "4 frames, but the rig has 3 lamps" in reason(
        find_captures([tmp_path], rig=rig.with_lamps([0, 1, 2]))
    )
    (folder / "im2.bmp").unlink()
    assert "im2.bmp missing" in reason(find_captures([tmp_path], rig=rig))
    (folder / "im3.bmp").unlink()
    assert "2 frames, but the rig has 4 lamps" in reason(find_captures([tmp_path], rig=rig))
    write_rig(folder / "rig.yaml", rig)
    (folder / "im1.bmp").unlink()
    assert "no frames im0, im1, ...; not a capture" in reason(find_captures([tmp_path]))


def test_a_rig_that_contradicts_the_capture_s_lights(tmp_path):
    folder = write_capture(tmp_path / "an" / "monday")
    mirrored = rig_of(FOUR_LIGHTS * [-1, 1, 1])
    with pytest.raises(UserError, match=r"monday: lamp 1 of the rig is \d+ degrees from the light"):
        read_capture_at(folder, mirrored)
    write_rig(tmp_path / "rig.yaml", mirrored)
    said = reason(find_captures([tmp_path]))
    assert f"lamp 1 of the rig in {tmp_path} is" in said
    write_rig(folder / "rig.yaml", mirrored)
    assert "lamp 1 of its rig file is" in reason(find_captures([folder]))


def test_a_rig_that_cannot_be_read(tmp_path):
    folder = write_unlit(tmp_path / "an" / "monday")
    with pytest.raises(UserError, match="nowhere: missing; give the rig's folder or file"):
        read_capture_at(folder, tmp_path / "nowhere")
    (tmp_path / "rig.yaml").write_text("schema: 1\n")
    for found in (find_captures([tmp_path]), people_in(tmp_path)):
        reasons = {item.name: item.reason for item in found if isinstance(item, Refusal)}
        assert f"{tmp_path / 'rig.yaml'}: schema" in reasons["monday"]
    manifest(tmp_path, ",lamp", [",1"])
    assert "rig.yaml: schema" in reason(find_captures([tmp_path]))
    with pytest.raises(UserError, match=r"rig\.yaml: schema"):
        list(people_in(tmp_path))


def test_a_capture_of_no_frames(tmp_path):
    folder = tmp_path / "an" / "monday"
    folder.mkdir(parents=True)
    (folder / "LightSource.m").write_text("LightAngle = [\n];\n")
    for rig in (None, rig_of()):
        assert "monday" in reason(find_captures([tmp_path], rig=rig))


def test_a_capture_from_a_notebook(tmp_path):
    folder = write_unlit(tmp_path / "monday")
    write_rig(tmp_path / "our rig.yaml", rig_of())
    capture = psface.read_capture(folder, rig=tmp_path / "our rig.yaml")
    assert capture.pixels().grey.shape == (4, SIZE, SIZE)
    assert psface.read_capture(folder, rig=str(tmp_path / "our rig.yaml")).rig == capture.rig

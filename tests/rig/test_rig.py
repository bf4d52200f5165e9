"""The rig file: what it says, what is refused, and the light that its lamps give."""

import json

import numpy as np
import pytest

from psface.errors import UserError
from psface.rig.rig import Calibration, Camera, Lamp, Rig, read_rig, rig_path, write_rig

NEAR = """
schema: psface-rig-1
camera: {width_px: 1300, height_px: 866, focal_px: [2000, 2000], response: {gamma: 2.2}}
distance_mm: 700
calibration: {date: 2024-05-01, method: mirror balls, score_deg: 0.4}
lamps:
  - {name: left, position_mm: [-300, 0, -400], intensity: [1, 2, 3]}
  - {name: right, position_mm: [300, 0, -300], axis: [-0.6, 0, -0.8], anisotropy: 1}
"""
DISTANT = """
schema: psface-rig-1
lamps:
  - {name: left, direction: [-0.6, 0, 0.8], intensity: 2, flat_field: left.png}
  - {direction: [0, 0.6, 0.8]}
ambient: dark.png
"""


def read(tmp_path, text):
    path = tmp_path / "rig.yaml"
    path.write_text(text)
    return read_rig(path)


def test_a_near_rig(tmp_path):
    rig = read(tmp_path, NEAR)
    assert rig.near and rig.distance_mm == 700
    assert rig.camera.focal_px == (2000, 2000) and rig.camera.response.gamma == 2.2
    assert rig.calibration == Calibration(date="2024-05-01", method="mirror balls", score_deg=0.4)
    assert [lamp.strength for lamp in rig.lamps] == [2, 1]
    wanted = [[-(0.5**0.5), 0, 0.5**0.5], [0.6, 0, 0.8]]
    assert rig.directions() == pytest.approx(np.array(wanted))


def test_light_at_the_face_falls_off_with_distance_and_off_the_axis(tmp_path):
    rig = read(tmp_path, NEAR)
    left, right = np.linalg.norm(rig.lights(), axis=1)
    assert left / right == pytest.approx(2 * 500**2 / (300**2 + 300**2))
    text = NEAR.replace("axis: [-0.6, 0, -0.8]", "axis: [0, 0, -2]")
    assert read(tmp_path, text).lamps[1].weakened(np.array([300, 0, 400])) == pytest.approx(0.8)
    left, tilted = np.linalg.norm(read(tmp_path, text).lights(), axis=1)
    assert left / tilted == pytest.approx(2 * 500**2 / (300**2 + 300**2) / 0.8)


def test_a_distant_rig(tmp_path):
    rig = read(tmp_path, DISTANT)
    assert not rig.near and rig.lamps[0].flat_field == "left.png" and rig.ambient == "dark.png"
    assert np.linalg.norm(rig.lights(), axis=1) == pytest.approx([4 / 3, 2 / 3])
    assert rig.with_lamps([1, 0]).lamps == rig.lamps[::-1]


def test_a_rig_of_the_camera_alone(tmp_path):
    rig = read(tmp_path, "schema: psface-rig-1\ncamera: {response: srgb}\n")
    assert rig.lamps == () and not rig.near and rig.directions().shape == (0, 3)


@pytest.mark.parametrize("text", [NEAR, DISTANT])
def test_what_is_written_is_read_again(tmp_path, text):
    rig = read(tmp_path, text)
    write_rig(tmp_path / "other" / "rig.json", rig)
    assert read_rig(tmp_path / "other") == rig
    written = json.loads((tmp_path / "other" / "rig.json").read_text())
    assert next(iter(written)) == "schema" and "white" not in str(written)


def lamp(**changes):
    given = {"direction": [0, 0, 1]} | changes
    shown = {key: value for key, value in given.items() if value is not None}
    return f"schema: psface-rig-1\nlamps: [{json.dumps(shown)}]\n"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a: 1\n", "not a rig; its first line is `schema: psface-rig-1`"),
        ("[]", "not a rig"),
        ("schema: psface-rig-2\n", "schema: "),
        ("schema: psface-rig-1\nlamp: 1\n", "lamp: unknown key"),
        ("schema: psface-rig-1\nambient: 1\nambient: 2\n", "not readable as YAML"),
        (lamp(direction=[0, 0, 1.2]), "length 1.2; give one of length 1, and the lamp's strength"),
        (lamp(direction=[0, 0, 0]), "length 0"),
        (lamp(direction=[0, 0, -1]), "is behind the face"),
        (lamp(direction=[0, 1]), "lamps.1.direction.3: "),
        (lamp(direction=["0", "0", "1"]), "lamps.1.direction.1: give a number"),
        (lamp(direction=None), "either a direction or a position_mm"),
        (lamp(position_mm=[0, 0, -200]), "either a direction or a position_mm"),
        (lamp(intensity=0), "lamps.1.intensity"),
        (lamp(intensity=[1, 2]), "lamps.1.intensity: give a number above 0, or three of them"),
        (lamp(intensity="strong"), "rig.yaml: lamps.1.intensity: give a number above 0, or three"),
        (lamp(name=1), "lamps.1.name: give text, in quotes"),
        (lamp(name="a\tb"), "without tabs"),
        ("schema: psface-rig-1\nlamps:\n", "lamps: give a list"),
        ("schema: psface-rig-1\nlamps: [left]\n", "lamps.1: give keys with values"),
        ("schema: psface-rig-1\ncamera: {response: {gamma: 0.4545}}\n", "2.2} (1 to 4)"),
        (DISTANT.replace("intensity: 2", "intensity: 1.0e+300"), "intensities of 1 to 1e+300"),
        (DISTANT.replace("left,", "é,").replace("{direc", "{name: é, direc"), "of one name"),
        (NEAR.replace("focal_px", "centre_px: [0.5, 0.5], focal_px"), "give pixels of these"),
        (NEAR.replace("[2000, 2000]", "[50, 50]"), "a focal length of 50 px for pictures of 1300"),
        (lamp(axis=[0, 0, -1]), "an axis or anisotropy needs a position_mm"),
        (lamp(anisotropy=1), "an axis or anisotropy needs a position_mm"),
        (lamp(anisotropy=-1), "greater than or equal to 0"),
        ("schema: psface-rig-1\nlamps: [{direction: [0, 0, .inf]}]\n", "finite"),
        ("schema: psface-rig-1\ncamera: {width_px: 3}\n", "give both width_px and height_px"),
        ("schema: psface-rig-1\ncamera: {response: sRGB}\n", "{gamma: 2.2} (1 to 4), or"),
        ("schema: psface-rig-1\ncamera: {response: {table: [0, .5, .4, 1]}}\n", "that rises"),
        ("schema: psface-rig-1\ncalibration: {date: May 2024}\n", "not a date YYYY-MM-DD"),
        ("schema: psface-rig-1\ncalibration: {date: 3}\n", "not a date YYYY-MM-DD"),
        ("schema: psface-rig-1\ncalibration: {score_deg: -1}\n", "calibration.score_deg"),
        (DISTANT + "distance_mm: 0\n", "distance_mm: "),
        (DISTANT.replace("{direction: [0, 0.6, 0.8]}", "{position_mm: [0, 0, -9]}"), "all alike"),
        (DISTANT.replace("{direction: [0,", "{name: left, direction: [0,"), "two lamps of one"),
        (DISTANT.replace("name: left", "name: '2'"), "two lamps are called 2, as one without a"),
        (NEAR.replace("name: left, ", "").replace("-300, 0, -400", "0, 0, -900"), "lamp 1 at"),
        (NEAR.replace("distance_mm: 700\n", ""), "need distance_mm, from the camera to faces"),
        (NEAR.replace("distance_mm: 700\n", "distance_mm: 0.7\n"), "are these metres"),
        (NEAR.replace("[-300, 0, -400]", "[-0.3, 0, -0.4]"), "are these metres"),
        (NEAR.replace("[-300, 0, -400]", "[-300, 0, 1.0e+300]"), "mm from the face; give mm"),
        (NEAR.replace("[-300, 0, -400]", "[-300, 0, -800]"), "positions have z towards"),
        (NEAR.replace("axis: [-0.6, 0, -0.8]", "axis: [0.6, 0, 0.8]"), "points away from the face"),
        (NEAR.replace("axis: [-0.6, 0, -0.8]", "axis: [0, 0, 0]"), "an axis of length 0"),
        (NEAR.replace("axis: [-0.6, 0, -0.8], ", ""), "an anisotropy needs an axis"),
        (NEAR.replace("anisotropy: 1", "flat_field: a.png"), "holds the fall-off"),
        (NEAR.replace("focal_px: [2000, 2000], ", ""), "need camera.focal_px"),
        (NEAR.replace("width_px: 1300, height_px: 866, ", ""), "need camera.width_px"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_a_line(tmp_path, text, complaint):
    with pytest.raises(UserError) as refused:
        read(tmp_path, text)
    assert complaint in str(refused.value) and "\n" not in str(refused.value)
    assert str(refused.value).startswith(str(tmp_path / "rig.yaml"))


def test_text_of_other_encodings(tmp_path):
    path = tmp_path / "rig.yaml"
    path.write_bytes(DISTANT.replace("left", "été").encode("utf-16"))
    assert read_rig(path).lamps[0].name == "été"
    path.write_bytes(DISTANT.replace("left", "été").encode("latin-1"))
    with pytest.raises(UserError, match=r"rig\.yaml, line 4: neither UTF-8 nor .*save it as UTF-8"):
        read_rig(path)


def test_names_are_as_in_a_table(tmp_path):
    rig = read(tmp_path, DISTANT.replace("left,", '" e\u0301 ",'))
    assert rig.names == ("é", "2")


def test_a_folder_has_one_rig(tmp_path):
    with pytest.raises(UserError, match=r"no rig\.yaml in it"):
        rig_path(tmp_path)
    write_rig(tmp_path / "rig.json", Rig())
    assert rig_path(tmp_path) == rig_path(tmp_path / "rig.json") == tmp_path / "rig.json"
    (tmp_path / "rig.yml").write_text("schema: psface-rig-1\n")
    with pytest.raises(UserError, match=r"rig\.yml and rig\.json"):
        rig_path(tmp_path)
    with pytest.raises(UserError, match=r"nowhere: missing; give the rig's folder or file"):
        read_rig(tmp_path / "nowhere")


def test_a_size_of_pixels_in_mm():
    camera = Camera(width_px=10, height_px=10, focal_px=(500, 2000))
    assert Rig(camera=camera, distance_mm=700.0).mm_per_px == pytest.approx(0.7)
    assert Rig(lamps=[Lamp(direction=(0, 0, 1))]).mm_per_px is None

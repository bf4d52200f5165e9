"""psface rig: import, export and show, as they are typed."""

import re

import cv2
import numpy as np
import pytest

from psface.commands.rig.rig_command import COMMANDS
from psface.report.rig_picture import draw_rig, lamp_table
from psface.rig.rig import Lamp, Rig, read_rig, write_rig
from tests.commands.running import psface, refused
from tests.rig.formats.written_mat import write_pair
from tests.rig.test_rig import DISTANT, NEAR
from tests.written_captures import write_capture


def words(text: str) -> str:
    return " ".join(text.split())


def test_the_group_lists_its_commands(capsys):
    assert psface("rig", "--help") == 0
    said = words(capsys.readouterr().out)
    assert all(f"{name} {does}" in said for name, (_, does) in COMMANDS.items())


@pytest.mark.parametrize("name", ["import", "export", "show"])
def test_help_is_answered_and_unknown_options_are_refused(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert psface("rig", name, "--help") == 0
    said = capsys.readouterr().out
    assert said.startswith(f"Usage: psface rig {name} [OPTIONS]")
    [example] = re.findall(r"Examples?: (psface .*?)(?:; |$)", words(said))
    assert example.startswith(f"psface rig {name}") and "Exit status: 0" in words(said)
    assert psface("rig", name, "--no-such-option") == 2
    assert "No such option" in capsys.readouterr().err and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ("import", "Missing argument 'SOURCE'"),
        ("import a.lp", "Missing option '--out'"),
        ("import a.lp --out rig --lengths long", "'long' is not one of 'intensity', 'direction'"),
        ("import a.lp --out rig --format xml", "'xml' is not one of 'lp'"),
        ("import a.lp --out rig --size 1300", "'1300' is not a size such as 1300x866"),
        ("import a.lp --out rig --size 0x866", "'0x866' is not a size"),
        ("import a.lp --out rig --response sRGB", "'sRGB' is not linear, srgb or gamma:2.2"),
        ("import a.lp --out rig --response gamma:9", "'gamma:9' is not linear, srgb or gamma:2.2"),
        ("import a.lp --out rig --distance-mm 0", "'0' is not a length in mm"),
        ("import a.lp --out rig --distance-mm nan", "'nan' is not a length in mm"),
        ("import a.lp --out rig --distance-mm 0.7", "0.7 mm: are these metres? give mm"),
        ("calibrate a --out rig --ball-diameter-mm 0.06", "0.06 mm: are these metres? give mm"),
        ("export rig", "Missing option '--lp'"),
        ("show", "Missing argument 'RIG'"),
    ],
)
def test_wrong_arguments_are_refused(command, complaint, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert psface("rig", *command.split()) == 2
    said = capsys.readouterr()
    assert said.out == "" and complaint in said.err and not list(tmp_path.iterdir())


@pytest.fixture
def near(tmp_path):
    """near_ps's files, and two frames."""
    source = write_pair(tmp_path / "source")
    for name, value in (("light1", 90), ("ambient", 3)):
        cv2.imwrite(str(source / f"{name}.png"), np.full((866, 1300, 3), value, np.uint8))
    return source


def test_import_of_near_lamps(near, tmp_path, capsys):
    typed = [near, "--out", tmp_path / "rig", "--distance-mm", 700, "--frame", near / "light1.png"]
    typed += ["--calibrated-size", "2600x1732", "--response", "srgb", "--lamps", "3,1"]
    assert psface("rig", "import", *typed, "--ambient", near / "ambient.png") == 0
    assert "rig import: 2 near lamps, faces at 700 mm" in capsys.readouterr().out
    rig = read_rig(tmp_path / "rig")
    assert [lamp.name for lamp in rig.lamps] == ["3", "1"] and rig.camera.response == "srgb"
    assert rig.camera.focal_px == (2000, 2001) and rig.ambient == "ambient.png"
    copied = (tmp_path / "rig" / "ambient.png").read_bytes()
    assert copied == (near / "ambient.png").read_bytes()
    assert sorted(path.name for path in (tmp_path / "rig").iterdir()) == ["ambient.png", "rig.json"]


def test_import_of_distant_lamps(tmp_path, capsys):
    path = tmp_path / "dome.lp"
    path.write_text("2\na/1.jpg 0 0 2\na/2.jpg 0.6 0 0.8\n")
    typed = ["rig", "import", path, "--out", tmp_path / "rig"]
    refused(capsys, r"dome\.lp: .*say what lengths mean", *typed)
    assert not (tmp_path / "rig").exists()
    assert psface(*typed, "--lengths", "intensity", "--response", "gamma:2.2") == 0
    said = capsys.readouterr().out
    assert "folders of the pictures left out" in said and "2 distant lamps" in said
    rig = read_rig(tmp_path / "rig")
    assert rig.lamps[0].intensity == 2 and rig.camera.response.gamma == 2.2
    refused(capsys, "rig.json is in it; give --force", *typed, "--lengths", "direction")
    assert psface(*typed, "--lengths", "direction", "--force") == 0
    assert read_rig(tmp_path / "rig").lamps[0].intensity == 1


def test_what_import_refuses(near, tmp_path, capsys):
    out = tmp_path / "rig"
    typed = ["rig", "import", near, "--out", out, "--distance-mm", 700]
    refused(capsys, "give the size of the frames: --size", *typed)
    refused(capsys, r"light1\.png: 1300x866 pixels, not the frames' 900x900",
            *typed, "--size", "900x900", "--frame", near / "light1.png")  # fmt: skip
    small = near / "small.png"
    cv2.imwrite(str(small), np.zeros((5, 5), np.uint8))
    sized = ["--size", "1300x866", "--calibrated-size", "2600x1732"]
    refused(capsys, r"small\.png: 5x5 pixels, not the frames' 1300x866",
            *typed, *sized, "--ambient", small)  # fmt: skip
    refused(
        capsys, r"nothing\.png: No such file", *typed, *sized, "--ambient", near / "nothing.png"
    )
    refused(capsys, "--lengths has no meaning", *typed, *sized, "--lengths", "direction")
    refused(capsys, "no lamp '5'; it has 3: 1, 2, 3", *typed, *sized, "--lamps", "1,5")
    assert not out.exists()
    refused(capsys, "give --out a folder", "rig", "import", near, "--out", tmp_path / "a.json")
    out.mkdir()
    (out / "rig.yaml").write_text(NEAR)
    refused(capsys, r"rig\.yaml is in it", *typed, *sized)


def test_export_and_import_again(tmp_path, capsys):
    (tmp_path / "rig.yaml").write_text(NEAR)
    lp = tmp_path / "made" / "dome.lp"
    assert psface("rig", "export", tmp_path, "--lp", lp) == 0
    said = capsys.readouterr().out
    assert "not in an .lp file: intensities, positions (directions are those from a face" in said
    assert psface("rig", "import", lp, "--out", tmp_path / "again") == 0
    rig, again = read_rig(tmp_path / "rig.yaml"), read_rig(tmp_path / "again")
    assert np.abs(again.directions() - rig.directions()).max() < 1e-6
    assert [lamp.name for lamp in again.lamps] == ["left", "right"]


def test_names_of_exported_lamps(tmp_path, capsys):
    rig = tmp_path / "rig.yaml"
    rig.write_text(DISTANT)
    typed = ["rig", "export", rig, "--lp", tmp_path / "dome.lp"]
    session = write_capture(tmp_path / "session")
    for names, written in {
        "": ["left", "lamp2"], "a 1.png, b.png": ["a 1.png", "b.png"],
    }.items():  # fmt: skip
        assert psface(*typed, *(["--names", names] if names else [])) == 0
        rows = (tmp_path / "dome.lp").read_text().splitlines()
        assert rows[0] == "2" and [row.rsplit(" ", 3)[0] for row in rows[1:]] == written
    assert "does not read names with blanks: a 1.png" in capsys.readouterr().err
    refused(capsys, r"2 lamps, --names gives 4 \(im0\.bmp, ", *typed, "--names", session)
    refused(capsys, "2 lamps, --names gives 1", *typed, "--names", "a.png")
    refused(capsys, "2 lamps, --names gives 2 ", *typed, "--names", "a.png,a.png")
    (session / "im2.bmp").unlink(), (session / "im3.bmp").unlink()
    assert psface(*typed, "--names", session) == 0
    assert (tmp_path / "dome.lp").read_text().startswith("2\nim0.bmp -0.6")


@pytest.mark.parametrize(("text", "wide"), [(NEAR, True), (DISTANT, False)])
def test_show(text, wide, tmp_path, capsys):
    (tmp_path / "rig.yaml").write_text(text)
    assert psface("rig", "show", tmp_path, "--out", tmp_path / "seen" / "rig.png") == 0
    said = capsys.readouterr().out
    height, width = cv2.imread(str(tmp_path / "seen" / "rig.png")).shape[:2]
    assert (width > 2 * height) == wide
    assert re.search(r"lamp +azimuth +slant +intensity +at_face", said)
    assert ("distance_mm" in said) == wide and "rig show: 2 lamps" in said


def test_the_table_of_lamps(tmp_path):
    (tmp_path / "rig.yaml").write_text(NEAR)
    left, right = lamp_table(read_rig(tmp_path)).to_dict("records")
    assert (left["lamp"], left["azimuth"], left["slant"], left["intensity"]) == ("left", 270, 45, 2)
    assert (right["azimuth"], right["slant"], right["distance_mm"]) == (90, 36.9, 500)
    assert (right["x_mm"], right["y_mm"], right["z_mm"]) == (300, 0, -300)
    assert left["at_face"] + right["at_face"] == pytest.approx(2)


def test_very_many_lamps_and_one(tmp_path):
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(40, 3)) * [1, 1, 0] + [0, 0, 1]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    rig = Rig(
        lamps=[Lamp(name=f"$a_{i}$.png", direction=v) for i, v in enumerate(vectors.tolist())]
    )
    draw_rig(rig, tmp_path / "many.png", "ba$$in")
    draw_rig(rig.with_lamps([0]), tmp_path / "one.png")
    assert cv2.imread(str(tmp_path / "many.png")) is not None
    assert cv2.imread(str(tmp_path / "one.png")) is not None


def test_rigs_that_cannot_be_shown_or_exported(tmp_path, capsys):
    out = tmp_path / "a.png"
    refused(capsys, r"nowhere: missing", "rig", "show", tmp_path / "nowhere", "--out", out)
    refused(capsys, r"no rig\.yaml in it", "rig", "show", tmp_path, "--out", out)
    write_rig(tmp_path / "rig.json", Rig())
    refused(capsys, "no lamps in it", "rig", "show", tmp_path, "--out", out)
    refused(capsys, "no lamps in it", "rig", "export", tmp_path, "--lp", tmp_path / "a.lp")
    write_rig(tmp_path / "rig.json", Rig(lamps=[Lamp(direction=(0, 0, 1))]))
    refused(capsys, r"ends in \.png", "rig", "show", tmp_path, "--out", tmp_path / "a.jpg")
    refused(capsys, "is a folder; give --lp a file", "rig", "export", tmp_path, "--lp", tmp_path)
    (tmp_path / "rig.json").write_text("{")
    refused(capsys, "not readable as YAML", "rig", "show", tmp_path, "--out", out)
    assert not out.exists()

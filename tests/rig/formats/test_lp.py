"""RTI's .lp files: read as they come, refused where they can mean two things, written again."""

import numpy as np
import pytest

from psface.errors import UserError
from psface.rig.formats.found import Options
from psface.rig.formats.lp import read_lp, write_lp
from psface.rig.formats.rig_formats import import_rig
from psface.rig.rig import Lamp, Rig

TWO = "2\nleft.jpg -0.6 0 0.8\nright.jpg 0.6 0.0 0.8\n"


@pytest.fixture
def read(tmp_path):
    def read(text, lengths=None, **options):
        path = tmp_path / "dome.lp"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return import_rig(path, options=Options(lengths=lengths), **options)

    return read


@pytest.mark.parametrize(
    "text",
    [
        TWO,
        TWO.replace("\n", "\r\n"),
        TWO.replace("\n", "\r"),
        TWO.replace(" ", "\t"),
        TWO.replace("\n", "\n\n"),
        TWO.replace(" ", ", "),
        TWO.replace("left.jpg", '"left.jpg"'),
        TWO.replace("left.jpg", r"D:\dome\left.jpg").replace("right", "/home/a/right"),
        TWO.replace("left.jpg", r"dome\left.jpg").replace("right", "./right"),
        TWO.replace("2\n", "2 \n# RTIBuilder 2.0.2\n"),
        TWO.rstrip("\n"),
        TWO.replace("-0.6 0 0.8", "-6.0e-1 0e0 8E-1"),
        "\ufeff" + TWO,
        ("\ufeff" + TWO).encode("utf-16-le"),
    ],
)
def test_forms_that_other_programs_write(read, text):
    rig, _ = read(text)
    assert [lamp.name for lamp in rig.lamps] == ["left.jpg", "right.jpg"]
    assert rig.directions() == pytest.approx(np.array([[-0.6, 0, 0.8], [0.6, 0, 0.8]]))
    assert rig.calibration.method == "dome.lp"


def test_names(read):
    rig, notes = read('3\nmy dome 1.jpg 0 0 1\n"second of 2" 0 0.6 0.8\nImage 3 0.6 0 .8\n')
    assert [lamp.name for lamp in rig.lamps] == ["my dome 1.jpg", "second of 2", "Image 3"]
    assert notes == ()
    rig, notes = read("2\na/0.jpg 0 0 1\na/1.jpg 0 0.6 0.8\n")
    assert rig.lamps[0].name == "0.jpg" and "folders" in notes[0]
    rig, notes = read("2\na/0.jpg 0 0 1\nb/0.jpg 0 0.6 0.8\n")  # the folders tell them apart
    assert rig.lamps[0].name == "a/0.jpg" and notes == ()


def test_rows_without_names(read, tmp_path):
    rig, _ = read("2\n0 0 1\n0 0.6 0.8\n")
    assert [lamp.name for lamp in rig.lamps] == ["", ""]
    (tmp_path / "lights.txt").write_text("1\n0 0 1\n")
    assert len(import_rig(tmp_path / "lights.txt")[0].lamps) == 1


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "its first line `` is not the number of lamps"),
        ("left.jpg 0 0 1\n", "its first line `left.jpg 0 0 1` is not the number of lamps"),
        ("-2\n" + TWO[2:], "`-2` is not the number"),
        ("2.0\n" + TWO[2:], r"`2\.0` is not the number"),
        ("3\n" + TWO[2:], "3 lamps by its first line, 2 in the lines below"),
        ("1\n" + TWO[2:], "1 lamps by its first line, 2 in the lines below"),
        ("0\n", "0 lamps by its first line, 0 in the lines below"),
        ("1\nleft.jpg 0 0\n", "line 2: `left.jpg 0 0` does not end in three numbers"),
        ("1\nleft.jpg 0 0 nan\n", "line 2: .*does not end in three numbers"),
        ("1\nleft.jpg 0 0 1e999\n", "line 2: .*does not end in three numbers"),
        ("1\nleft.jpg 0 0 inf\n", "line 2: .*does not end in three numbers"),
        ("1\nleft.jpg 0 0 one\n", "line 2: .*does not end in three numbers"),
        ("1\n1 2 0 0 1\n", "line 2: 5 numbers; expected a picture's name and x y z"),
        ("1\na.jpg 1 0 0 1\n", "line 2: numbers besides a picture's name"),
        ("1\n0.5 0.5 0.7 1\n", "line 2: 4 numbers; expected a picture's name and x y z"),
        ("1\n0,5 0,5 0,7\n", "line 2: decimal commas; write decimal points"),
        ("1\na.jpg 0,5 -0,5 0,7\n", "line 2: decimal commas; write decimal points"),
        ("1\na.jpg;0,5;0,5;0,7\n", "line 2: decimal commas; write decimal points"),
        ("1\n#a.jpg 0 0 1\n", "line 2: a comment or a lamp"),
        ("2\na.jpg 0 0 1\na.jpg 0 0 1\n", "two lamps of one name"),
        ("1\na.jpg 0 0 -1\n", "lamp a.jpg is behind the face"),
        ("1\na.jpg 0 0 0\n", "lamp a.jpg has a direction of length 0"),
        (b"1\ncaf\xe9.jpg 0 0 1\n", "line 2: neither UTF-8"),
        (b"1\na.jpg 0 0\0 1\n", "line 2: a null character"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(read, tmp_path, text, complaint):
    with pytest.raises(UserError, match=complaint) as refused:
        read(text)
    assert "\n" not in str(refused.value) and str(tmp_path / "dome.lp") in str(refused.value)


def test_lamps_named_by_numbers_as_psface_names_pictures(read, tmp_path):
    text = "3\n00 0 0 1\n01 0 0.6 0.8\n02 0.6 0 0.8\n"
    rig, _ = read(text)
    assert rig.names == ("00", "01", "02")
    write_lp(tmp_path / "dome.lp", rig, rig.names)
    assert import_rig(tmp_path / "dome.lp")[0].directions() == pytest.approx(rig.directions())
    assert read(text, lamps="02,00")[0].names == ("02", "00")
    for chosen in ("1,2", "1,02"):  # the first and the second, or 01 and 02?
        with pytest.raises(UserError, match=r"no lamp '1'; it has 3: 00, 01, 02"):
            read(text, lamps=chosen)


def test_lengths_mean_what_the_user_says(read):
    strong = "2\na.jpg 0 0 2.000\nb.jpg 0.600 0 0.800\n"
    with pytest.raises(UserError, match=r"a\.jpg has length 2; say what .*--lengths intensity"):
        read(strong)
    rig, _ = read(strong, "intensity")
    assert [lamp.intensity for lamp in rig.lamps] == pytest.approx([2, 1])
    rig, _ = read(strong, "direction")
    assert [lamp.intensity for lamp in rig.lamps] == [1, 1]
    assert np.linalg.norm(rig.directions(), axis=1) == pytest.approx([1, 1])


def test_rounding_is_no_length(read):
    read("1\na.jpg 0.58 0.58 0.58\n")  # 1.0046, of two decimals
    with pytest.raises(UserError, match=r"length 1\.005"):
        read("1\na.jpg 0.580000 0.580000 0.580000\n")
    with pytest.raises(UserError, match=r"length 1\.1"):
        read("1\na.jpg 0 0 1.1\n")
    read("2\na.jpg 0.57735 0.57735 0.57735\nb.jpg 0 0 1\n")


def test_extreme_lengths(read):
    rig, _ = read("2\na.jpg 1e300 0 1e300\nb.jpg 0 0 1e-300\n", "direction")
    assert rig.directions() == pytest.approx(np.array([[0.5**0.5, 0, 0.5**0.5], [0, 0, 1]]))


def test_lamps_are_chosen_before_they_are_judged(read):
    text = "3\na.jpg 0 0 1\nfloor.jpg 0.6 0 -0.8\nb.jpg 0 0.6 0.8\n"
    with pytest.raises(UserError, match=r"floor\.jpg is behind the face"):
        read(text)
    assert [lamp.name for lamp in read(text, lamps="b.jpg, a.jpg")[0].lamps] == ["b.jpg", "a.jpg"]
    assert [lamp.name for lamp in read(text, lamps="3,1")[0].lamps] == ["b.jpg", "a.jpg"]
    for chosen, complaint in {
        "4": "no lamp '4'; it has 3: a.jpg, floor.jpg, b.jpg", "0": "no lamp '0'", "1,1": "listed",
        "c.jpg": "no lamp 'c.jpg'", "a.jpg,2": "no lamp 'a.jpg'", "1,,3": "no lamp ''",
    }.items():  # fmt: skip
        with pytest.raises(UserError, match=complaint):
            read(text, lamps=chosen)


def test_a_folder_has_one(tmp_path):
    (tmp_path / "a.lp").write_text(TWO)
    assert len(read_lp(tmp_path, Options()).lamps) == 2
    (tmp_path / "B.LP").write_text(TWO)
    with pytest.raises(UserError, match=r"B\.LP and a\.lp; give the file itself"):
        import_rig(tmp_path)


def test_what_is_written_is_read_again(tmp_path):
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(50, 3))
    directions[:, 2] = np.abs(directions[:, 2])
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    names = [f"my frame {i}.png" for i in range(50)]
    rig = Rig(lamps=[Lamp(direction=tuple(d)) for d in directions.tolist()])
    write_lp(tmp_path / "out.lp", rig, names)
    again, _ = import_rig(tmp_path / "out.lp")
    assert np.abs(again.directions() - directions).max() < 1e-8
    assert [lamp.name for lamp in again.lamps] == names
    assert b"\r" not in (tmp_path / "out.lp").read_bytes()


@pytest.mark.parametrize("name", ["", " a", "#a", "a\nb 0 0 1", "a\x00"])
def test_names_that_would_be_read_wrongly_are_not_written(tmp_path, name):
    with pytest.raises(UserError, match="give other --names"):
        write_lp(tmp_path / "out.lp", Rig(lamps=[Lamp(direction=(0, 0, 1))]), [name])
    assert not list(tmp_path.iterdir())


def test_the_lights_of_washington(shared_data):
    rig, _ = import_rig(shared_data / "uw_photometric")
    assert len(rig.lamps) == 12 and rig.lamps[0].direction == pytest.approx(
        (0.403259, 0.480808, 0.778592), abs=1e-5
    )

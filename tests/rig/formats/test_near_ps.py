"""near_ps's MATLAB files: converted to our frame, or refused by what is wrong in them."""

import struct

import numpy as np
import pytest
from scipy.io.matlab import MatlabObject

from psface.errors import UserError
from psface.rig.formats.found import Options
from psface.rig.formats.rig_formats import import_rig
from psface.rig.rig import read_rig, write_rig
from tests.rig.formats.written_mat import AXES, CAMERA, LAMPS, POSITIONS, mat, write_pair

FULL, HALF = (2600, 1732), (1300, 866)
HDF5 = b"\x89HDF\r\n\x1a\n"
FUNCTION, OPAQUE = 16, 17
OBJECT = MatlabObject(np.array([[(1.0,)]], dtype=[("x", "O")]), "lamps")


def imported(source, size=FULL, distance_mm=700.0, lamps="", **options):
    options = Options(size=size, **options)
    return import_rig(source, options=options, distance_mm=distance_mm, lamps=lamps)


def refused(match, source, **options):
    with pytest.raises(UserError, match=match) as error:
        imported(source, **options)
    assert "\n" not in str(error.value) and str(source) in str(error.value)


def test_axes_are_turned_into_ours(tmp_path):
    rig, notes = imported(write_pair(tmp_path / "near"), lamps="3,1")
    assert notes == () and [lamp.name for lamp in rig.lamps] == ["3", "1"]
    first = rig.lamps[1]
    assert first.position_mm == (-200, 50, -500) and first.axis == (0.6, 0, -0.8)
    assert first.anisotropy == 1 and rig.distance_mm == 700
    assert rig.lamps[0].intensity == pytest.approx(3 * np.array(first.intensity))
    assert rig.calibration.method == "light.mat, camera.mat"
    # 200 to the left, 50 up, 200 nearer to the camera than the face.
    assert rig.directions()[1] == pytest.approx(np.array([-200, 50, 200]) / 82500**0.5)


def test_the_mean_intensity_is_that_of_all_lamps(tmp_path):
    rig, _ = imported(write_pair(tmp_path / "near"))
    assert np.mean([lamp.intensity for lamp in rig.lamps]) == pytest.approx(1)
    grey, _ = imported(write_pair(tmp_path / "grey", Phi=np.array([[1.0], [2], [3]])))
    assert [lamp.intensity for lamp in grey.lamps] == pytest.approx([0.5, 1, 1.5])


def test_pixels_are_counted_from_the_centre_of_the_first(tmp_path):
    source = write_pair(tmp_path / "near")
    full = imported(source)[0].camera
    assert full.focal_px == (4000, 4002) and full.centre_px == (1299.5, 865.5)
    half = imported(source, size=HALF, calibrated_size=FULL)[0].camera
    assert half.focal_px == (2000, 2001) and half.centre_px == (649.5, 432.5)
    assert (half.width_px, half.height_px) == HALF


def test_what_is_written_is_read_again(tmp_path):
    rig, _ = imported(write_pair(tmp_path / "near"))
    write_rig(tmp_path / "rig.json", rig)
    assert read_rig(tmp_path / "rig.json") == rig


@pytest.mark.parametrize("compressed", [False, True])
def test_one_file_and_names_of_any_kind(tmp_path, compressed):
    path = tmp_path / "Rig of May.MAT"
    path.write_bytes(mat({**LAMPS, **CAMERA}, do_compression=compressed))
    assert imported(path)[0] == imported(tmp_path)[0]
    assert imported(path)[0].calibration.method == "Rig of May.MAT"


def test_matlab_s_transposed_intrinsics(tmp_path):
    turned = write_pair(tmp_path / "turned", camera={"K": CAMERA["K"].T})
    assert imported(turned)[0].camera == imported(write_pair(tmp_path / "near"))[0].camera


def test_intrinsics_in_another_place(tmp_path):
    source = write_pair(tmp_path / "near")
    (source / "camera.mat").rename(tmp_path / "canon.mat")
    refused(r"light\.mat: no camera\.mat beside it; give --camera", source)
    assert imported(source, camera=tmp_path / "canon.mat")[0].camera.focal_px == (4000, 4002)


def test_what_is_optional(tmp_path):
    source = write_pair(tmp_path / "near", Phi=None, Dir=None, mu=None)
    rig, notes = imported(source)
    assert all(lamp.axis is None and lamp.intensity == 1 for lamp in rig.lamps)
    assert "equally strong" in notes[0] and "alike all round" in notes[1]


def test_what_is_not_used_is_said(tmp_path):
    source = write_pair(tmp_path / "near", comment="of May", pixels=np.zeros((2, 2)))
    _, notes = imported(source)
    assert sorted(notes) == ["light.mat: comment is not used", "light.mat: pixels is not used"]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"S": None}, "no .mat file with lamps S"),
        ({"S": POSITIONS[:2]}, "Phi is 3 x 3, expected 2 x 1 or 2 x 3"),
        ({"S": POSITIONS[:, :2]}, "S is 3 x 2, expected 3 x 3"),
        ({"S": POSITIONS * 1e-3}, "are these metres"),
        ({"S": POSITIONS * [1, 1, 2]}, "is not in front of a face at distance_mm 700"),
        ({"S": POSITIONS * np.nan}, "S has a number that is not finite"),
        ({"S": POSITIONS + 1j}, "S is not a matrix of real numbers"),
        ({"S": np.zeros((0, 3))}, "S is empty"),
        ({"S": np.zeros((3, 3, 2))}, r"S has shape \(3, 3, 2\)"),
        ({"S": np.zeros((400, 300))}, r"S is 400 x 300, expected 400 x 3"),
        ({"Phi": LAMPS["Phi"][:2]}, "Phi is 2 x 3, expected 3 x 1 or 3 x 3, a row for each lamp"),
        ({"Phi": LAMPS["Phi"] - 10}, "Phi has an intensity that is not above 0"),
        ({"Dir": AXES * 2}, "row 1 of Dir is not of length 1"),
        ({"Dir": -AXES}, "points away from the face"),
        ({"Dir": None}, "anisotropy mu without orientations Dir"),
        ({"mu": np.ones((2, 1))}, "mu is 2 x 1, expected 3 x 1"),
        ({"mu": -np.ones((3, 1))}, "anisotropy: .*greater than or equal to 0"),
        ({"S": {"x": 1.0}}, "S is a struct, which is not read"),
        ({"calib": {"x": 1.0}}, "calib is a struct"),
        ({"calib": np.array([[1.0, "a"]], dtype=object)}, "calib is a cell array"),
        ({"S": "text"}, "no .mat file with lamps S"),
        ({"S": np.eye(3) > 0}, "no .mat file with lamps S"),
    ],
)
def test_lamps_that_cannot_be(tmp_path, changes, complaint):
    source = write_pair(tmp_path / "near", **changes)
    refused(complaint, source)


@pytest.mark.parametrize(
    ("camera", "complaint"),
    [
        ({"K": np.eye(3)}, "far from the middle of 2600x1732"),
        ({"K": np.zeros((3, 3))}, "K is not of the form"),
        ({"K": np.ones((2, 3))}, "K is not of the form"),
        ({"K": CAMERA["K"] * 2}, "K is not of the form"),
        ({"K": np.full((3, 3), np.inf)}, "K is not of the form"),
        ({"K": CAMERA["K"] + [[0, 90, 0], [0, 0, 0], [0, 0, 0]]}, "K has a skew of 90"),
        ({"A": CAMERA["K"]}, "no matrix K"),
    ],
)
def test_cameras_that_cannot_be(tmp_path, camera, complaint):
    refused(complaint, write_pair(tmp_path / "near", camera=camera))


def test_a_size_is_not_guessed(tmp_path):
    source = write_pair(tmp_path / "near")
    refused("give the size of the frames: --size", source, size=None)
    refused(r"far from the middle of 1300x866; .*--calibrated-size .*2600x1732", source, size=HALF)
    refused("differ in shape: cropped", source, size=(900, 866), calibrated_size=FULL)
    refused("give --distance-mm", source, distance_mm=None)


def element(kind: int, data: bytes) -> bytes:
    """An element of a MATLAB 5 file, padded to 8 bytes."""
    return struct.pack("<II", kind, len(data)) + data + bytes(-len(data) % 8)


def of_class(number: int) -> bytes:
    """A file with a variable S of a class that SciPy does not write."""
    flags = element(6, struct.pack("<II", number, 0))
    shape = element(5, struct.pack("<ii", 1, 1)) if number != OPAQUE else b""
    named = element(1, b"S") + (element(1, b"MCOS") + element(1, b"table"))
    return mat({})[:128] + element(14, flags + shape + named)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "not a MATLAB file of version 5"),
        (b"MATLAB 5.0", "not a MATLAB file of version 5"),
        (b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(512) + HDF5, "version 7.3"),
        (HDF5 + bytes(600), r"version 7.3 \(HDF5\); load it and save"),
        (bytes(512) + HDF5, "version 7.3"),
        (mat(LAMPS, format="4"), "not a MATLAB file of version 5"),
        (mat(LAMPS)[:128], "empty or cut"),
        (mat(LAMPS)[:200], "cut or damaged; restore it, or save its matrices"),
        (mat(LAMPS)[:-20], "cut or damaged"),
        (mat(LAMPS, do_compression=True)[:-20], "cut or damaged"),
        (mat({"S": POSITIONS}) + mat({"S": POSITIONS})[128:], "two variables S"),
        (mat({"S": OBJECT}), "S is an object, which is not read"),
        (of_class(FUNCTION), "S is a function handle, which is not read"),
        (of_class(OPAQUE), "S is an object, which is not read; save"),
        (of_class(99), "S is of an unknown kind, which is not read"),
        (mat({"S": np.zeros((1, 200_000))}), "over 1 MB, not a calibration"),
    ],
)  # fmt: skip
def test_files_that_are_not_matrices(tmp_path, data, complaint):
    source = write_pair(tmp_path / "near")
    (source / "light.mat").write_bytes(data)
    refused(complaint, source / "light.mat")


def test_a_file_that_unpacks_to_very_much_is_refused(tmp_path):
    source = write_pair(tmp_path / "near")
    data = mat({"S": np.zeros((2000, 2000))}, do_compression=True)
    assert len(data) < 1_000_000
    (source / "light.mat").write_bytes(data)
    refused("a variable of over 1 MB", source / "light.mat")


def test_two_files_of_lamps(tmp_path):
    source = write_pair(tmp_path / "near")
    (source / "second.mat").write_bytes(mat(LAMPS))
    refused(r"light\.mat and second\.mat; give the file", source)
    assert len(imported(source / "second.mat")[0].lamps) == 3


def test_the_near_lit_face(shared_data):
    """Against the numbers in its files, by hand."""
    rig, notes = import_rig(
        shared_data / "near_light_face",
        options=Options(size=HALF, calibrated_size=(2601, 1732)),
        distance_mm=670.0,
        lamps="1,2,3,4,6,7",
    )
    assert notes == () and [lamp.name for lamp in rig.lamps] == ["1", "2", "3", "4", "6", "7"]
    assert rig.calibration.date == "2017-05-02"
    assert rig.lamps[0].position_mm == pytest.approx((-219.4394, 57.9177, -517.0093), abs=1e-4)
    assert rig.lamps[0].axis == pytest.approx((0.9642, 0.1021, -0.2447), abs=1e-4)
    red, green, _ = rig.lamps[0].intensity
    assert green / red == pytest.approx(74007872 / 41500411)
    assert rig.camera.focal_px == pytest.approx((2045.55, 2048.99), abs=0.01)
    assert rig.camera.centre_px == pytest.approx((621.07, 451.04), abs=0.01)
    # Lamp 1 lights the picture's left, lamp 7 its right, lamp 4 from above.
    lights = dict(zip("123467", rig.directions(), strict=True))
    assert lights["1"][0] < -0.5 and lights["7"][0] > 0.5 and lights["4"][1] > 0.4

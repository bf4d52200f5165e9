"""Which format a file or folder has, and Photoface's."""

import pytest

from psface.errors import UserError
from psface.registry import named
from psface.rig.formats.found import Options
from psface.rig.formats.rig_formats import FORMATS, import_rig, recognised
from tests.shapes import FOUR_LIGHTS
from tests.written_captures import write_capture, write_lights


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("a.lp", "lp"),
        ("A.LP", "lp"),
        ("lights.txt", "lp"),
        ("light_directions.txt", "diligent"),
        ("light.mat", "near_ps"),
        ("LightSource.m", "light_source"),
        ("lightsource.M", "light_source"),
    ],
)
def test_recognised_by_names(tmp_path, name, form):
    (tmp_path / name).write_text("")
    (tmp_path / "readme.txt").write_text("")
    (tmp_path / ".hidden.lp").write_text("")
    assert recognised(tmp_path) == recognised(tmp_path / name) == form


def test_not_recognised(tmp_path):
    with pytest.raises(UserError, match=r"nowhere: missing"):
        recognised(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"no calibration that is known \(\.lp, .*--format"):
        recognised(tmp_path)
    (tmp_path / "lamps.dat").write_text("1\na.jpg 0 0 1\n")
    with pytest.raises(UserError, match=r"lamps\.dat: no calibration"):
        import_rig(tmp_path / "lamps.dat")
    assert len(import_rig(tmp_path / "lamps.dat", form="lp")[0].lamps) == 1


def test_of_two_formats(tmp_path):
    (tmp_path / "a.lp").write_text("1\na.jpg 0 0 1\n")
    write_lights(tmp_path, ("90-10 360-20;", "90-10 360-200;"))
    with pytest.raises(UserError, match="choose one by --format lp or light_source"):
        import_rig(tmp_path)
    assert len(import_rig(tmp_path, form="lp")[0].lamps) == 1
    assert len(import_rig(tmp_path, form="light_source")[0].lamps) == 2


def test_readers_are_where_they_are_said_to_be():
    assert all(callable(named(form.reader)) for form in FORMATS.values())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"lengths": "direction"}, "--lengths has no meaning for the format light_source"),
        ({"calibrated_size": (9, 9)}, "--calibrated-size has no meaning"),
        ({"camera": "camera.mat"}, "--camera has no meaning"),
    ],
)
def test_options_are_not_ignored(tmp_path, options, said):
    source = write_capture(tmp_path / "session")
    with pytest.raises(UserError, match=said):
        import_rig(source, options=Options(**options))


def test_the_lamps_of_a_photoface_session(tmp_path):
    source = write_capture(tmp_path / "session")
    rig, notes = import_rig(source, options=Options(size=(64, 64)), response="srgb")
    assert notes == () and [lamp.name for lamp in rig.lamps] == ["im0", "im1", "im2", "im3"]
    assert rig.directions() == pytest.approx(FOUR_LIGHTS, abs=1e-5)
    assert (rig.camera.width_px, rig.camera.response) == (64, "srgb")


def test_photoface_files_that_cannot_be(tmp_path):
    write_lights(tmp_path, ())
    with pytest.raises(UserError, match=r"LightSource\.m: no lights in it"):
        import_rig(tmp_path)
    write_lights(tmp_path, ("90-120 360-20;",))
    with pytest.raises(UserError, match="lamp im0 is behind the face"):
        import_rig(tmp_path)
    write_lights(tmp_path, ("system('ls')",))
    with pytest.raises(UserError, match="is not of the form `90-r 360-a;`"):
        import_rig(tmp_path)

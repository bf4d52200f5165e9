"""What `psface view` and `psface mesh` take for a capture."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from psface.captures.capture_table import write_captures
from psface.captures.discovery import read_capture_at
from psface.config import PARAMS
from psface.errors import UserError
from psface.liveness.looking import LIMITS, STEREO
from psface.report.found_capture import read_shown
from psface.rig.rig import Rig
from psface.stereo.map_files import read_maps, write_maps
from psface.stereo.map_folder import MapFolder
from tests.shapes import FOUR_LIGHTS
from tests.written_captures import capture_frames, write_capture


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch):
    """A folder without params.yaml."""
    monkeypatch.chdir(tmp_path)


def test_without_params_yaml_maps_are_made_as_by_the_committed_one(settings):
    assert settings.ingest.limits == LIMITS and settings.stereo == STEREO


def test_params_yaml_counts_where_there_is_one(settings):
    folder = write_capture(Path("anna/monday"))
    PARAMS.write_text(
        "ingest: {max_condition: 20.0, max_saturated: 0.25, min_brightness: 0.01, root: x}\n"
        "stereo: {register_frames: false, exclude_shadows: true, integrator: frankot-chellappa}\n"
    )
    shown = read_shown(folder)
    assert not shown.maps.shifts.any() and shown.trust.motion_px == 0
    PARAMS.write_text(PARAMS.read_text().replace("20.0", "0.5"))
    with pytest.raises(UserError, match=r"coplanar"):
        read_shown(folder)


def test_a_folder_and_its_map_file_are_shown_alike():
    folder = write_capture(Path("anna/monday"))
    shown = read_shown(folder)
    assert shown.name == "anna/monday" and shown.frames.shape == (4, 64, 64)
    path = MapFolder(Path("data/stereo")).file_of(read_capture_at(folder).key)
    path.parent.mkdir(parents=True)
    write_maps(path, shown.maps)
    alone = read_shown(path)
    assert alone.name == shown.name and len(alone.lights) == 0 and alone.frames is None
    assert alone.trust == shown.trust and (alone.maps.depth == shown.maps.depth).all()

    # The table of captures beside the maps tells the lamps, and where the frames are.
    write_captures(Path("data/sessions.parquet"), [read_capture_at(folder)])
    known = read_shown(path)
    assert known.lights == pytest.approx(FOUR_LIGHTS, abs=1e-4)
    assert (known.frames == shown.frames).all()
    (folder / "im2.bmp").unlink()
    assert read_shown(path).frames is None and len(read_shown(path).lights) == 4


def test_a_capture_of_a_manifest_is_named_by_its_place():
    rows = ["identity,session,frame,light_x,light_y,light_z"]
    for session in ("one", "two"):
        write_capture(Path("set/anna") / session)
        rows += [
            f"anna,{session},anna/{session}/im{i}.bmp,{x},{y},{z}"
            for i, (x, y, z) in enumerate(FOUR_LIGHTS)
        ]
        (Path("set/anna") / session / "LightSource.m").unlink()
    Path("set/manifest.csv").write_text("\n".join(rows) + "\n")
    assert read_shown(Path("set/anna/two")).name == "anna/two"
    with pytest.raises(UserError, match="set: 2 captures; give one of them, as set/anna/one, "):
        read_shown(Path("set"))
    with pytest.raises(UserError, match="set/anna/three: no such picture or capture"):
        read_shown(Path("set/anna/three"))


def test_albedo_is_in_colour_if_the_frames_are():
    import cv2

    grey = read_shown(write_capture(Path("anna/grey")))
    assert grey.maps.colour is None and (grey.albedo == grey.albedo[..., :1]).all()
    assert grey.albedo.max() == 1 and grey.albedo.shape == (64, 64, 3)
    folder = write_capture(Path("anna/colour"))
    for i, frame in enumerate(capture_frames()):
        # Blue, green, red: OpenCV's order.
        cv2.imwrite(str(folder / f"im{i}.bmp"), np.dstack([frame // 4, frame // 2, frame]))
    colours = read_shown(folder).albedo[read_shown(folder).maps.mask]
    red, green, blue = np.median(colours, axis=0)
    assert green / red == pytest.approx(0.5, abs=0.05)
    assert blue / red == pytest.approx(0.25, abs=0.05)


def test_what_is_no_capture_is_refused():
    folder = write_capture(Path("anna/monday"))
    with pytest.raises(UserError, match=r"im0\.bmp: a picture; give a folder of one capture"):
        read_shown(folder / "im0.bmp")
    (folder / "LightSource.m").unlink()
    (folder / "im3.bmp").unlink()
    with pytest.raises(UserError, match="anna/monday: 3 frames without lights; give them in"):
        read_shown(folder)
    Path("empty").mkdir()
    for place in ("empty", "nowhere"):
        with pytest.raises(UserError, match=f"^{place}: "):
            read_shown(Path(place))


def test_maps_that_show_nothing_are_refused():
    maps = read_shown(write_capture(Path("anna/monday"))).maps
    write_maps(Path("maps.exr"), replace(maps, mask=np.zeros_like(maps.mask)))
    with pytest.raises(UserError, match=r"maps\.exr: no surface found; its mask is empty"):
        read_shown(Path("maps.exr"))
    whole = Path("maps.exr").read_bytes()
    for data in (b"", whole[:500], whole[:-300], b"\x89PNG"):
        Path("bad.exr").write_bytes(data)
        with pytest.raises(UserError, match=r"^bad\.exr: not a readable map file \("):
            read_shown(Path("bad.exr"))


def test_a_rig_that_does_not_fit_is_refused():
    shown = read_shown(write_capture(Path("anna/monday")))
    path = Path("data/stereo/anna/monday.exr")
    path.parent.mkdir(parents=True)
    write_maps(path, replace(shown.maps, mm_per_px=0.5))
    camera = {"width_px": 64, "height_px": 64, "focal_px": (100, 100)}
    rig = Rig.model_validate({"schema": "psface-rig-1", "camera": camera, "distance_mm": 90.0})
    with pytest.raises(UserError, match=r"anna/monday: a map of 0\.5 mm a pixel, but 0\.9 by"):
        _ = read_shown(path, rig).surface
    assert read_maps(path).mm_per_px == 0.5

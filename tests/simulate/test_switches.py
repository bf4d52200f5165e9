"""Each switch of the rig changes what it should, and nothing else."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from psface.rig.response import Gamma, linear_light
from psface.simulate.faults import draw_faults
from psface.simulate.recording import prepare_session, simulate_session
from psface.simulate.sensor import AUTO_LEVEL, automatic_gain, vignetting
from psface.simulate.simulate_params import RigParams
from psface.stereo.map_files import read_maps
from tests.simulate.conftest import SEED, rigged

SWITCHES = {
    "camera_distance_mm": 800.0,
    "lamp_distance_mm": 800.0,
    "lamp_spread": 0.15,
    "ambient": 0.2,
    "ambient_frame": True,
    "response": "srgb",
    "vignetting": 0.4,
    "auto_exposure": True,
    "failed_lamp": 1.0,
    "shuffled": 1.0,
}
UNTOUCHED = "metadataII.txt", "landmarks.csv"  # but for a camera that sees them elsewhere


@pytest.fixture(scope="module")
def still(params):
    """No noise and no motion, so that frames are the same but for the switch."""
    return params.model_copy(update={"noise": 0.0, "motion": 0.0})


@pytest.fixture(scope="module")
def captured(still, tmp_path_factory):
    """One capture by the ideal rig, and one by each switch alone, by name."""
    out = tmp_path_factory.mktemp("switches")
    folders = {"ideal": simulate_session(still, SEED, out / "ideal", (0, 1))}
    for name, value in SWITCHES.items():
        folders[name] = simulate_session(rigged(still, **{name: value}), SEED, out / name, (0, 1))
    return folders


def frames_of(folder) -> np.ndarray:
    return np.stack([read(folder / f"im{number}.bmp") for number in range(4)])


def read(path) -> np.ndarray:
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED).astype(np.float32)


def truth_of(folder) -> dict:
    return json.loads((folder / "truth.json").read_text())


@pytest.mark.parametrize("name", SWITCHES)
def test_what_stays(captured, name):
    ideal, folder = captured["ideal"], captured[name]
    files = {path.name for path in ideal.iterdir()} - {"LightSource.m"}
    extra = {"ambient.png"} if name == "ambient_frame" else set()
    assert {path.name for path in folder.iterdir()} == files | extra
    before, after = read_maps(ideal / "truth.exr"), read_maps(folder / "truth.exr")
    if name != "camera_distance_mm":
        for file in UNTOUCHED:
            assert (ideal / file).read_bytes() == (folder / file).read_bytes()
        assert np.array_equal(before.normal, after.normal)
        assert np.array_equal(before.albedo, after.albedo)
        assert before.mm_per_px is None and after.mm_per_px is not None
        assert np.abs(before.depth - after.depth_px)[after.mask].max() < 0.1
    for key in ("yaw", "pitch", "roll", "shifts", "noise", "expression", "hair"):
        assert truth_of(ideal)[key] == truth_of(folder)[key]
    # The ideal rig's lamps take the room's light along when they flicker: a grey level at most.
    change = np.abs(frames_of(ideal) - frames_of(folder)).max()
    assert change <= 1 if name == "ambient_frame" else change > 10


def test_switches_off_are_the_ideal_rig(still, captured, tmp_path):
    off = rigged(still, **RigParams().model_dump())
    folder = simulate_session(off, SEED, tmp_path, (0, 1))
    for path in captured["ideal"].iterdir():
        assert path.read_bytes() == (folder / path.name).read_bytes(), path.name


def test_same_seed_same_bytes(params, tmp_path):
    """All switches at once; a capture does not depend on others, nor on the run."""
    everything = rigged(params, **{**SWITCHES, "shuffled": 0.5, "failed_lamp": 0.5})
    first = simulate_session(everything, SEED, tmp_path / "first", (1, 1))
    simulate_session(everything, SEED, tmp_path / "again", (0, 0))
    again = simulate_session(everything, SEED, tmp_path / "again", (1, 1))
    assert len(list(first.iterdir())) == 9
    for path in first.iterdir():
        assert path.read_bytes() == (again / path.name).read_bytes(), path.name


def test_strengths_scale_the_lamps(captured):
    before, after = frames_of(captured["ideal"]), frames_of(captured["lamp_spread"])
    strengths = truth_of(captured["lamp_spread"])["rig"]["lamp_strengths"]
    gains = truth_of(captured["ideal"])["conditions"]["light_gains"]
    spread = np.array(strengths) / gains
    assert np.sort(spread) == pytest.approx([0.85, 0.95, 1.05, 1.15])
    for ratio, one, other in zip(spread, before, after, strict=True):
        bright = (one > 60) & (one < 200)
        assert np.median(other[bright] / one[bright]) == pytest.approx(ratio, abs=0.01)


def test_failed_lamp_leaves_the_ambient_light(still, tmp_path):
    params = rigged(still, failed_lamp=1.0, ambient=0.2, ambient_frame=True)
    folder = simulate_session(params, SEED, tmp_path, (0, 0))
    failed = truth_of(folder)["rig"]["failed_lamp"]
    ambient = read(folder / "ambient.png")
    assert ambient.max() > 15
    for number, frame in enumerate(frames_of(folder)):
        assert np.array_equal(frame, ambient) == (number == failed)


def test_shuffled_frames_are_in_the_recorded_order(captured):
    before, after = frames_of(captured["ideal"]), frames_of(captured["shuffled"])
    order = truth_of(captured["shuffled"])["rig"]["frame_lamps"]
    assert sorted(order) == [0, 1, 2, 3] and order != [0, 1, 2, 3]
    for frame, lamp in zip(after, order, strict=True):
        assert np.abs(frame - before[lamp]).max() <= 1


def test_auto_exposure_brings_each_frame_to_one_level(captured):
    before, after = frames_of(captured["ideal"]), frames_of(captured["auto_exposure"])
    gains = truth_of(captured["auto_exposure"])["rig"]["frame_gains"]
    assert len(set(gains)) == 4
    for gain, one, other in zip(gains, before, after, strict=True):
        seen = (one < 200 / max(gain, 1)) & (one > 10)
        assert np.abs(other - gain * one)[seen].max() < 1.6
        assert automatic_gain(other) == pytest.approx(1, abs=0.03)
    assert automatic_gain(np.full((9, 9), AUTO_LEVEL / 3)) == pytest.approx(3)
    assert automatic_gain(np.zeros((9, 9))) == 4


@pytest.mark.parametrize("response", ["srgb", Gamma(gamma=2.2)])
def test_response_is_undone_by_its_inverse(still, captured, tmp_path, response):
    folder = simulate_session(rigged(still, response=response), SEED, tmp_path, (0, 1))
    before, after = frames_of(captured["ideal"]), frames_of(folder)
    undone = 255 * linear_light(after / 255, response)
    assert np.abs(undone - before).max() < 1.8
    assert after.mean() > before.mean() + 20


def test_vignetting_darkens_the_corners(params, captured):
    before, after = frames_of(captured["ideal"]), frames_of(captured["vignetting"])
    share = vignetting(params.width, params.height, 0.4)
    assert share[0, 0] == pytest.approx(0.6) and share[120, 90] > 0.999
    seen = before < 250
    assert np.abs(after - share * before)[seen].max() < 1.6


def test_the_room_s_light_is_the_rig_s(still):
    constant = rigged(still, ambient=0.07)
    for number in (0, 1):
        _, drawn = prepare_session(still, SEED, number, 0)
        _, state = prepare_session(constant, SEED, number, 0)
        assert 0.01 <= drawn.conditions.ambient <= 0.05
        assert state.conditions == replace(drawn.conditions, ambient=0.07)


def test_more_faults_leave_the_others_as_they_are():
    few, many = RigParams(failed_lamp=0.3, shuffled=0.2), RigParams(failed_lamp=0.6, shuffled=0.7)
    captures = [(number, session) for number in range(40) for session in range(5)]
    few_drawn = [draw_faults(few, SEED, *capture, 4) for capture in captures]
    many_drawn = [draw_faults(many, SEED, *capture, 4) for capture in captures]
    for one, other in zip(few_drawn, many_drawn, strict=True):
        assert one.failed in (None, other.failed)
        assert one.lamps in ((0, 1, 2, 3), other.lamps)
    assert np.mean([f.failed is not None for f in few_drawn]) == pytest.approx(0.3, abs=0.1)
    assert np.mean([f.lamps != (0, 1, 2, 3) for f in many_drawn]) == pytest.approx(0.7, abs=0.1)

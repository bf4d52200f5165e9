import json

import cv2
import numpy as np
import pytest

from psface.rig.rig import read_rig
from psface.simulate.balls import BallLook, simulate_balls
from tests.commands.running import psface, refused
from tests.simulated_balls import (
    CAMERA,
    STRENGTHS,
    ball,
    directions,
    distant_lamps,
    write_pictures,
)


@pytest.fixture
def mirror(tmp_path):
    taken = simulate_balls([ball(True)], distant_lamps(), CAMERA)
    return write_pictures(tmp_path / "mirror", taken)


@pytest.fixture
def matte(tmp_path):
    taken = simulate_balls([ball()], distant_lamps(), CAMERA, BallLook(gloss=0.3))
    return write_pictures(tmp_path / "matte", taken)


def test_mirror_and_matte_ball_make_a_rig(mirror, matte, tmp_path, capsys):
    out = tmp_path / "rig"
    assert psface("rig", "calibrate", mirror, "--matte", matte, "--out", out) == 0
    said = capsys.readouterr().out
    assert "8 distant lamps by mirror ball and a matte ball, directions within about 0." in said
    assert "the matte ball agrees to 0." in said
    rig = read_rig(out)
    assert np.abs(rig.directions() - directions()).max() < 0.01
    assert np.allclose([lamp.strength for lamp in rig.lamps], STRENGTHS, rtol=0.01)
    assert (rig.camera.width_px, rig.camera.height_px) == (240, 200)
    assert cv2.imread(str(out / "calibration.png")).shape[0] > 500
    assert json.loads((out / "rig.json").read_text())["schema"] == "psface-rig-1"


def test_a_rig_is_not_overwritten_without_force(matte, tmp_path, capsys):
    out = tmp_path / "rig"
    assert psface("rig", "calibrate", matte, "--out", out) == 0
    before = (out / "rig.json").read_text()
    refused(capsys, "rig.json is in it; give --force", "rig", "calibrate", matte, "--out", out)
    assert psface("rig", "calibrate", matte, "--out", out, "--force") == 0
    assert (out / "rig.json").read_text() == before
    (out / "rig.yaml").write_text("schema: psface-rig-1\n")
    words = ("rig", "calibrate", matte, "--out", out, "--force")
    refused(capsys, "rig.yaml is in it; remove it", *words)


def test_a_mirror_alone_says_that_intensities_are_unknown(mirror, tmp_path, capsys):
    assert psface("rig", "calibrate", mirror, "--out", tmp_path / "rig") == 0
    said = capsys.readouterr().out
    assert "intensities are taken as equal" in said
    assert "its residual is 0 by construction" in said


def test_an_ambient_frame_goes_into_the_rig(tmp_path):
    taken = simulate_balls([ball()], distant_lamps(), CAMERA, BallLook(noise=0.001))
    lifted = taken.frames * 0.9 + 0.05
    folder = write_pictures(tmp_path / "ball", type(taken)(lifted, taken.mask))
    dark = tmp_path / "dark.png"
    cv2.imwrite(str(dark), np.full((200, 240), 13, np.uint8))
    out = tmp_path / "rig"
    assert psface("rig", "calibrate", folder, "--ambient", dark, "--out", out) == 0
    rig = read_rig(out)
    assert rig.ambient == "ambient.png" and (out / "ambient.png").exists()
    assert np.abs(rig.directions() - directions()).max() < 0.01


def test_wrong_arguments_are_refused_before_any_work(mirror, matte, tmp_path, capsys):
    out = ("--out", tmp_path / "rig")
    calibrate = ("rig", "calibrate")
    refused(capsys, "give --out a folder", *calibrate, mirror, "--out", tmp_path / "rig.json")
    refused(capsys, "one mask for 2 folders", *calibrate, mirror, matte, "--mask", "m.png", *out)
    refused(capsys, "need --ball-diameter-mm", *calibrate, mirror, "--distance-mm", 900, *out)
    refused(capsys, "only with --focal-px", *calibrate, mirror, "--ball-diameter-mm", 60, *out)
    refused(capsys, "not a folder", *calibrate, tmp_path / "nothing", *out)
    refused(capsys, "--matte is for mirror balls", *calibrate, matte, "--matte", mirror, *out)
    assert psface(*calibrate, mirror, "--response", "curved", *out) == 2
    assert not (tmp_path / "rig").exists()


def test_refused_pictures_leave_no_rig(mirror, tmp_path, capsys):
    cv2.imwrite(str(mirror / "lamp3.png"), np.zeros((200, 240), np.uint8))
    refused(
        capsys, r"lamp3\.png: no highlight", "rig", "calibrate", mirror, "--out", tmp_path / "rig"
    )
    assert not (tmp_path / "rig").exists()

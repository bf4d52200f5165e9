from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from psface.captures.images import read_frame
from psface.errors import UserError
from psface.rig.calibration.ball_outline import balls_of_mask
from psface.rig.calibration.ball_pictures import read_ball_pictures
from psface.rig.calibration.calibrating import BallSizes, calibrate_rig
from psface.rig.calibration.mirror_ball import find_highlights
from psface.rig.rig import Camera
from psface.simulate.balls import BallLook, SimulatedBall
from psface.vectors import angles
from tests.simulated_balls import (
    CAMERA,
    NEAR_CAMERA,
    STRENGTHS,
    ball,
    directions,
    distant_lamps,
    near_lamps,
    pictures,
    positions,
)

DIAMETER = 120.0
MASK = Path("mask.png")
PLACES = (SimulatedBall((-130, 50, -1000), 60), SimulatedBall((130, -50, -960), 60))
SIZES = BallSizes(DIAMETER)


def near(mirror: bool, lamps, look=None):
    return [
        pictures(
            [replace(place, mirror=mirror)], lamps, NEAR_CAMERA, look, f"place{number}", seed=number
        )
        for number, place in enumerate(PLACES)
    ]


def position_errors(calibrated) -> np.ndarray:
    found = np.array([lamp.position_mm for lamp in calibrated.rig.lamps])
    far = np.linalg.norm(positions() - (0, 0, -1000), axis=1)
    return np.linalg.norm(found - positions(), axis=1) / far


def test_two_mirror_balls_in_one_picture_give_positions():
    balls = [replace(place, mirror=True) for place in PLACES]
    taken = pictures(balls, near_lamps(), NEAR_CAMERA)
    calibrated = calibrate_rig([taken], NEAR_CAMERA, sizes=SIZES)
    assert calibrated.rig.near
    assert calibrated.rig.calibration.method == "mirror balls"
    assert position_errors(calibrated).mean() < 0.02  # of balls of 55 px
    assert calibrated.residuals.max() < 0.5
    assert calibrated.rig.distance_mm == pytest.approx(980, rel=0.01)
    assert any("taken as equal" in note for note in calibrated.notes)


def test_a_mirror_ball_in_two_places_and_a_matte_one_give_intensities_too():
    matte = pictures([SimulatedBall((0, 0, -1020), 60)], near_lamps(), NEAR_CAMERA, folder="matte")
    calibrated = calibrate_rig(near(True, near_lamps()), NEAR_CAMERA, matte=matte, sizes=SIZES)
    strengths = np.array([lamp.strength for lamp in calibrated.rig.lamps])
    assert np.abs(strengths / STRENGTHS - 1).max() < 0.05  # of positions to 2%
    assert calibrated.rig.calibration.method == "mirror balls and a matte ball"


@pytest.mark.parametrize(("anisotropy", "within"), [(0.0, 0.01), (1.0, 0.02)])
def test_a_matte_ball_in_two_places_gives_positions_and_intensities(anisotropy, within):
    calibrated = calibrate_rig(near(False, near_lamps(anisotropy)), NEAR_CAMERA, sizes=SIZES)
    assert position_errors(calibrated).mean() < within
    strengths = np.array([lamp.strength for lamp in calibrated.rig.lamps])
    assert np.abs(strengths / STRENGTHS - 1).mean() < 0.03


def test_lamps_that_shine_unevenly_are_noted():
    taken = near(False, near_lamps())
    taken[1].frames[2] *= 0.8
    calibrated = calibrate_rig(taken, NEAR_CAMERA, sizes=SIZES)
    assert any("weaken off their axes" in note for note in calibrated.notes)
    assert position_errors(calibrated).mean() < 0.01


def test_fall_off_over_one_small_ball_leaves_the_distance_open():
    taken = near(False, near_lamps(), BallLook(noise=0.01))[0]
    calibrated = calibrate_rig([taken], NEAR_CAMERA, sizes=SIZES)
    assert not calibrated.rig.near
    assert any("leaves distances open" in note for note in calibrated.notes)


def test_one_mirror_ball_checked_by_a_matte_one():
    mirror = pictures([ball(True)], distant_lamps(), folder="mirror")
    matte = pictures([ball()], distant_lamps(), folder="matte", look=BallLook(gloss=0.3))
    calibrated = calibrate_rig([mirror], CAMERA, matte=matte, date="2026-03-01")
    assert angles(calibrated.rig.directions(), directions()).max() < 0.5
    strengths = np.array([lamp.strength for lamp in calibrated.rig.lamps])
    assert np.abs(strengths / STRENGTHS - 1).max() < 0.01
    assert calibrated.disagreement.max() < 0.6
    assert 0 < calibrated.residuals.max() < 1
    assert [lamp.name for lamp in calibrated.rig.lamps] == list(mirror.names)
    assert calibrated.rig.calibration.targets == ("mirror", "matte")
    assert 0.2 < calibrated.rig.calibration.score_deg < 1


def test_other_lamps_on_the_matte_ball_are_refused():
    mirror = pictures([ball(True)], distant_lamps(), folder="mirror")
    lamps = distant_lamps()
    turned = [replace_direction(lamp, lamps[k - 3]) for k, lamp in enumerate(lamps)]
    matte = pictures([ball()], turned, folder="matte")
    with pytest.raises(UserError, match=r"matte: its lamps are \d+ degrees from those of the"):
        calibrate_rig([mirror], CAMERA, matte=matte)


def test_two_pictures_out_of_order_are_refused_though_the_others_agree():
    mirror = pictures([ball(True)], distant_lamps(), folder="mirror")
    matte = pictures([ball()], distant_lamps(), folder="matte")
    frames = matte.frames[[0, 5, 2, 3, 4, 1, 6, 7]]
    with pytest.raises(UserError, match=r"matte/lamp[15]\.png: its lamp is \d+ degrees from that"):
        calibrate_rig([mirror], CAMERA, matte=replace(matte, frames=frames))


def test_pictures_too_dark_for_shading_are_refused():
    taken = pictures([ball()], distant_lamps())
    dark = replace(taken, frames=(np.round(taken.frames * 255 * 0.03) / 255).astype(np.float32))
    with pytest.raises(UserError, match=r"lamp0\.png: only \d levels of grey on the ball"):
        calibrate_rig([dark], CAMERA)


def test_a_mirror_taken_for_matte_is_refused():
    mirror = pictures([ball(True)], distant_lamps(), folder="mirror")
    other = replace(mirror, folder=Path("other"))
    with pytest.raises(UserError, match="mirror: a mirror ball by its looks; give pictures of a"):
        calibrate_rig([mirror], CAMERA, "matte")
    with pytest.raises(UserError, match="other: a mirror ball by its looks"):
        calibrate_rig([mirror], CAMERA, matte=other)


def test_what_one_mirror_ball_cannot_tell_is_noted():
    taken = pictures([replace(PLACES[0], mirror=True)], near_lamps(), NEAR_CAMERA)
    x, y = find_highlights(taken, balls_of_mask(taken.mask, NEAR_CAMERA, MASK)[0]).points[2]
    cv2.circle(taken.frames[2], (round(x) + 3, round(y)), 4, 20.0, -1)
    notes = calibrate_rig([taken], NEAR_CAMERA, sizes=SIZES).notes
    assert any("positions need mirror balls in two places" in note for note in notes)
    assert [note[:28] for note in notes if "as large" in note] == ["the highlight of lamp2.png i"]


def test_a_focal_length_in_mm_is_refused():
    [first, _] = near(True, near_lamps())
    for focal in (50.0, 1e6):
        with pytest.raises(UserError, match=r"--focal-px: camera: a focal length of .*give pixels"):
            calibrate_rig([first], Camera(focal_px=(focal, focal)), sizes=SIZES)


def replace_direction(lamp, other):
    return lamp.model_copy(update={"direction": other.direction})


def test_lamps_in_a_plane_are_refused():
    lamps = distant_lamps()[:4]
    flat = np.array([[0.5, 0, 0.8], [0.2, 0, 1], [-0.2, 0, 1], [-0.5, 0, 0.8]])
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    lamps = [
        lamp.model_copy(update={"direction": tuple(direction)})
        for lamp, direction in zip(lamps, flat, strict=True)
    ]
    with pytest.raises(UserError, match="all lamps are in a plane"):
        calibrate_rig([pictures([ball()], lamps)], CAMERA)


def test_balls_of_which_one_is_in_shadow_are_refused():
    balls = [replace(place, mirror=True) for place in PLACES]
    taken = pictures(balls, near_lamps(), NEAR_CAMERA)
    taken.frames[5, :, :180] = taken.frames[:, :, :180].min(axis=0)
    with pytest.raises(UserError, match=r"lamp5\.png: no highlight"):
        calibrate_rig([taken], NEAR_CAMERA, sizes=SIZES)


def test_folders_of_other_lamps_are_refused():
    first, second = near(True, near_lamps())
    other = replace(second, paths=tuple(reversed(second.paths)))
    with pytest.raises(UserError, match="not named as those of place0"):
        calibrate_rig([first, other], NEAR_CAMERA, sizes=SIZES)
    with pytest.raises(UserError, match="--focal-px"):
        calibrate_rig([first], Camera(), sizes=SIZES)
    with pytest.raises(UserError, match="360x220 pixels, and the camera has 100x100"):
        calibrate_rig([first], Camera(width_px=100, height_px=100))


def test_uw_mirror_and_matte_ball_agree(shared_data):
    camera = Camera()
    mirror = read_ball_pictures(shared_data / "uw_photometric" / "chrome", camera)
    matte = read_ball_pictures(shared_data / "uw_photometric" / "gray", camera)
    calibrated = calibrate_rig([mirror], camera, matte=matte)
    assert np.median(calibrated.disagreement) < 1.0
    assert calibrated.disagreement.max() < 3.0
    strengths = np.array([lamp.strength for lamp in calibrated.rig.lamps])
    assert np.abs(strengths - 1).max() < 0.03


def test_diligent_ball_gives_the_published_lights(shared_data):
    folder = shared_data / "diligent_ball"
    truth = np.loadtxt(folder / "light_directions.txt")
    intensities = np.loadtxt(folder / "light_intensities.txt")
    calibrated = calibrate_rig([read_ball_pictures(folder, Camera())], Camera())
    assert calibrated.rig.calibration.method == "matte ball"
    assert angles(calibrated.rig.directions(), truth).mean() < 0.77
    found = np.array([lamp.intensity for lamp in calibrated.rig.lamps])
    ratio = found / intensities
    assert np.abs(ratio / np.median(ratio, axis=0) - 1).mean() < 0.013


def test_the_mask_of_the_uw_gray_ball_is_not_needed(shared_data, tmp_path):
    for name in ("00", "04", "08", "11"):
        source = shared_data / "uw_photometric" / "gray" / f"{name}.png"
        cv2.imwrite(str(tmp_path / f"{name}.png"), (read_frame(source) * 255).round())
    calibrated = calibrate_rig([read_ball_pictures(tmp_path, Camera())], Camera())
    assert calibrated.rig.calibration.method == "matte ball"

from dataclasses import replace

import numpy as np
import pytest

from psface.errors import UserError
from psface.rig.calibration.ball_pictures import read_ball_pictures
from psface.rig.calibration.calibrating import calibrate_rig
from psface.rig.response import encoded
from psface.rig.rig import Camera
from psface.simulate.balls import BallLook
from tests.simulated_balls import CAMERA, ball, directions, distant_lamps, pictures

REFUSED = r"lamp0\.png: not linear in the light: .*give --response srgb, or --response linear if"


def curved(taken, change):
    frames = np.round(change(taken.frames) * 255) / 255
    return replace(taken, frames=frames.astype(np.float32))


@pytest.mark.parametrize(
    "look", [BallLook(), BallLook(gloss=0.5), BallLook(rough=0.1), BallLook(ambient=0.03)]
)
@pytest.mark.parametrize(
    "change", [lambda v: encoded(v, "srgb"), lambda v: v ** (1 / 1.8)], ids=["srgb", "gamma 1.8"]
)
def test_a_camera_s_curve_is_not_taken_for_how_the_ball_reflects(look, change):
    taken = curved(pictures([ball()], distant_lamps(), look=look), change)
    with pytest.raises(UserError, match=REFUSED):
        calibrate_rig([taken], CAMERA)


@pytest.mark.parametrize(
    "look",
    [
        BallLook(), BallLook(noise=0.02), BallLook(gloss=0.5), BallLook(rough=0.4),
        BallLook(ambient=0.1),
    ],
)  # fmt: skip
def test_linear_pictures_are_not_doubted(look):
    calibrate_rig([pictures([ball()], distant_lamps(), look=look)], CAMERA)


def test_who_says_that_pictures_are_linear_is_believed():
    taken = curved(pictures([ball()], distant_lamps()), lambda v: v ** (1 / 1.8))
    camera = Camera(width_px=240, height_px=200, response="linear")
    calibrated = calibrate_rig([taken], camera)
    assert np.abs(calibrated.rig.directions() - directions()).max() > 0.05


def test_the_uw_gray_ball_by_a_camera_with_a_curve(shared_data):
    taken = read_ball_pictures(shared_data / "uw_photometric" / "gray", Camera())
    with pytest.raises(UserError, match="not linear in the light"):
        calibrate_rig([curved(taken, lambda v: v ** (1 / 2.2))], Camera())

from dataclasses import replace

import numpy as np
import pytest

from psface.errors import UserError
from psface.rig.calibration.ball_outline import balls_of_mask
from psface.rig.calibration.calibration_score import matte_errors
from psface.rig.calibration.matte_ball import (
    calibrate_matte,
    channel_lights,
    matte_shading,
    shadow_light,
)
from psface.rig.calibration.reflectance import Points, radiance, slopes
from psface.simulate.balls import BallLook, SimulatedBall
from psface.vectors import angles
from tests.simulated_balls import CAMERA, STRENGTHS, ball, directions, distant_lamps, pictures


def shading(look=None, balls=None):
    taken = pictures(balls or [ball()], distant_lamps(), look=look)
    [found, *_] = balls_of_mask(taken.mask, CAMERA, taken.mask_path)
    return matte_shading([(taken, found)])


@pytest.mark.parametrize(
    "look",
    [
        BallLook(),
        BallLook(noise=0.02, gloss=0.4),
        BallLook(gloss=0.6, gloss_exponent=30),
        BallLook(gloss=3, gloss_exponent=500, exposure=0.9),  # saturated highlights
    ],
)
def test_directions_to_half_a_degree_and_intensities_to_a_percent(look):
    fit = calibrate_matte(shading(look))
    assert angles(fit.lamps, directions()).max() < 0.5
    strengths = np.linalg.norm(fit.lamps, axis=1)
    assert np.abs(strengths / strengths.mean() / STRENGTHS - 1).max() < 0.01


def test_a_cast_shadow_is_left_out():
    lamp = directions()[3]  # the lowest one
    blocker = np.array([10.0, -6.0, 0.0]) + 70 * 1.6 * lamp + 28 * np.array([0, 0, 1])
    other = SimulatedBall(tuple(blocker), 15)
    taken = pictures([ball(), other], distant_lamps())
    alone = pictures([ball()], distant_lamps())
    [found] = balls_of_mask(alone.mask, CAMERA, alone.mask_path)
    shadowed = np.abs(taken.frames[3] - alone.frames[3])[alone.mask] > 0.1
    assert shadowed.mean() > 0.02
    fit = calibrate_matte(matte_shading([(taken, found)]))
    assert angles(fit.lamps, directions()).max() < 0.5


def test_a_rough_ball_is_fitted_as_rough():
    plain = calibrate_matte(shading(BallLook(noise=0.002)))
    rough = calibrate_matte(shading(BallLook(noise=0.002, rough=0.1)))
    assert np.abs(plain.shape).max() < 0.05
    assert np.abs(rough.shape).max() > 0.1
    assert angles(rough.lamps, directions()).mean() < 0.6


def test_estimated_errors_are_those_made():
    taken = shading(BallLook(noise=0.03))
    fit = calibrate_matte(taken)
    wrong = angles(fit.lamps, directions())
    assert wrong.mean() < 1.5 * matte_errors(fit, 70).mean()
    assert matte_errors(fit, 70).mean() < 10 * wrong.mean()


def test_light_in_the_shadow_is_noticed():
    dark, glowing = shading(), shading(BallLook(ambient=0.04))
    assert shadow_light(dark, calibrate_matte(dark)) < 0.01
    assert shadow_light(glowing, calibrate_matte(glowing)) == pytest.approx(0.04, abs=0.01)


def test_channels_are_relative_to_grey():
    taken = shading()
    tint = np.array([1.2, 1.0, 0.8])
    coloured = replace(taken, colours=taken.values[..., None] * tint)
    assert np.allclose(channel_lights(coloured, calibrate_matte(coloured)), tint, atol=0.02)


def test_a_saturated_ball_is_refused():
    with pytest.raises(UserError, match=r"of the lit ball is saturated"):
        calibrate_matte(shading(BallLook(exposure=2)))


def test_a_ball_that_a_lamp_does_not_light_is_refused():
    taken = pictures([ball()], distant_lamps())
    taken.frames[4] *= 0.01
    [found] = balls_of_mask(taken.mask, CAMERA, taken.mask_path)
    with pytest.raises(UserError, match=r"lamp4\.png: the ball at \(130, 105\) is dark"):
        matte_shading([(taken, found)])


def test_what_is_no_matte_ball_is_refused():
    taken = shading()
    taken.values[2] = taken.values[2].mean() * (1 + np.sin(taken.pixels[:, 0] / 4))
    with pytest.raises(UserError, match=r"lamp2\.png: (one lamp|half of the ball)"):
        calibrate_matte(taken)


def test_slopes_are_those_of_the_radiance():
    rng = np.random.default_rng(0)
    normals = rng.normal(size=(20, 3)) * (0.5, 0.5, 0.2) + (0, 0, 1)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    points = Points(normals, normals[:, 2], 50 * normals, np.arange(20) % 2)
    lamps = np.array([[200.0, 100.0, 900.0, 13.0, 13.1]])
    shape = np.array([0.1, -0.2, 0.3])
    by_lamp, by_shape, seen = slopes(lamps, shape, points)
    step = np.array([3.0, -2.0, 4.0, 0.01, -0.02])
    moved = radiance(lamps + 1e-3 * step, shape, points)[0] - seen
    assert np.allclose(by_lamp @ step * 1e-3, moved, rtol=1e-3, atol=1e-9)
    turned = radiance(lamps, shape + 1e-3, points)[0] - seen
    assert np.allclose(by_shape.sum(axis=-1) * 1e-3, turned, rtol=1e-3, atol=1e-9)

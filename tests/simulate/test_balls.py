"""Simulated balls against formulas of their own."""

import numpy as np
import pytest

from psface.rig.rig import Camera, Lamp
from psface.simulate.balls import BRIGHTEST, BallLook, SimulatedBall, simulate_balls

CAMERA = Camera(width_px=101, height_px=101)
CLEAN = BallLook(noise=0, bits=16)


def test_a_matte_ball_is_lambertian():
    light = np.array([0.6, 0.0, 0.8])
    [frame] = simulate_balls(
        [SimulatedBall((0, 0, 0), 40)], [Lamp(direction=tuple(light))], CAMERA, CLEAN
    ).frames
    for x, y in ((0, 0), (20, 0), (0, 25), (-10, 10)):
        normal = np.array([x, y, np.sqrt(1600 - x * x - y * y)]) / 40
        assert frame[50 - y, 50 + x] == pytest.approx(BRIGHTEST * max(normal @ light, 0), abs=2e-3)


def test_light_falls_off_with_the_square_of_the_distance_and_off_the_axis():
    camera = Camera(width_px=101, height_px=101, focal_px=(500.0, 500.0))
    balls = [SimulatedBall((0, 0, -1000), 60)]
    lamps = [
        Lamp(position_mm=(0, 0, 0), axis=(0, 0, -1), anisotropy=2),
        Lamp(position_mm=(0, 0, 940), axis=(0, 0, -1), anisotropy=2),
        Lamp(position_mm=(0, 0, 0), axis=(0, 1, -1), anisotropy=2),
    ]
    middle = simulate_balls(balls, lamps, camera, CLEAN).frames[:, 50, 50]
    assert middle[1] / middle[0] == pytest.approx(0.25, rel=2e-3)
    assert middle[2] / middle[0] == pytest.approx(0.5, rel=2e-3)


def test_one_ball_casts_a_shadow_on_another():
    balls = [SimulatedBall((-20, 0, 0), 15), SimulatedBall((25, 0, 0), 15)]
    light = Lamp(direction=(-0.96, 0, 0.28))
    alone = simulate_balls(balls[1:], [light], CAMERA, CLEAN).frames[0]
    both = simulate_balls(balls, [light], CAMERA, CLEAN).frames[0]
    shadowed = (both[:, 56:] == 0) & (alone[:, 56:] > 0.2)
    assert shadowed.sum() > 10


def test_frames_are_what_a_file_holds():
    frames = simulate_balls(
        [SimulatedBall((0, 0, 0), 40)], [Lamp(direction=(0, 0, 1))], CAMERA, BallLook(bits=8)
    ).frames
    assert np.array_equal(frames, (np.round(frames * 255) / 255).astype(np.float32))
    again = simulate_balls(
        [SimulatedBall((0, 0, 0), 40)], [Lamp(direction=(0, 0, 1))], CAMERA, BallLook(bits=8)
    ).frames
    assert np.array_equal(frames, again)

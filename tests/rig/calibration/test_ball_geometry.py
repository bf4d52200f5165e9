import numpy as np
import pytest

from psface.rig.calibration.ball_geometry import camera_rays, fitted_ball, in_picture
from psface.rig.calibration.ball_outline import balls_of_mask
from psface.rig.rig import Camera, Lamp
from psface.simulate.balls import BallLook, SimulatedBall, simulate_balls

CAMERA = Camera(width_px=400, height_px=300, focal_px=(700.0, 700.0))


def outline(centre: np.ndarray, radius: float, count: int = 200) -> np.ndarray:
    """Where rays that graze a ball meet the picture."""
    distance = np.linalg.norm(centre)
    axis = centre / distance
    across = np.linalg.svd(axis[None])[2][1:]
    turn = np.linspace(0, 2 * np.pi, count, endpoint=False)
    sine = radius / distance
    ring = np.cos(turn)[:, None] * across[0] + np.sin(turn)[:, None] * across[1]
    return in_picture(np.sqrt(1 - sine**2) * axis + sine * ring, CAMERA)


def test_a_ball_off_the_axis_is_where_it_is():
    centre = np.array([150.0, 80.0, -900.0])
    ball, _ = fitted_ball(outline(centre, 60), CAMERA)
    assert np.allclose(ball.centre_mm(120), centre, atol=1e-6)


def test_a_stand_does_not_move_the_circle():
    turn = np.linspace(0.4, 2 * np.pi - 0.1, 150)
    points = np.stack([50 + 30 * np.cos(turn), 60 + 30 * np.sin(turn)], axis=1)
    stand = np.stack([np.full(30, 84.0), np.linspace(50, 64, 30)], axis=1)
    ball, distances = fitted_ball(np.concatenate([points, stand]), Camera())
    assert (ball.x, ball.y, ball.radius) == pytest.approx((50, 60, 30), abs=0.05)
    assert np.abs(distances[:150]).max() < 0.1


def test_normals_are_those_of_the_points_that_are_seen():
    centre = np.array([150.0, 80.0, -900.0])
    ball, _ = fitted_ball(outline(centre, 60), CAMERA)
    normal = np.array([0.3, -0.2, 0.9]) / np.linalg.norm([0.3, -0.2, 0.9])
    seen = in_picture((centre + 60 * normal)[None], CAMERA)
    normals, to_camera, inside = ball.surface(seen)
    assert inside.all()
    assert np.allclose(normals[0], normal, atol=1e-6)
    assert np.allclose(to_camera[0], -camera_rays(seen, CAMERA)[0])


@pytest.mark.parametrize("near", [False, True])
def test_the_predicted_highlight_is_where_the_lamp_is_reflected(near):
    camera = Camera(width_px=200, height_px=160, focal_px=(500.0, 500.0) if near else None)
    scene = SimulatedBall((40, 20, -700) if near else (10, 5, 0), 60, mirror=True)
    lamp = Lamp(position_mm=(300, 400, -100)) if near else Lamp(direction=(0.36, 0.48, 0.8))
    taken = simulate_balls([scene], [lamp], camera, BallLook(noise=0, mirror_peak=0.9, bits=16))
    [ball] = balls_of_mask(taken.mask, camera, None)
    target = np.array(lamp.position_mm if near else lamp.direction)
    y, x = np.unravel_index(taken.frames[0].argmax(), taken.frames[0].shape)
    predicted = ball.reflection(target, 120 if near else None)
    assert np.hypot(*(predicted - (x, y))) < 0.8

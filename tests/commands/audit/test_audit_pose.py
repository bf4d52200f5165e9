"""Yaw and pitch: against a plain search, and against simulated heads whose pose is known."""

import numpy as np
import pytest
from scipy.optimize import least_squares

from psface.commands.audit.audit_faces import find_faces
from psface.commands.audit.degraded import portrait, taken
from psface.commands.audit.pose import (
    GENERIC,
    PITCH_GAIN,
    PITCH_OFFSET,
    WEIGHTS,
    fit_pose,
    head_pose,
)
from psface.simulate.scene import rotation


def seen(points, yaw, pitch, roll=0.0, scale=2.0, at=(100.0, 80.0)) -> np.ndarray:
    """Pixels (n, 2) of points in mm, x right and y down, by the simulator's own rotation."""
    flat = (points @ rotation(yaw, pitch, roll).T)[:, :2]
    return np.array(at) + scale * flat * [1, -1]


@pytest.mark.parametrize("yaw", [-60, -31, 0, 14.5, 45])
@pytest.mark.parametrize("pitch", [-40, 0, 29.5])
def test_the_generic_face_is_found_in_any_place_size_and_roll(yaw, pitch):
    for roll, scale, at in ((0, 1, (0, 0)), (25, 0.3, (900, -40)), (-170, 7, (3, 5))):
        pose = fit_pose(seen(GENERIC, yaw, pitch, roll, scale, at))
        assert (pose.yaw, pose.pitch) == (yaw, pitch)


def test_against_a_plain_search():
    rng = np.random.default_rng(4)
    for _ in range(12):
        yaw, pitch, roll = rng.uniform(-40, 40), rng.uniform(-30, 30), rng.uniform(-20, 20)
        points = seen(GENERIC, yaw, pitch, roll) + rng.normal(0, 3, (5, 2))

        def misses(guess, points=points):
            yaw, pitch, roll, scale, *at = guess
            return ((seen(GENERIC, yaw, pitch, roll, scale, at) - points).T * WEIGHTS**0.5).ravel()

        starts = [(y, p, 0, 1.5, *points.mean(axis=0)) for y in (-30, 0, 30) for p in (-25, 0, 25)]
        best = min((least_squares(misses, start) for start in starts), key=lambda fit: fit.cost)
        pose = fit_pose(points)
        assert pose.yaw == pytest.approx(best.x[0], abs=0.5)
        assert pose.pitch == pytest.approx(best.x[1], abs=0.5)


def test_mirrored_face_has_the_mirrored_yaw():
    points = seen(GENERIC, 20, 10)
    mirrored = (points * [-1, 1])[[1, 0, 2, 4, 3]]
    assert head_pose(mirrored).yaw == -head_pose(points).yaw
    assert head_pose(mirrored).pitch == head_pose(points).pitch
    assert head_pose(points).pitch == pytest.approx((10 - PITCH_OFFSET) / PITCH_GAIN)


def test_simulated_heads(settings):
    rng = np.random.default_rng(6)
    errors = []
    for number in range(16):
        yaw, pitch = rng.uniform(-40, 40), rng.uniform(-25, 25)
        image = portrait(settings.simulate, 12, number, yaw, pitch).image
        [face, *_] = find_faces(taken(image, 1.5, rng))
        pose = head_pose(face.landmarks)
        errors.append([pose.yaw - yaw, pose.pitch - pitch])
    errors = np.array(errors)
    assert (np.abs(errors).mean(axis=0) < [5, 8]).all()
    assert (np.abs(errors.mean(axis=0)) < [3, 5]).all()
    assert (np.abs(errors).max(axis=0) < [18, 30]).all()

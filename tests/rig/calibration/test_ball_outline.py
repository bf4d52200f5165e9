from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from psface.errors import UserError
from psface.rig.calibration.ball_outline import balls_of_mask, checked, find_balls
from psface.rig.rig import Camera
from tests.simulated_balls import CAMERA, ball, distant_lamps, pictures

PATH = Path("mask.png")


def disc(x: float, y: float, radius: float, shape=(120, 160)) -> np.ndarray:
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return np.hypot(columns - x, rows - y) < radius


def test_several_balls_in_a_mask_are_in_order():
    found = balls_of_mask(disc(110, 60, 25) | disc(40, 50, 22), Camera(), PATH)
    assert [round(item.x) for item in found] == [40, 110]
    assert found[0].radius == pytest.approx(22, abs=0.3)


@pytest.mark.parametrize(
    ("mask", "said"),
    [
        (np.zeros((120, 160), bool), "no ball"),
        (disc(20, 60, 40), "cut off by the border"),
        (disc(60, 60, 12), "too small"),
        (np.pad(np.ones((60, 100), bool), 20), "not round"),
    ],
)
def test_masks_that_cannot_be_trusted(mask, said):
    with pytest.raises(UserError, match=said):
        balls_of_mask(mask, Camera(), PATH)


def test_a_matte_ball_is_found_without_a_mask():
    taken = pictures([ball()], distant_lamps(), masked=False)
    [found] = find_balls(taken.frames, CAMERA, PATH)
    x, y = 119.5 + 10, 99.5 + 6
    assert (found.x, found.y, found.radius) == pytest.approx((x, y, 70), abs=0.5)


def test_nothing_is_found_where_nothing_is():
    noise = np.random.default_rng(0).uniform(0, 0.02, (3, 120, 160)).astype(np.float32)
    with pytest.raises(UserError, match="no ball found"):
        find_balls(noise, Camera(), PATH)


def test_a_mask_that_is_a_pixel_off_is_corrected_by_the_outline():
    frame = cv2.GaussianBlur(np.where(disc(80, 60, 50), 0.02, 0.1).astype(np.float32), (0, 0), 0.7)
    [rough] = balls_of_mask(disc(81, 59, 50.5), Camera(), PATH)
    sharp = checked(rough, np.stack([frame] * 3), True, PATH)
    assert (sharp.x, sharp.y, sharp.radius) == pytest.approx((80, 60, 50), abs=0.2)
    [exact] = balls_of_mask(disc(80.1, 60, 50), Camera(), PATH)
    assert checked(exact, np.stack([frame] * 3), True, PATH) == exact


def test_noise_does_not_correct_a_mask():
    noise = np.random.default_rng(0).uniform(0, 0.02, (3, 120, 160)).astype(np.float32)
    [rough] = balls_of_mask(disc(80, 60, 40), Camera(), PATH)
    assert checked(rough, noise, True, PATH) == replace(rough)


@pytest.mark.parametrize(
    "wrong",
    [disc(86, 60, 50), disc(80, 60, 45), disc(80, 60, 57), disc(62, 50, 40)],
    ids=["shifted", "small", "large", "another's"],
)
def test_a_mask_that_is_far_off_is_refused(wrong):
    dark = cv2.GaussianBlur(np.where(disc(80, 60, 50), 0.02, 0.1).astype(np.float32), (0, 0), 0.7)
    bright = cv2.GaussianBlur(np.where(disc(80, 60, 50), 0.8, 0.05).astype(np.float32), (0, 0), 0.7)
    [rough] = balls_of_mask(wrong, Camera(), PATH)
    for frame, mirror in ((dark, True), (bright, False)):
        with pytest.raises(
            UserError, match=r"px off the ball, .* at \(80, 60\) with a radius of 50"
        ):
            checked(rough, np.stack([frame] * 3), mirror, PATH)

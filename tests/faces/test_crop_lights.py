"""The light that near lamps throw on each pixel of a crop."""

import numpy as np
import pytest

from psface.captures.capture import Pixels
from psface.faces.crop_lights import crop_lights, turned_lights
from psface.faces.mean_face import SIDE
from psface.rig.rig import Camera, Lamp, Rig
from psface.stereo.lighting import near_light
from psface.stereo.map_files import Maps
from tests.shapes import FOUR_LIGHTS

SHAPE = (120, 100)
FOCAL, DISTANCE = 200.0, 500.0
RIG = Rig(
    camera=Camera(width_px=SHAPE[1], height_px=SHAPE[0], focal_px=(FOCAL, FOCAL)),
    lamps=[Lamp(position_mm=(x, y, 0)) for x in (-150, 150) for y in (-150, 150)],
    distance_mm=DISTANCE,
)
STRAIGHT = np.array([[1.0, 0, -20], [0, 1.0, -30]])  # a crop of 64 px, from (20, 30)


def lit(matrix: np.ndarray, rig: Rig | None = RIG, nearer: float = 0.0) -> np.ndarray:
    pixels = Pixels(np.zeros((4, *SHAPE), np.float32), None, FOUR_LIGHTS, None, rig)
    plane = np.full(SHAPE, nearer, np.float32)
    maps = Maps(np.zeros((3, *SHAPE)), plane, plane, np.ones(SHAPE, bool), mm_per_px=2.5)
    return crop_lights(pixels, maps, matrix, 64)


def test_distant_lamps_are_turned_with_the_image():
    quarter = np.array([[0, -1.0, 64], [1.0, 0, 0]])
    np.testing.assert_allclose(lit(quarter, None), turned_lights(FOUR_LIGHTS, quarter))


@pytest.mark.parametrize("nearer", [0, 100])
def test_each_pixel_gets_the_light_of_its_own_place(nearer):
    found = lit(STRAIGHT, nearer=nearer)
    assert found.shape == (4, 3, SIDE, SIDE)
    row, column = 5, 20
    x, y = 20 + 2 * column + 0.5, 30 + 2 * row + 0.5  # the small crop's pixels are 2 px wide
    distance = DISTANCE - nearer
    ray = np.array([(x - (SHAPE[1] - 1) / 2) / FOCAL, ((SHAPE[0] - 1) / 2 - y) / FOCAL, -1])
    expected = near_light(RIG, (ray * distance).astype(np.float32))
    ratio = found[:, :, row, column] / expected
    np.testing.assert_allclose(ratio, ratio.mean(), rtol=1e-3)


def test_light_turns_with_a_turned_crop():
    quarter = np.array([[0, -1.0, 93], [1.0, 0, -20]])  # the same square, turned clockwise
    straight, turned = lit(STRAIGHT), lit(quarter)
    expected = np.rot90(turned_lights(np.moveaxis(straight, 1, -1), quarter), -1, axes=(1, 2))
    np.testing.assert_allclose(np.moveaxis(turned, 1, -1), expected, rtol=1e-3, atol=1e-4)

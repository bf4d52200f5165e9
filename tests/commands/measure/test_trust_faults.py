"""Planting faults, and what counts as naming them."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from psface.captures.capture import Pixels
from psface.commands.measure.planted_faults import NONE, Planted, _relit, _turned
from psface.commands.measure.trust_faults import Sections, _is_right, measure
from psface.faces.lamp_hypotheses import FLIPS
from psface.faces.rig_check import Checked
from psface.rig.rig import Camera, Lamp, Rig
from tests.shapes import FOUR_LIGHTS

NEAR = Rig(
    camera=Camera(width_px=100, height_px=100, focal_px=(100, 100)),
    lamps=tuple(
        Lamp(position_mm=(x, y, 0), axis=(-x, -y, -500), anisotropy=1.0)
        for x, y in ((-99, 50), (99, 50), (200, -50), (0, -90))
    ),
    distance_mm=500,
)
NOTHING = Checked(FOUR_LIGHTS, None, None)


@pytest.mark.parametrize("flip", ["x", "y", "xy"])
def test_near_lamps_change_sides_as_distant_ones_do(flip):
    pixels = Pixels(np.zeros((4, 9, 9), np.float32), None, NEAR.lights(), None, NEAR)
    order, change = (2, 0, 1, 3), partial(_turned, turn=FLIPS[flip])
    near = _relit(pixels, order, change)
    distant = _relit(replace(pixels, rig=None), order, change)
    np.testing.assert_allclose(near.lights, distant.lights, atol=1e-9)
    assert near.rig is not None and near.rig.lamps[0].position_mm != NEAR.lamps[0].position_mm


@pytest.mark.parametrize(
    ("fault", "codes", "found", "right"),
    [
        ("gamma 1/2.2", ["rig-not-linear"], True, True),
        ("gamma 1/2.2", ["lamps-stale"], True, False),
        ("ambient 5%", ["motion"], False, False),
        ("slant x 0.7", ["rig-strength"], True, True),
        ("failed lamp", ["failed-lamp", "lamps-order"], True, True),
        (NONE, [], False, True),
        (NONE, ["motion"], True, False),
    ],
)
def test_a_fault_is_found_by_its_kind_and_right_by_its_remedy(fault, codes, found, right):
    planted = Planted(fault, 1.0, NOTHING)
    assert _is_right(planted, codes, found=True) == found
    assert _is_right(planted, codes) == right


def test_wrong_lights_are_right_if_the_remedy_mends_them():
    for mended in (True, False):
        planted = Planted("order", 40.0, NOTHING, mended)
        assert _is_right(planted, ["rig-lamps-order"], found=True)
        assert _is_right(planted, ["rig-lamps-order"]) == mended


def test_faults_of_a_simulated_capture_are_measured(settings, simulated_captures, one_process):
    params = Sections(seed=1, crop=settings.crop, stereo=settings.stereo)
    table = measure(simulated_captures[:1], params).set_index("fault")
    assert table.loc[NONE, "right"] == 1 and table.loc["order", "of"] == 5
    named = ["order", "flip x", "gamma 1/2.2", "ambient 10%", "failed lamp", "one lamp twice"]
    assert (table.loc[named, "right"] == 1).all()
    assert table.loc["slant x 1.5", "change"] > 10

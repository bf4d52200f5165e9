"""What belongs to a rig, and what to one of its captures."""

from dataclasses import replace

import numpy as np
import pytest

from psface.faces.lamp_check import LampTrust
from psface.faces.rig_check import Checked, check_rig, rigs_of
from psface.stereo.trust.stereo_check import StereoTrust, check_stereo
from psface.stereo.trust.trust_warning import TrustWarning
from tests.shapes import FOUR_LIGHTS, lit, sphere

MANY_LIGHTS = np.vstack(
    [FOUR_LIGHTS, [[0, 0.6, 0.8], [0.6, 0, 0.8], [-0.6, 0, 0.8], [0, -0.6, 0.8]]]
)
FACE = LampTrust(
    lights=(), pixels=500, score=-1.0, order=(0, 1, 2, 3), flip="", margin=0.0,
    turn=(-2.3, 2.4, -0.8), stretch=(0.0, -0.25), contrast=0.4, darkest=0.02, warnings=(),
)  # fmt: skip
NOTHING = float("nan")
STEREO = StereoTrust(
    residual=0.01, left_out=(0.01,) * 4, left_out_mean=0.01, scales=(NOTHING,) * 4,
    scale_errors=(NOTHING,) * 4, unexplained=((NOTHING,) * 4,) * 4, disagreeing=(), few_lamps=0.0,
    motion_px=0.0, motion=0.0, clipped=0.0, ambient=NOTHING, ambient_bound=0.02, evenness=0.1,
    warnings=(),
)  # fmt: skip


def doubt(code: str) -> TrustWarning:
    return TrustWarning(code, "found", "remedy")


def codes(captures: list[Checked]) -> tuple[list[str], list[list[str]]]:
    """Of the rig, and of each capture."""
    of_rig, left = check_rig(captures)
    return [w.code for w in of_rig], [[w.code for _, w in c.found()] for c in left]


def alike(stereo: StereoTrust = STEREO, face: LampTrust = FACE, count: int = 12) -> list[Checked]:
    return [Checked(FOUR_LIGHTS, stereo, face)] * count


def test_captures_that_share_a_lamp_share_a_rig():
    sets = [MANY_LIGHTS[[0, 1, 2]], MANY_LIGHTS[[5, 6, 7]], MANY_LIGHTS[[2, 3, 4]]]
    assert rigs_of(sets).tolist() == [0, 1, 0]
    assert rigs_of([*sets, MANY_LIGHTS[[4, 5, 0]]]).tolist() == [0, 0, 0, 0]
    assert rigs_of([]).tolist() == []


@pytest.mark.parametrize(
    ("code", "stereo", "face"),
    [
        ("rig-not-linear", {"ambient_bound": 0.15}, {"stretch": (0.4, 0.2)}),
        ("rig-ambient", {"ambient_bound": 0.08}, {"stretch": (0.1, -0.1)}),
        ("rig-stale", {"ambient_bound": 0.01}, {"stretch": (0.4, 0.2)}),
        ("rig-stale", {"ambient_bound": 0.01}, {"stretch": (-0.4, -0.6)}),
    ],
)
def test_dark_places_tell_the_room_the_curve_and_the_lamps_apart(code, stereo, face):
    captures = alike(replace(STEREO, **stereo), replace(FACE, **face))
    assert codes(captures)[0] == [code]
    assert codes(captures[:7])[0] == []


def test_what_is_said_of_the_rig_is_not_said_of_its_captures():
    ambient = replace(STEREO, ambient_bound=0.08, warnings=(doubt("ambient"), doubt("motion")))
    of_rig, left = codes(alike(ambient))
    assert of_rig == ["rig-ambient"] and left == [["motion"]] * 12
    alone = Checked(FOUR_LIGHTS, replace(STEREO, warnings=(doubt("ambient"),)), FACE)
    assert codes([*alike(), alone])[1][-1] == ["ambient"]


def test_an_exposure_that_evens_frames_is_said_once():
    even = replace(STEREO, warnings=(doubt("auto-exposure"),))
    assert codes(alike(even)) == (["rig-auto-exposure"], [[]] * 12)
    assert codes([*alike(), *alike(even, count=2)])[0] == []


def ball(strengths: np.ndarray, chosen: list[int], number: int) -> Checked:
    """A ball, brighter on one side, under lamps of ``strengths`` that the rig does not know."""
    normal, _, mask = sphere(60, 28)
    albedo = 0.4 + 0.2 * np.random.default_rng(number).random(mask.shape) + 0.2 * normal[0]
    lights = MANY_LIGHTS[chosen]
    frames = lit(normal, lights, albedo) * strengths[chosen, None, None]
    inside = mask & (normal[2] > 0.5)
    trust = check_stereo(frames.astype(np.float32), None, lights, inside, np.zeros((4, 2)))
    return Checked(lights, trust, None)


def test_strengths_are_those_of_the_rig_and_captures_are_compared_with_them():
    strengths = np.array([1, 1, 0.7, 1, 1, 1.3, 1, 1])
    rng = np.random.default_rng(4)
    chosen = [rng.permutation(8)[:4].tolist() for _ in range(30)]
    captures = [ball(strengths, lamps, number) for number, lamps in enumerate(chosen)]
    assert any("lamp-strength" in [w.code for _, w in c.found()] for c in captures)
    of_rig, left = codes(captures)
    assert of_rig == ["rig-strength"] and left == [[]] * 30
    said = check_rig(captures)[0][0].message
    assert "(-0.41, 0.41, 0.82) (0.70)" in said and "(0.60, 0.00, 0.80) (1.30)" in said

    alone = ball(strengths, chosen[0], 0)
    moved = np.vstack([alone.lights[:3], [[0.1, 0.2, 0.97]]])  # a lamp that no other capture has
    assert codes([*captures, replace(alone, lights=moved)])[0] == ["rig-strength"]

    weak = strengths * np.where(np.arange(8) == chosen[0][0], 0.6, 1)
    other = ball(weak, chosen[0], 0)
    of_rig, left = codes([other, *captures[1:]])
    assert of_rig == ["rig-strength"] and left == [["lamp-strength"], *[[]] * 29]

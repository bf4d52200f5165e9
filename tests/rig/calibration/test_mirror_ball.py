import numpy as np
import pytest

from psface.errors import UserError
from psface.rig.calibration.ball_outline import balls_of_mask
from psface.rig.calibration.mirror_ball import find_highlights, is_mirror
from psface.rig.rig import Lamp
from psface.simulate.balls import BallLook
from psface.vectors import angles
from tests.simulated_balls import CAMERA, STRENGTHS, ball, directions, distant_lamps, pictures


def seen(lamps=None, look=None, mirror=True):
    taken = pictures([ball(mirror)], lamps or distant_lamps(), look=look)
    [found] = balls_of_mask(taken.mask, CAMERA, taken.mask_path)
    return taken, found


def test_directions_to_half_a_degree_with_noise_and_a_window():
    look = BallLook(noise=0.01, reflection=0.8)
    taken, found = seen(look=look)
    highlights = find_highlights(taken, found)
    wrong = angles(highlights.directions, directions())
    assert wrong.max() < 0.5
    assert highlights.saturated.all()
    assert wrong.max() < 2 * highlights.errors(found, 0.3).max()


def test_highlights_that_are_not_saturated_tell_intensities():
    look = BallLook(mirror_peak=0.8, lamp_degrees=4, bits=16, noise=0.001)
    taken, found = seen(look=look)
    highlights = find_highlights(taken, found)
    assert not highlights.saturated.any()
    # The simulated lamps are alike in a mirror; only their strengths on matte balls differ.
    spread = highlights.energies / highlights.energies.mean()
    assert np.abs(spread - 1).max() < 0.02
    assert np.ptp(STRENGTHS) > 0.2


def test_no_highlight_is_refused():
    taken, found = seen()
    taken.frames[3] = taken.frames.min(axis=0)
    with pytest.raises(UserError, match=r"lamp3\.png: no highlight on the ball"):
        find_highlights(taken, found)


def test_a_lamp_behind_the_ball_is_refused():
    lamps = [*distant_lamps()[:7], Lamp(name="back", position_mm=(2000, 0, -900))]
    taken, found = seen(lamps)
    with pytest.raises(UserError, match=r"back\.png: the highlight is at 0\.\d+ of the ball's"):
        find_highlights(taken, found)


def test_two_lamps_at_once_are_refused():
    taken, found = seen()
    taken.frames[2] = np.maximum(taken.frames[2], taken.frames[5])
    with pytest.raises(UserError, match=r"lamp2\.png: two highlights alike"):
        find_highlights(taken, found)


def test_a_matte_ball_is_no_mirror():
    taken, found = seen(mirror=False)
    assert is_mirror(taken, found) is False
    with pytest.raises(UserError, match=r"--kind matte|no highlight"):
        find_highlights(taken, found)
    glossy, found = seen(mirror=False, look=BallLook(gloss=8, gloss_exponent=2000, exposure=0.1))
    assert is_mirror(glossy, found) is False
    assert is_mirror(*seen()) is True

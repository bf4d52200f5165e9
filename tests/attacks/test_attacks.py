"""Copies of faces are what they are said to be."""

import numpy as np
import pytest

from psface.attacks.attacks import KINDS, LIVE, pixels_of, record_attack
from psface.attacks.flat_copies import INK, Pose, printed, seen_sheet, shown
from psface.attacks.relit_copies import COPIES, relit
from psface.simulate.raster import FAR, Camera
from psface.simulate.scene import rotation
from psface.simulate.simulate_params import RigParams
from psface.simulate.true_rig import draw_rig
from tests.shapes import FOUR_LIGHTS
from tests.simulate.conftest import rigged

CAMERA = Camera(90, 120, 0.305, 44.5, 52.8, 1e-3)


@pytest.fixture(scope="module")
def params(settings):
    small = {"width": 180, "height": 240, "rig": RigParams()}
    return settings.simulate.model_copy(update=small)


@pytest.fixture(scope="module")
def realistic(params):
    calm = params.model_copy(update={"noise": 0.0, "motion": 0.0})
    return rigged(
        calm, camera_distance_mm=1000.0, lamp_distance_mm=1000.0, lamp_anisotropy=8.0,
        ambient=0.05, ambient_frame=True, response="linear",
    )  # fmt: skip


def middle(frames: np.ndarray) -> np.ndarray:
    """Where the face is, flattened, (n, P)."""
    return frames[:, 80:150, 60:120].reshape(len(frames), -1).astype(np.float64)


@pytest.mark.parametrize("kind", [LIVE, *KINDS])
def test_every_kind_is_recorded_again_the_same(kind, realistic):
    rig = draw_rig(realistic, 3)
    one, other = (record_attack(kind, realistic, rig, 3, 1, 0) for _ in range(2))
    assert one.kind == kind and one.frames.shape == (4, 240, 180) and one.frames.dtype == np.uint8
    np.testing.assert_array_equal(one.frames, other.frames)
    assert one.ambient is not None and one.frames.max() > 60


def test_a_rig_without_an_ambient_frame_takes_none(params):
    ideal = rigged(params)
    assert record_attack("screen", ideal, draw_rig(ideal, 3), 3, 1, 0).ambient is None


def test_frames_of_a_flat_print_are_one_picture_under_distant_lamps(params):
    calm = rigged(params.model_copy(update={"noise": 0.0, "motion": 0.0}), ambient=0.0)
    rig = draw_rig(calm, 3)
    for kind, most in (("flat print", 1e-4), (LIVE, 1)):
        pixels = pixels_of(record_attack(kind, calm, rig, 3, 0, 0), rig.file())
        seen = middle(pixels.grey)
        energy = np.linalg.svd(seen[:, (seen < 0.98).all(axis=0)], compute_uv=False) ** 2
        outside = energy[1:].sum() / energy.sum()
        assert outside < most and (kind != LIVE or outside > 0.02)


def test_a_steady_screen_is_dark_without_its_own_light_and_a_video_is_in_its_order(realistic):
    rig = draw_rig(realistic, 3)
    steady = [record_attack("screen", realistic, rig, 3, n, 0) for n in range(6)]
    lit = [a for a in steady if middle(a.ambient[None]).mean() > 30]
    assert 0 < len(lit) < 6
    for attack in lit:
        added = middle(attack.frames) - middle(attack.ambient[None])
        assert np.median(added) < 12 < np.median(middle(attack.ambient[None]))
    live = middle(record_attack(LIVE, realistic, rig, 3, 0, 0).frames)
    for kind, own in (("video, in step", True), ("video, other order", False)):
        shown_frames = middle(record_attack(kind, realistic, rig, 3, 0, 0).frames)
        alike = np.corrcoef(live, shown_frames)[:4, 4:]
        assert (np.argmax(alike, axis=1) == np.arange(4)).all() == own


def test_masks_have_the_relief_they_copy(realistic):
    rig = draw_rig(realistic, 3)
    live, own, mean = (
        middle(record_attack(kind, realistic, rig, 3, 0, 0).frames)
        for kind in (LIVE, "mask of the person", "mask of a mean face")
    )

    def ratio(frames: np.ndarray) -> np.ndarray:  # of two lamps: albedo cancels
        return np.log((frames[0] + 5) / (frames[2] + 5))

    alike = [np.corrcoef(ratio(live), ratio(other))[0, 1] for other in (own, mean)]
    assert alike[0] > 0.9 and alike[0] > alike[1] > 0.5


def test_a_flat_sheet_that_faces_the_camera_shows_its_picture_as_it_was_taken():
    picture = np.random.default_rng(0).random((120, 90)).astype(np.float32)
    seen = seen_sheet(picture, Pose(np.eye(3)), CAMERA, 0.1, 0.8, 0.0)
    np.testing.assert_allclose(seen.picture, picture, atol=0.01)
    np.testing.assert_allclose(seen.surface.albedo, INK + (0.8 - INK) * picture, atol=0.01)
    np.testing.assert_allclose(seen.surface.normal[2], 1, atol=1e-5)


def test_sheets_bend_turn_and_are_cut_as_told():
    picture = np.full((120, 90), 0.5, np.float32)
    bent = seen_sheet(picture, Pose(np.eye(3), 0, 1 / 100), CAMERA, 0.1, 0.8, 0.0).surface
    x = (np.arange(90) - CAMERA.column) / CAMERA.scale * (1 - CAMERA.nearness * bent.depth[60])
    inside = (bent.depth[60] > FAR) & (np.abs(x) < 70)
    np.testing.assert_allclose(bent.normal[0, 60, inside], x[inside] / 100, atol=0.02)
    hollow = seen_sheet(picture, Pose(np.eye(3), 0, -1 / 100), CAMERA, 0.1, 0.8, 0.0).surface
    assert hollow.normal[0, 60, 60] < -0.1 < 0.1 < bent.normal[0, 60, 60]
    turned = seen_sheet(picture, Pose(rotation(20, 0, 0)), CAMERA, 0.1, 0.8, 0.0).surface
    np.testing.assert_allclose(turned.normal[0, 60, 45], np.sin(np.radians(20)), atol=1e-3)
    outline = np.zeros((120, 90), np.float32)
    outline[:, :45] = 1
    cut = seen_sheet(picture, Pose(np.eye(3)), CAMERA, 0.1, 0.8, 0.0, outline).surface
    assert (cut.albedo[:, 50:] == np.float32(0.1)).all() and (cut.depth[:, 50:] == FAR).all()
    assert (cut.depth[:, :40] > FAR).all()


def test_prints_and_screens_show_at_most_white():
    picture = np.linspace(0, 3, 1000, dtype=np.float32)[None]
    assert shown(picture).min() == 0 and shown(picture).max() == 1
    assert printed(shown(picture), 0.7).max() == pytest.approx(0.7)
    assert shown(np.zeros((3, 3))).max() == 0


@pytest.mark.parametrize("kind", COPIES)
def test_relit_pictures_obey_their_lights(kind):
    rng = np.random.default_rng(5)
    frames = rng.random((4, 40, 50)).astype(np.float32)
    _, out = relit(kind, frames, FOUR_LIGHTS, rng)
    assert out.shape == (4, 40, 50) and out.min() >= 0 and out.max() <= 1
    means = out.mean(axis=(1, 2))
    if kind == "screen":
        assert np.ptp(means) < 0.01
    else:
        assert np.ptp(means) > 0.02
    np.testing.assert_allclose(out * 255, np.round(out * 255), atol=1e-3)

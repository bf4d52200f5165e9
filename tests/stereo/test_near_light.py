"""Near lamps and a perspective camera, against an ellipsoid whose picture is known."""

from dataclasses import replace

import numpy as np
import pytest

from psface.rig.rig import Lamp, Rig
from psface.stereo.compute import compute_maps, maps_of_aligned
from psface.stereo.integrators.integrators import integrator
from psface.stereo.lighting import View, facing, near_light, view_of
from psface.stereo.near_light import distances, near_light_at_surface, scaled_light
from psface.stereo.normals import photometric_stereo
from tests.shapes import angle
from tests.stereo import near_scene


@pytest.fixture(scope="module")
def scene():
    return near_scene.ellipsoid()


@pytest.fixture(scope="module")
def rig(scene):
    return near_scene.rig(scene)


@pytest.fixture(scope="module")
def frames(scene, rig):
    return near_scene.frames(scene, rig, near_scene.texture())


@pytest.fixture
def params(settings):
    return settings.stereo.model_copy(
        update={"register_frames": False, "integrator": "least-squares"}
    )


def depth_errors(depth: np.ndarray, scene, mask: np.ndarray) -> np.ndarray:
    """Errors in mm of depth up to an offset."""
    error = (depth - scene.points[2])[mask]
    return np.abs(error - np.median(error))


def test_light_is_that_of_the_formula(scene, rig):
    found = near_light(rig, scene.points.astype(np.float32))
    assert found.shape == (6, 3, *scene.mask.shape) and found.dtype == np.float32
    for row, column in [(30, 40), (55, 45), (80, 60), (50, 20)]:
        for number, lamp in enumerate(rig.lamps):
            wanted = near_scene.light_at(lamp, scene.points[:, row, column])
            np.testing.assert_allclose(found[number, :, row, column], wanted, rtol=1e-4)


def test_a_lamp_shines_in_front_of_it_only(rig):
    lamp = Lamp(position_mm=(300.0, 0.0, -100.0), axis=(-2.0, 0.0, -2.0), anisotropy=3.0)
    single = rig.model_copy(update={"lamps": (lamp,)})
    behind, before = np.array([[400, 0, 0], [0, 0, -400]], np.float32).reshape(2, 3, 1)
    assert (near_light(single, behind) == 0).all()
    np.testing.assert_allclose(
        near_light(single, before)[0, :, 0],
        np.array([300, 0, 300]) / (300 * 2**0.5) ** 3,
        rtol=1e-5,
    )


def test_rays_are_those_of_the_camera(rig):
    shape = (near_scene.HEIGHT, near_scene.WIDTH)
    view = view_of(rig, shape)
    np.testing.assert_allclose(view.rays(shape), near_scene.rays(), atol=1e-6)
    # Without a principal point, the middle; a picture half as large sees the same.
    camera = rig.camera.model_copy(update={"centre_px": None})
    view = view_of(rig.model_copy(update={"camera": camera}), shape)
    assert view.centre == ((near_scene.WIDTH - 1) / 2, (near_scene.HEIGHT - 1) / 2)
    whole = view.rays(shape)
    mean = whole.reshape(3, shape[0] // 2, 2, shape[1] // 2, 2).mean(axis=(2, 4))
    half = view.reduced(2.0).rays((shape[0] // 2, shape[1] // 2))
    np.testing.assert_allclose(half, mean, atol=1e-6)


def test_facing_is_positive_where_the_camera_sees_the_surface():
    view = View((100.0, 50.0), (20.0, 10.0))
    rng = np.random.default_rng(0)
    normal = rng.normal(size=(3, 21, 41))
    found = facing(normal, view)
    for row, column in np.ndindex(21, 41):
        to_camera = np.array([-(column - 20) / 100, (row - 10) / 50, 1])
        assert found[row, column] == pytest.approx(normal[:, row, column] @ to_camera, abs=1e-5)


@pytest.mark.parametrize("normal", [(0, 0, 1), (0.3, 0.1, 0.9), (-0.2, 0.5, 0.8)], ids=str)
def test_a_plane_in_perspective(normal):
    """n . (x, y, -1) Z is the same for all points of a plane."""
    shape = (60, 80)
    view = View((150.0, 120.0), (35.0, 33.0))
    unit = np.array(normal) / np.linalg.norm(normal)
    inverse = -np.tensordot(unit, view.rays(shape).astype(float), 1)
    truth = 700 * np.median(inverse) / inverse
    mask = np.zeros(shape, bool)
    mask[5:55, 5:75] = True
    truth *= 700 / np.median(truth[mask])
    planes = np.broadcast_to(unit[:, None, None], (3, *shape)).astype(np.float32)
    found = distances(planes, mask, view, 700.0, integrator("least-squares"))
    assert found.dtype == np.float32 and (found[~mask] == 700).all()
    assert np.ptp(truth[mask]) > 100 or normal == (0, 0, 1)
    np.testing.assert_allclose(found[mask], truth[mask], atol=0.3)


def test_normals_and_depth_of_an_ellipsoid(scene, rig, frames, params):
    assert (frames[:, scene.mask] == 0).any()  # some pixels are in shadow
    maps = maps_of_aligned(near_scene.pixels(scene, rig, frames), params)
    assert maps.mm_per_px == pytest.approx(rig.distance_mm / np.sqrt(330 * 300))
    assert (maps.mask == scene.mask).mean() > 0.995
    assert angle(maps.normal, scene.normal, maps.mask) < 0.3
    error = depth_errors(maps.depth, scene, maps.mask)
    assert error.mean() < 0.1 and np.percentile(error, 99) < 0.5  # of 42 mm
    texture = near_scene.texture()[maps.mask]
    ratio = maps.albedo[maps.mask] / texture
    assert np.percentile(np.abs(ratio / np.median(ratio) - 1), 99) < 0.05
    # As distant lamps of the same strengths, they give another surface.
    distant = Rig(
        camera=rig.camera.model_copy(update={"focal_px": None}),
        lamps=tuple(Lamp(direction=tuple(d)) for d in rig.directions().tolist()),
    )
    taken = replace(near_scene.pixels(scene, distant, frames), lights=rig.lights())
    assert angle(maps_of_aligned(taken, params).normal, scene.normal, scene.mask) > 4


def test_larger_pictures_find_their_light_in_small(scene, rig, frames, params, monkeypatch):
    monkeypatch.setattr("psface.stereo.near_light.COARSE", 45)
    maps = maps_of_aligned(near_scene.pixels(scene, rig, frames), params)
    assert angle(maps.normal, scene.normal, maps.mask) < 0.5
    assert depth_errors(maps.depth, scene, maps.mask).mean() < 0.3


def test_a_wrong_distance_scales_the_depth_but_leaves_a_face(scene, rig, frames, params):
    near = rig.model_copy(update={"distance_mm": rig.distance_mm * 0.95})
    maps = maps_of_aligned(near_scene.pixels(scene, near, frames), params)
    assert 1 < angle(maps.normal, scene.normal, maps.mask) < 6


def test_the_light_at_the_surface_is_about_one(scene, rig, frames, params):
    integrate = integrator(params.integrator)

    def solve(images, light, saturated, where):
        return photometric_stereo(images, light, saturated=saturated, where=where)

    saturated = np.zeros(frames.shape, bool)
    found = near_light_at_surface(frames, saturated, scene.mask, rig, solve, integrate)
    truth = scaled_light(rig, scene.points.astype(np.float32), scene.mask)
    assert found.shape == (6, 3, *scene.mask.shape)
    error = np.linalg.norm(found - truth, axis=1)[:, scene.mask]
    assert error.mean() < 0.0002 and error.max() < 0.01
    assert np.linalg.norm(found, axis=1)[:, scene.mask].mean() == pytest.approx(1, abs=0.1)


def test_a_mask_of_nothing_and_frames_of_nothing(scene, rig, frames, params):
    """They give empty maps, not errors."""
    for images, mask in ((frames * 0, scene.mask), (frames, scene.mask & False)):
        pixels = replace(near_scene.pixels(scene, rig, images), mask=mask)
        maps = compute_maps(pixels, params)
        for plane in (maps.normal, maps.albedo, maps.depth):
            assert np.isfinite(plane).all()


def test_a_lamp_that_does_not_reach_a_pixel_is_left_out(scene, rig):
    """Its light there is of length 0, of which no frame can be a share."""
    light = near_light(rig, scene.points.astype(np.float32)) * 3e5
    frames = np.maximum((light * scene.normal[None]).sum(axis=1), 0) * 0.5
    light[1, :, :, :30] = 0
    frames[1, :, :30] = 0.01  # of other light
    with np.errstate(all="raise"):
        normal, _ = photometric_stereo(frames.astype(np.float32), light)
    assert angle(normal, scene.normal, scene.mask) < 0.5

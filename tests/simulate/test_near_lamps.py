"""Lamps at a finite distance: where their light comes from, how much arrives, what they shadow."""

from dataclasses import replace

import numpy as np
import pytest

from psface.simulate.faults import Faults
from psface.simulate.light import Conditions, light_directions
from psface.simulate.raster import FAR, Camera
from psface.simulate.recording import render_frames
from psface.simulate.rig_light import View, incidence
from psface.simulate.shadow import cast_shadow, distant_steps, steps
from psface.simulate.shots import shoot
from psface.simulate.true_rig import draw_rig
from tests.simulate.conftest import SEED, look, rigged

IN_ORDER = Faults((0, 1, 2, 3), None)
STILL = np.zeros(2)


@pytest.mark.parametrize("camera_distance", [0.0, 700.0], ids=["orthographic", "perspective"])
def test_shading_is_that_of_the_rig_file(params, camera_distance):
    """Some pixels, one by one, from the positions that the file tells."""
    params = rigged(
        params, camera_distance_mm=camera_distance, lamp_distance_mm=600.0, lamp_spread=0.2,
        lamp_anisotropy=5.0,
    )  # fmt: skip
    rig = draw_rig(params, SEED)
    file = rig.file()
    scene, state = look(params, scale=0.97, position=(12.0, 5.0))
    frames = shoot(scene, state, rig, IN_ORDER).frames
    depth = rig.depth_mm(scene.surface.depth, scene.camera)
    focal = file.camera.focal_px[0]
    rng = np.random.default_rng(0)
    rows, columns = np.nonzero(scene.surface.depth > FAR)
    for pixel in rng.choice(len(rows), 40):
        row, column = rows[pixel], columns[pixel]
        away = file.distance_mm - float(depth[row, column])
        x = (column - (params.width - 1) / 2) / focal * away
        y = ((params.height - 1) / 2 - row) / focal * away
        normal = scene.surface.normal[:, row, column]
        for lamp, frame in zip(file.lamps, frames, strict=True):
            to_lamp = np.array(lamp.position_mm) - [x, y, -away]
            distance = np.linalg.norm(to_lamp)
            cosine = -(to_lamp / distance) @ np.array(lamp.axis)
            light = lamp.intensity * (600.0 / distance) ** 2 * cosine**5.0
            expected = scene.surface.albedo[row, column] * max(to_lamp @ normal / distance, 0)
            expected *= 255 * state.conditions.exposure * light
            assert frame[row, column] == pytest.approx(expected, rel=2e-3, abs=0.02)


def test_lamps_are_as_strong_as_distant_ones_in_the_middle(params):
    params = rigged(params, lamp_distance_mm=500.0, lamp_spread=0.1, lamp_anisotropy=3.0)
    rig = draw_rig(params, SEED)
    flat = np.zeros((params.height, params.width), np.float32)
    view = View.of(Camera(params.width, params.height, rig.scale, 0, 0), flat)
    middle = (slice(params.height // 2 - 1, params.height // 2 + 1),) + (
        slice(params.width // 2 - 1, params.width // 2 + 1),
    )
    assert sorted(rig.strengths) == pytest.approx([0.9, 1 - 0.1 / 3, 1 + 0.1 / 3, 1.1])
    for lamp, direction in enumerate(light_directions()):
        light = incidence(rig, lamp, view, STILL)
        assert light.irradiance[middle].mean() == pytest.approx(rig.strengths[lamp], rel=1e-4)
        found = light.direction[(slice(None), *middle)].mean(axis=(1, 2))
        assert found == pytest.approx(direction, abs=1e-4)


def test_all_far_away_is_the_ideal_rig(params):
    conditions = Conditions(ambient=0.03, specular=1.0, cast_shadows=True)
    far = rigged(params, lamp_distance_mm=1e7, camera_distance_mm=1e7)
    flat, state = look(params, conditions=conditions, scale=1.0)
    ideal = render_frames(flat, state)
    scene, state = look(far, conditions=conditions, scale=1.0)
    frames = shoot(scene, state, draw_rig(far, SEED), IN_ORDER).frames
    difference = np.abs(frames - ideal)[:, flat.surface.depth > FAR]
    assert np.percentile(difference, 99) < 0.5


def test_the_head_moves_through_the_light(params):
    """A shift to the right brings the face nearer to the lamps there."""
    params = rigged(params, lamp_distance_mm=400.0)
    rig = draw_rig(params, SEED)
    scene, state = look(params)
    moved = replace(state, shifts=np.array([[0, 0], [20, 0], [20, 0], [0, 0.0]]))
    before, after = (shoot(scene, s, rig, IN_ORDER).frames for s in (state, moved))
    x, y = np.round(scene.landmarks[2]).astype(int)
    change = after[1:3, y, x + 20] / before[1:3, y, x]
    assert change[0] > 1.02 and change[1] < 0.98


@pytest.mark.parametrize("nearness", [0.0, 1 / 400], ids=["orthographic", "perspective"])
@pytest.mark.parametrize("near", [True, False], ids=["near", "distant"])
def test_the_march_follows_rays(near, nearness):
    """Each step from a point in space is on the straight line to the lamp."""
    camera = Camera(300, 240, 1.2, 149.5, 119.5, nearness)
    lamp = np.array([180.0, 120.0, 320.0]) if near else np.array([0.5, 1 / 3, 0.8])
    for start in np.array([[-40.0, 30, -50], [60, 20, 0], [10, -70, -90]]):
        place = camera.project(start[None])[0]
        height = camera.heights(start[2:])[0]
        to_lamp = lamp - start if near else lamp
        to_lamp /= np.linalg.norm(to_lamp)
        travelled = 0.0
        for step in steps(lamp, near, camera):
            column, row = 2 * (step.shrink * place / 2 + [step.right, step.down])
            z = camera.depths(np.array([step.shrink * height + step.rise]))[0]
            shrunk = (1 - nearness * z) / camera.scale
            point = np.array([shrunk * (column - 149.5), shrunk * (119.5 - row), z])
            along = (point - start) @ to_lamp
            assert np.linalg.norm(point - start - along * to_lamp) < 1e-3
            assert along > travelled
            travelled = along
        assert travelled == pytest.approx(75 / np.hypot(*to_lamp[:2]), rel=0.5)


@pytest.mark.parametrize("nearness", [0.0, 1 / 400], ids=["orthographic", "perspective"])
def test_a_disc_casts_its_shadow(nearness):
    """On a plane below it, where the ray from a near lamp through its middle ends."""
    camera = Camera(600, 480, 2.4, 0, 0, nearness)
    lamp, disc, height, radius = np.array([180.0, 120, 320]), np.array([-60.0, -20]), 40.0, 12.0
    points = camera.positions(np.full((camera.height, camera.width), height, np.float32))
    inside = np.hypot(points[0] - disc[0], points[1] - disc[1]) < radius
    depth = np.where(inside, np.float32(height), np.float32(0))
    reach = cast_shadow(camera.heights(depth), steps(lamp, True, camera))
    along = height / (lamp[2] - height)
    middle, grown = disc + along * (disc - lamp[:2]), radius * (1 + along)
    offset = camera.positions(np.zeros_like(depth))[:2] - middle[:, None, None]
    away = (middle - disc) / np.linalg.norm(middle - disc)
    # The march takes what it sees for a wall down to the plane, so only the far half is compared.
    far_half = (np.tensordot(away, offset, 1) > 0) & (depth == 0)
    distance = np.hypot(*offset)
    assert reach[far_half & (distance < grown - 6.5)].max() < 0.5
    assert reach[far_half & (distance > grown + 1.5)].min() > 0.5


def test_steps_to_a_distant_lamp_are_the_same_by_either_way():
    light = light_directions()[1]
    camera = Camera(90, 60, 0.7, 40, 30)
    for one, other in zip(distant_steps(light, 0.7), steps(light, False, camera), strict=True):
        assert vars(one) == pytest.approx(vars(other))


def test_a_cone_needs_a_near_lamp(params):
    with pytest.raises(ValueError, match="distant lamps have no cone"):
        rigged(params, lamp_anisotropy=2.0)
    with pytest.raises(ValueError, match="lamp_distance_mm is 0 or at least 300"):
        rigged(params, lamp_distance_mm=1.0)

"""The physics and the signs of a rendered face."""

import numpy as np
import pytest

from psface.simulate.expression import Expression
from psface.simulate.light import Conditions, light_directions
from psface.simulate.mesh import grid_mesh
from psface.simulate.raster import FAR, Camera, rasterise
from psface.simulate.recording import render_frames
from psface.simulate.scene import true_maps
from psface.simulate.true_rig import SCALE
from tests.simulate.conftest import look


@pytest.fixture(scope="module")
def frontal(params):
    scene, state = look(params)
    return scene, true_maps(scene, state.conditions.exposure), render_frames(scene, state)


def sample(image, point):
    x, y = np.round(point).astype(int)
    return image[y, x]


def test_pure_rendering_is_lambert(frontal):
    _, maps, frames = frontal
    for light, frame in zip(light_directions(), frames, strict=True):
        expected = maps.albedo * np.maximum(np.tensordot(light, maps.normal, 1), 0)
        assert np.abs(frame / 255 - expected)[maps.mask].max() < 1e-5


def test_least_squares_recovers_the_truth(frontal):
    _, maps, frames = frontal
    lights = light_directions()
    lit = maps.mask & (np.tensordot(lights, maps.normal, 1) > 0).all(axis=0)
    assert lit.sum() > 0.4 * maps.mask.sum()
    scaled = np.linalg.lstsq(lights, frames[:, lit] / 255, rcond=None)[0]
    albedo = np.linalg.norm(scaled, axis=0)
    cosine = np.clip((scaled / albedo * maps.normal[:, lit]).sum(0), -1, 1)
    assert np.degrees(np.arccos(cosine)).max() < 0.1
    assert albedo == pytest.approx(maps.albedo[lit], rel=1e-3)


def test_maps_are_unit_inside_and_zero_outside(frontal):
    _, maps, _ = frontal
    length = np.linalg.norm(maps.normal, axis=0)
    assert length[maps.mask] == pytest.approx(1, abs=1e-5)
    assert not length[~maps.mask].any() and not maps.depth[~maps.mask].any()
    assert maps.normal[2][maps.mask].min() > 0.019


def test_normals_are_those_of_the_depth(frontal):
    """Slopes of the depth, in pixels per pixel, are -n_x/n_z and, rows running down, n_y/n_z."""
    _, maps, _ = frontal
    steep = maps.normal[2] < 0.5
    inside = maps.mask & ~steep
    inside[1:-1, 1:-1] &= maps.mask[:-2, 1:-1] & maps.mask[2:, 1:-1]
    inside[1:-1, 1:-1] &= maps.mask[1:-1, :-2] & maps.mask[1:-1, 2:]
    down, across = np.gradient(maps.depth)
    normal = maps.normal[:, inside]
    x_error, y_error = across[inside] + normal[0] / normal[2], down[inside] - normal[1] / normal[2]
    assert np.median(np.abs(x_error)) < 0.05 and np.median(np.abs(y_error)) < 0.05


def test_normals_point_outwards(frontal):
    scene, maps, _ = frontal
    left, _, nose, mouth_left, _ = scene.landmarks
    rows = slice(int(left[1]), int(mouth_left[1]))
    column, reach = round(nose[0]), int(40 * scene.scale)
    assert maps.normal[0, rows, column + reach].mean() > 0.3
    assert maps.normal[0, rows, column - reach].mean() < -0.3
    forehead = int(left[1] - 45 * scene.scale)
    assert maps.normal[1, forehead, column - 5 : column + 6].mean() > 0


def test_the_nose_is_nearest(frontal):
    scene, maps, _ = frontal
    nose = scene.landmarks[2]
    rows, columns = np.nonzero(maps.depth == maps.depth[maps.mask].max())
    peak = np.array([columns[0], rows[0]])
    assert np.linalg.norm(peak - nose) < 6 * scene.scale
    for side in (-1, 1):
        cheek = nose + [side * 35 * scene.scale, 0]
        assert sample(maps.depth, nose) - sample(maps.depth, cheek) > 15 * scene.scale


def test_eyes_and_mouth_lie_where_they_are_drawn(frontal):
    """Irises and the line between the lips are darker than the skin below and beside them."""
    scene, maps, _ = frontal
    left, right, nose, mouth_left, mouth_right = scene.landmarks
    assert left[0] < nose[0] < right[0] and mouth_left[0] < nose[0] < mouth_right[0]
    assert left[1] < nose[1] < mouth_left[1]
    skin = sample(maps.albedo, nose + [0, -50 * scene.scale])
    for eye in (left, right):
        x, y = np.round(eye).astype(int)
        assert maps.albedo[y - 1 : y + 2, x - 1 : x + 2].min() < 0.5 * skin
    middle = (mouth_left + mouth_right) / 2
    x, y = np.round(middle).astype(int)
    assert maps.albedo[y - 5 : y + 6, x].min() < 0.7 * skin


@pytest.mark.parametrize("angle", ["yaw", "pitch", "roll"])
def test_rotations_turn_as_documented(params, angle):
    scene, _ = look(params, **{angle: 15.0})
    straight, _ = look(params)
    eyes, nose = scene.landmarks[:2], scene.landmarks[2] - scene.landmarks[:2].mean(0)
    before = straight.landmarks[2] - straight.landmarks[:2].mean(0)
    if angle == "yaw":
        assert nose[0] - before[0] > 3 * scene.scale
    elif angle == "pitch":
        assert nose[1] - before[1] < -3 * scene.scale
    else:
        slope = np.degrees(np.arctan2(*(eyes[1] - eyes[0])[::-1]))
        assert slope == pytest.approx(15, abs=0.5)


def test_each_light_brightens_its_own_side(frontal):
    scene, maps, frames = frontal
    nose = scene.landmarks[2]
    row, column = np.indices(maps.mask.shape)
    head = maps.mask & (np.hypot(column - nose[0], row - nose[1]) < 60 * scene.scale)
    for (x, y, _), frame in zip(light_directions(), frames, strict=True):
        bright = np.average(np.stack([column[head], -row[head]]), axis=1, weights=frame[head])
        middle = np.stack([column[head], -row[head]]).mean(1)
        assert (bright - middle) @ [x, y] > 2 * scene.scale
    right, left, top, bottom = frames[[0, 1]], frames[[2, 3]], frames[[1, 2]], frames[[0, 3]]
    assert right[..., int(nose[0]) + 20].mean() > left[..., int(nose[0]) + 20].mean()
    forehead = (slice(None), int(nose[1] - 90 * scene.scale), int(nose[0]))
    assert top[forehead].mean() > bottom[forehead].mean()


def test_errors_of_the_rig_change_the_frames(params):
    pure, _ = look(params)
    _, state = look(params)
    base = render_frames(pure, state)
    for conditions, sign in (
        (Conditions(cast_shadows=True), -1),
        (Conditions(ambient=0.05), 1),
        (Conditions(specular=1.0), 1),
    ):
        scene, changed = look(params, conditions=conditions)
        difference = sign * (render_frames(scene, changed) - base)
        assert difference.min() > -1e-3 and difference.max() > 2


def test_spectacles_are_seen(params):
    plain, state = look(params)
    worn = {"spectacles": "yes"}
    attributes = type(state.attributes)(**{**vars(state.attributes), **worn})
    scene, _ = look(params, attributes=attributes)
    changed = scene.surface.albedo != plain.surface.albedo
    rows, columns = np.nonzero(changed)
    left, right, nose, *_ = scene.landmarks
    assert columns.min() < left[0] - 10 and columns.max() > right[0] + 10
    assert rows.max() < nose[1] + 10
    assert np.array_equal(scene.surface.occluder, plain.surface.occluder)


def test_expressions_are_visible(params):
    """A mouth at rest and one in movement differ by much more than noise."""
    calm, state = look(params, expression=Expression())
    base = render_frames(calm, state).mean(0)
    for expression in (Expression(smile=1.0), Expression(opening=9), Expression(smile=-0.8)):
        scene, changed = look(params, expression=expression)
        left, right = calm.landmarks[3:]
        box = np.s_[int(left[1]) - 8 : int(left[1]) + 10, int(left[0]) : int(right[0])]
        assert np.std((render_frames(scene, changed).mean(0) - base)[box]) > 7


def test_sphere_is_rasterised_exactly():
    """Depth and normals of a fine sphere match the formula; the hidden half does not show."""
    longitude = np.linspace(-np.pi, np.pi, 240)
    latitude = np.linspace(-np.pi / 2, np.pi / 2, 160)[:, None]
    x, y = np.cos(latitude) * np.sin(longitude), np.sin(latitude) + 0 * longitude
    z = np.cos(latitude) * np.cos(longitude)
    camera = Camera(width=64, height=48, scale=SCALE, column=30.3, row=24.6)
    layer = rasterise(grid_mesh(16 * np.stack([x, y, z], -1), 0.5), camera)
    row, column = np.indices((48, 64))
    px, py = (column - camera.column) / SCALE, (camera.row - row) / SCALE
    inner, outer = np.hypot(px, py) < 15, np.hypot(px, py) > 16
    depth = np.sqrt(np.maximum(256 - px**2 - py**2, 0))
    assert layer.depth[inner] == pytest.approx(depth[inner], abs=0.02)
    assert (layer.depth[outer] == FAR).all()
    normal = np.stack([px, py, depth]) / 16
    assert np.abs(layer.attributes[:3] - normal)[:, inner].max() < 0.02
    assert (layer.attributes[3][inner] == 0.5).all()

"""A camera at a finite distance: where points appear, and what their depth is."""

import numpy as np
import pytest

from psface.simulate.mesh import grid_mesh
from psface.simulate.raster import FAR, Camera, rasterise
from psface.simulate.recording import record_by
from psface.simulate.true_rig import draw_rig
from tests.simulate.conftest import SEED, look, rigged

DISTANCE = 500.0  # mm, of the plane z = 0
CAMERA = Camera(width=64, height=48, scale=1.2, column=35.3, row=20.6, nearness=1 / DISTANCE)
FOCAL = CAMERA.scale * DISTANCE


def in_camera(point) -> np.ndarray:
    """A point of the head in the camera's coordinates."""
    x, y = (CAMERA.column - 31.5) / CAMERA.scale, (23.5 - CAMERA.row) / CAMERA.scale
    return np.array(point) + [x, y, -DISTANCE]


def test_known_points_are_projected():
    points = np.array([[0, 0, 0], [10, -5, 30], [-20, 8, -90], [3, 4, 100.0]])
    for point, (column, row) in zip(points, CAMERA.project(points), strict=True):
        x, y, z = in_camera(point)
        assert column == pytest.approx(31.5 + FOCAL * x / -z)
        assert row == pytest.approx(23.5 - FOCAL * y / -z)


def test_heights_are_linear_in_the_image():
    ends = np.array([[-10.0, 5, 80], [20, 9, -60]])
    line = ends[0] + np.linspace(0, 1, 9)[:, None] * (ends[1] - ends[0])
    place = CAMERA.project(line)
    share = (place[:, 0] - place[0, 0]) / (place[-1, 0] - place[0, 0])
    heights = CAMERA.heights(line[:, 2])
    assert heights == pytest.approx(heights[0] + share * (heights[-1] - heights[0]))
    assert CAMERA.depths(heights) == pytest.approx(line[:, 2])


def test_positions_are_where_the_pixels_look():
    depth = np.random.default_rng(0).uniform(-90, 50, (48, 64)).astype(np.float32)
    points = CAMERA.positions(depth)
    assert points[2] == pytest.approx(depth)
    column = 31.5 + FOCAL * points[0] / (DISTANCE - depth)
    row = 23.5 - FOCAL * points[1] / (DISTANCE - depth)
    expected_row, expected_column = np.indices((48, 64))
    assert np.abs(column - expected_column).max() < 1e-3
    assert np.abs(row - expected_row).max() < 1e-3
    views = CAMERA.views()
    to_camera = [0, 0, DISTANCE] - points[:, 7, 50].astype(float)
    assert views[:, 7, 50] == pytest.approx(to_camera / np.linalg.norm(to_camera), abs=1e-6)


def test_sphere_is_rasterised_in_perspective():
    """Depth, normals and an albedo painted across it match the intersection of rays."""
    longitude = np.linspace(-np.pi, np.pi, 240)
    latitude = np.linspace(-np.pi / 2, np.pi / 2, 160)[:, None]
    x, y = np.cos(latitude) * np.sin(longitude), np.sin(latitude) + 0 * longitude
    z = np.cos(latitude) * np.cos(longitude)
    mesh = grid_mesh(16 * np.stack([x, y, z], -1), 0.5 + 0.4 * y)
    layer = rasterise(mesh, CAMERA)
    centre = in_camera([0, 0, 0])
    checked = 0
    for row in range(0, 48, 3):
        for column in range(0, 64, 3):
            ray = np.array([(column - 31.5) / FOCAL, (23.5 - row) / FOCAL, -1])
            ray /= np.linalg.norm(ray)
            along = ray @ centre
            rest = along**2 - centre @ centre + 16**2
            if rest < 0:
                assert layer.depth[row, column] == FAR or rest > -20
            if rest < 60:  # of 256: near the rim
                continue
            hit = (along - np.sqrt(rest)) * ray
            normal = (hit - centre) / 16
            assert layer.depth[row, column] == pytest.approx(hit[2] + DISTANCE, abs=0.03)
            assert layer.attributes[:3, row, column] == pytest.approx(normal, abs=0.02)
            assert layer.attributes[3, row, column] == pytest.approx(
                0.5 + 0.4 * normal[1], abs=0.01
            )
            checked += 1
    assert checked > 50


@pytest.mark.parametrize(
    "switches",
    [{"camera_distance_mm": 600.0}, {"lamp_distance_mm": 600.0}],
    ids=["perspective", "orthographic"],
)
def test_true_depth_in_mm_has_the_true_normals(params, switches):
    """Points that the rig file's camera puts at the true depths span the true normals."""
    params = rigged(params, **switches)
    rig = draw_rig(params, SEED)
    scene, state = look(params, scale=1.04, position=(9.0, -6.0))
    maps = record_by(rig, params, SEED, 0, 0, scene, state).maps
    camera, distance = rig.file().camera, rig.file().distance_mm
    rows, columns = np.indices(maps.mask.shape)
    away = distance - maps.depth.astype(np.float64)
    points = away * np.stack(
        [
            (columns - (params.width - 1) / 2) / camera.focal_px[0],
            ((params.height - 1) / 2 - rows) / camera.focal_px[1],
            np.full(away.shape, -1.0),
        ]
    )
    down, across = np.gradient(points, axis=(1, 2))
    found = np.cross(across, -down, axis=0)
    found /= np.linalg.norm(found, axis=0)
    inside = maps.mask & (maps.normal[2] > 0.5)
    for axis in (0, 1):
        inside &= np.roll(maps.mask, 1, axis) & np.roll(maps.mask, -1, axis)
    angle = np.degrees(np.arccos(np.clip((found * maps.normal).sum(0)[inside], -1, 1)))
    assert np.median(angle) < 2
    # No bias across the picture, as a wrong focal length or sign would give.
    for axis in (0, 1):
        difference = (found - maps.normal)[axis][inside]
        place = (columns, rows)[axis][inside]
        slope = np.polyfit(place - place.mean(), difference, 1)[0]
        assert abs(slope) * params.width < 0.02


def test_a_distant_camera_is_orthographic(params):
    near, _ = look(rigged(params, camera_distance_mm=1e7))
    flat, _ = look(params)
    assert near.landmarks == pytest.approx(flat.landmarks, abs=0.01)
    seen = (near.surface.depth > FAR) & (flat.surface.depth > FAR)
    assert np.median(np.abs(near.surface.depth - flat.surface.depth)[seen]) < 0.01


def test_a_near_camera_narrows_the_head(params):
    """From 0.4 m the widest parts of a head, behind the face, look smaller than the face."""
    widths = []
    for distance in (0.0, 400.0):
        scene, _ = look(rigged(params, camera_distance_mm=distance))
        left, right = scene.landmarks[:2]
        head = scene.surface.depth[round(left[1])] > FAR
        widths.append(head.sum() / (right[0] - left[0]))
    assert widths[1] < 0.93 * widths[0]

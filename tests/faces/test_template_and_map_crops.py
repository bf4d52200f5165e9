from dataclasses import replace

import numpy as np
import pytest

from psface.faces.alignment import TEMPLATE, ZOOM_POINT, crop_image, face_oval, similarity
from psface.faces.map_crops import crop_maps
from psface.stereo.map_files import Maps
from tests.shapes import angle, sphere

SIZE = 96


def apply(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    return points @ matrix[:, :2].T + matrix[:, 2]


def turn(degrees: float, scale: float = 1.0, size: int = SIZE) -> np.ndarray:
    """Turn an image about its middle; positive is clockwise as seen, since y runs down."""
    a = np.radians(degrees)
    linear = scale * np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    middle = np.full(2, (SIZE - 1) / 2)
    return np.column_stack([linear, np.full(2, (size - 1) / 2) - linear @ middle])


def maps_of_sphere(centre=(0.0, 0.0), radius=24.0, size=SIZE) -> Maps:
    normal, depth, mask = sphere(size, radius, centre)
    return Maps(np.float32(normal), np.float32(0.6 * mask), np.float32(depth), mask)


@pytest.mark.parametrize("degrees", [0, 30, 90, -170])
@pytest.mark.parametrize("scale", [0.2, 1, 3])
def test_a_known_similarity_is_recovered(degrees, scale):
    a = np.radians(degrees)
    linear = scale * np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    landmarks = (SIZE * TEMPLATE - [7.0, -3.0]) @ np.linalg.inv(linear).T
    matrix = similarity(landmarks, SIZE)
    np.testing.assert_allclose(matrix, np.column_stack([linear, [7.0, -3.0]]), atol=1e-9)


def test_a_detector_s_landmarks_give_the_transform_of_a_table_s():
    landmarks = (SIZE * TEMPLATE + np.random.default_rng(0).normal(0, 6, (5, 2))).astype(np.float32)
    assert (similarity(landmarks, SIZE) == similarity(landmarks.astype(np.float64), SIZE)).all()


def test_the_fit_is_the_least_squares_one():
    rng = np.random.default_rng(0)
    landmarks = SIZE * TEMPLATE * 2 + rng.normal(0, 6, (5, 2))
    matrix = similarity(landmarks, SIZE)

    def cost(matrix: np.ndarray) -> float:
        return float(((apply(matrix, landmarks) - SIZE * TEMPLATE) ** 2).sum())

    for _ in range(200):
        da, db, dx, dy = rng.normal(0, [1e-3, 1e-3, 0.1, 0.1])
        assert cost(matrix + [[da, -db, dx], [db, da, dy]]) >= cost(matrix)


def test_mirrored_landmarks_are_not_mirrored_back():
    landmarks = SIZE * TEMPLATE * [-1, 1]
    matrix = similarity(landmarks, SIZE)
    assert np.linalg.det(matrix[:, :2]) > 0


def test_the_crop_has_its_eyes_above_its_mouth_and_is_inside():
    assert (TEMPLATE > 0.2).all() and (TEMPLATE < 0.9).all()
    left_eye, right_eye, nose, mouth_left, mouth_right = TEMPLATE
    assert left_eye[0] < nose[0] < right_eye[0] and mouth_left[0] < mouth_right[0]
    assert left_eye[1] < nose[1] < mouth_left[1]


@pytest.mark.parametrize("degrees", [0, 30, 90, 180, -45])
def test_normals_turn_with_the_image(degrees):
    """A sphere off the middle, turned with its picture, is a sphere at the turned place."""
    matrix = turn(degrees)
    place = np.array([(SIZE - 1) / 2 + 14, (SIZE - 1) / 2 - 6])  # 14 right and 6 up
    moved = apply(matrix, place[None])[0] - (SIZE - 1) / 2
    cut = crop_maps(maps_of_sphere((14, 6)), matrix, face_oval(SIZE))
    expected = maps_of_sphere((moved[0], -moved[1]))
    inner = expected.mask & (expected.normal[2] > 0.35)
    assert (cut.mask == expected.mask).mean() > 0.995
    assert cut.mask[inner].all()
    for axis in range(3):
        np.testing.assert_allclose(cut.normal[axis][inner], expected.normal[axis][inner], atol=0.03)
    assert angle(cut.normal, expected.normal, inner) < 0.7


def test_a_quarter_turn_clockwise_takes_up_to_right():
    up = np.zeros((3, SIZE, SIZE), np.float32)
    up[1] = 1
    mask = np.ones((SIZE, SIZE), bool)
    zero = np.zeros((SIZE, SIZE), np.float32)
    cut = crop_maps(Maps(up, zero, zero, mask), turn(90), face_oval(SIZE))
    np.testing.assert_allclose(cut.normal[:, 48, 48], [1, 0, 0], atol=1e-6)


def without_plane(depth, region):
    """Depths inside a region less the plane through them."""
    rows, columns = np.nonzero(region)
    basis = np.stack([rows, columns, np.ones(len(rows))], axis=1)
    return depth[region] - basis @ np.linalg.lstsq(basis, depth[region], rcond=None)[0]


def test_depth_has_neither_level_nor_tilt():
    maps = maps_of_sphere()
    rows, columns = np.indices(maps.depth.shape)
    tilted = replace(maps, depth=maps.depth + 0.3 * columns - 0.2 * rows + 40)
    cuts = [crop_maps(m, turn(10, 1.0, SIZE), face_oval(SIZE)) for m in (maps, tilted)]
    np.testing.assert_allclose(cuts[0].depth, cuts[1].depth, atol=0.3)
    mask = cuts[0].mask
    np.testing.assert_allclose(without_plane(cuts[0].depth, mask), cuts[0].depth[mask], atol=1e-3)


def test_only_the_face_s_oval_is_kept():
    oval = face_oval(112)
    assert not oval[[0, 0, -1, -1], [0, -1, 0, -1]].any()
    for x, y in TEMPLATE * 112:
        assert oval[round(y), round(x)]
    assert 0.55 < oval.mean() < 0.7


@pytest.mark.parametrize("scale", [0.5, 1.5])
def test_depth_scales_with_the_crop(scale):
    size = round(SIZE * scale)
    cut = crop_maps(maps_of_sphere(), turn(0, scale, size), face_oval(size))
    expected = maps_of_sphere(radius=24 * scale, size=size)
    inner = expected.mask & cut.mask & (expected.normal[2] > 0.4)
    depth, found = (without_plane(m.depth, inner) for m in (expected, cut))
    np.testing.assert_allclose(found, depth, atol=0.6)
    assert np.ptp(found) == pytest.approx(np.ptp(depth), rel=0.06)
    assert angle(cut.normal, expected.normal, inner) < 2


@pytest.mark.parametrize("mm_per_px", [0.25, 3.0])
def test_depth_in_mm_is_cropped_as_depth_in_pixels(mm_per_px):
    maps = maps_of_sphere((5, -3))
    in_mm = replace(maps, depth=maps.depth * np.float32(mm_per_px), mm_per_px=mm_per_px)
    matrix, oval = turn(25, 1.4, SIZE), face_oval(SIZE)
    one, other = crop_maps(maps, matrix, oval), crop_maps(in_mm, matrix, oval)
    assert np.ptp(one.depth) > 10
    np.testing.assert_allclose(other.depth, one.depth, atol=1e-4)
    assert np.array_equal(one.normal, other.normal) and np.array_equal(one.mask, other.mask)


@pytest.mark.parametrize("scale", [0.4, 1.0, 2.2])
def test_the_mask_s_edge_does_not_darken_what_is_inside(scale):
    """Outside is no value of the surface: it must not be mixed in."""
    size = round(SIZE * scale)
    cut = crop_maps(maps_of_sphere(), turn(20, scale, size), face_oval(size))
    np.testing.assert_allclose(cut.albedo[cut.mask], 0.6, atol=1e-4)
    assert (cut.albedo[~cut.mask] == 0).all() and (cut.normal[:, ~cut.mask] == 0).all()
    assert (cut.depth[~cut.mask] == 0).all()
    np.testing.assert_allclose(np.linalg.norm(cut.normal, axis=0)[cut.mask], 1, atol=1e-5)


def test_a_crop_outside_the_image_is_empty():
    matrix = np.array([[1, 0, -1000], [0, 1, -1000]], float)
    cut = crop_maps(maps_of_sphere(), matrix, face_oval(32))
    assert not cut.mask.any() and (cut.normal == 0).all() and np.isfinite(cut.depth).all()


def test_an_image_is_smoothed_before_it_shrinks():
    """Fine stripes become grey, not a pattern of their own."""
    stripes = np.tile(np.array([0, 1], np.float32), (SIZE * 4, SIZE * 2))
    small = crop_image(stripes, np.array([[0.23, 0, 0], [0, 0.23, 0]]), 80)
    assert small[5:75, 5:75].std() < 0.05
    np.testing.assert_array_equal(crop_image(stripes, np.eye(2, 3), 50), stripes[:50, :50])


def test_a_zoomed_crop_is_the_inside_of_the_whole_one():
    landmarks = np.array([[40.0, 60], [80, 58], [61, 80], [45, 105], [77, 104]])
    one, zoomed = similarity(landmarks, SIZE), similarity(landmarks, SIZE, 1.6)
    assert np.linalg.norm(zoomed[0, :2]) == pytest.approx(1.6 * np.linalg.norm(one[0, :2]))
    fixed = SIZE * np.array(ZOOM_POINT)
    x, y = np.linalg.solve(one[:, :2], fixed - one[:, 2])
    assert zoomed @ [x, y, 1] == pytest.approx(fixed, abs=1e-6)
    assert (similarity(landmarks, SIZE, 1.0) == one).all()
    inner = zoomed[:, :2] @ landmarks.T + zoomed[:, 2:]
    assert inner.min() > 0 and inner.max() < SIZE  # all landmarks stay in it


def test_the_oval_of_a_zoomed_crop_is_that_of_the_whole_one():
    zoomed, whole = face_oval(160, 1.6), face_oval(100)
    rows, columns = np.indices((160, 160))
    x, y = ZOOM_POINT
    inside = whole[
        (rows / 2.56 + (100 - 100 / 1.6) * y).astype(int),
        (columns / 2.56 + (100 - 100 / 1.6) * x).astype(int),
    ]
    assert (inside == zoomed).mean() > 0.99

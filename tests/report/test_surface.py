"""Where the pixels of a depth map lie in space, and which of them are joined."""

from dataclasses import replace

import numpy as np
import pytest

from psface.errors import UserError
from psface.report.surface import STEEPEST, surface_of, triangles
from psface.stereo.map_files import Maps
from tests.shapes import sphere
from tests.stereo import near_scene


def maps_of(depth: np.ndarray, mask: np.ndarray, **known) -> Maps:
    depth = np.where(mask, depth, 0).astype(np.float32)
    return Maps(np.zeros((3, *depth.shape), np.float32), np.ones_like(depth), depth, mask, **known)


def edges(corners: np.ndarray) -> set[tuple[int, int]]:
    return {tuple(sorted(pair)) for t in corners.tolist() for pair in (t[:2], t[1:], t[::2])}


@pytest.fixture(scope="module")
def scene() -> tuple[near_scene.Scene, Maps]:
    seen = near_scene.ellipsoid()
    rig = near_scene.rig(seen)
    depth = seen.points[2] + rig.distance_mm
    return seen, maps_of(depth, seen.mask, mm_per_px=rig.mm_per_px)


def test_points_lie_on_the_rays_of_the_rig_s_camera(scene):
    seen, maps = scene
    rig = near_scene.rig(seen)
    surface = surface_of(maps, rig)
    assert surface.unit == "mm"
    true = seen.points + np.array([0, 0, rig.distance_mm])[:, None, None]
    assert np.abs(surface.points - true)[:, seen.mask].max() < 1e-3
    # All of the ellipsoid that is seen at less than 80 degrees is joined, and faces the camera.
    corners = triangles(surface)
    assert set(corners.ravel()) == set(np.flatnonzero(seen.mask)) - unjoined(seen.mask)
    a, b, c = np.moveaxis(surface.points.reshape(3, -1).T[corners], 1, 0)
    outward = np.cross(b - a, c - a)
    assert (outward * (surface.camera - a)).sum(axis=1).min() > 0


def unjoined(mask: np.ndarray) -> set[int]:
    """Pixels whose neighbours on both sides of every corner are outside."""
    padded = np.pad(mask, 1)
    joined = np.zeros_like(mask)
    for down in (-1, 1):
        for across in (-1, 1):
            beside = np.roll(padded, across, 1)[1:-1, 1:-1]
            above = np.roll(padded, down, 0)[1:-1, 1:-1]
            corner = np.roll(padded, (down, across), (0, 1))[1:-1, 1:-1]
            # The diagonal runs from the upper left: the other two corners need both neighbours.
            falling = down == across
            joined |= (beside | above) & corner if falling else beside & above
    return set(np.flatnonzero(mask & ~joined))


def test_without_a_camera_rays_are_parallel():
    _, depth, mask = sphere(40, 15)
    surface = surface_of(maps_of(depth, mask))
    assert surface.unit == "px" and surface.camera is None
    inside = surface.points[:, mask]
    assert np.linalg.norm(inside, axis=0) == pytest.approx(np.full(mask.sum(), 15), abs=1e-4)
    assert inside[1].argmax() < mask.sum() / 2  # up is in the first rows
    scaled = surface_of(maps_of(depth * 0.5, mask, mm_per_px=0.5))
    assert scaled.unit == "mm" and np.allclose(scaled.points, surface.points / 2)


def test_no_triangle_goes_across_a_jump():
    depth = np.zeros((6, 8), np.float32)
    depth[:, 4:] = 7
    corners = triangles(surface_of(maps_of(depth, depth >= 0)))
    assert len(corners) == 2 * 5 * (3 + 3)
    assert not [1 for one, other in edges(corners) if (one % 8 < 4) != (other % 8 < 4)]


@pytest.mark.parametrize("size", [0.01, 1, 300])
def test_the_limit_is_an_angle_in_any_unit(size):
    columns = np.indices((3, 4))[1].astype(np.float32)
    for degrees, joined in ((STEEPEST - 1, 12), (STEEPEST + 1, 0)):
        depth = size * columns * np.tan(np.radians(degrees))
        maps = maps_of(depth, columns >= 0, mm_per_px=size)
        assert len(triangles(surface_of(maps))) == joined


def test_pixels_outside_the_mask_have_no_triangle():
    mask = np.ones((3, 3), bool)
    mask[0, 0] = False
    corners = triangles(surface_of(maps_of(np.zeros((3, 3)), mask)))
    assert len(corners) == 6 and 0 not in corners


def test_another_rig_is_refused(scene):
    seen, maps = scene
    rig = near_scene.rig(seen)
    with pytest.raises(UserError, match=r"mm a pixel, but .* by the rig"):
        surface_of(replace(maps, mm_per_px=1.1 * rig.mm_per_px), rig)
    part = replace(maps, depth=maps.depth[:50], mask=maps.mask[:50])
    with pytest.raises(UserError, match=r"a map of 90x50 pixels, but .* takes 90x110"):
        surface_of(part, rig)

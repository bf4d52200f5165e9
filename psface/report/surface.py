"""The surface that a depth map describes: its points in space, and the triangles between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from psface.errors import UserError
from psface.rig.rig import Rig
from psface.stereo.lighting import view_of
from psface.stereo.map_files import Maps

# Degrees between a triangle and the camera: steeper, it bridges a jump of depth, or it is part of
# the outline, where normals tell little.
STEEPEST = 80.0
ALIKE = 0.01  # difference between two statements of a pixel's size


@dataclass(frozen=True)
class Surface:
    """Points seen by the pixels of a map.

    Attributes
    ----------
    points : (3, H, W) float32
        x right, y up, z towards the camera, from where the camera's axis meets the plane at the
        rig's distance.
    mask : (H, W) bool
        Where there are points.
    unit : str
        mm or px.
    camera : (3,) float64 or None
        Where the camera is; None if it looks from so far away that its rays are parallel.
    """

    points: np.ndarray
    mask: np.ndarray
    unit: str
    camera: np.ndarray | None


def surface_of(maps: Maps, rig: Rig | None = None) -> Surface:
    """Place the pixels of a depth map in space.

    With the focal length and the distance of a rig, each pixel's point lies on its own ray.
    Otherwise rays count as parallel, and a pixel is as large as the maps say, or the unit.

    Raises
    ------
    UserError
        If the rig has another size of pictures, or of a pixel at the face, than the maps.

    Examples
    --------
    >>> flat = np.zeros((2, 3), np.float32)
    >>> maps = Maps(np.zeros((3, 2, 3)), flat, flat, flat == 0, mm_per_px=0.5)
    >>> surface = surface_of(maps)
    >>> surface.unit, surface.points[:, 0, 0].tolist()
    ('mm', [-0.5, 0.25, 0.0])
    """
    height, width = maps.mask.shape
    if rig is not None and maps.mm_per_px is not None and rig.mm_per_px is not None:
        _check(maps, rig)
        assert rig.distance_mm is not None
        rays = view_of(rig, (height, width)).rays((height, width))
        points = rays * (np.float32(rig.distance_mm) - maps.depth)
        points[2] = maps.depth
        return Surface(points, maps.mask, "mm", np.array([0, 0, rig.distance_mm]))
    rows, columns = np.indices((height, width), dtype=np.float32)
    size = np.float32(maps.mm_per_px or 1)
    x, y = columns - (width - 1) / 2, (height - 1) / 2 - rows
    points = np.stack([x * size, y * size, maps.depth])
    return Surface(points, maps.mask, "mm" if maps.mm_per_px else "px", None)


def _check(maps: Maps, rig: Rig) -> None:
    height, width = maps.mask.shape
    camera = rig.camera
    if camera.width_px and (camera.width_px, camera.height_px) != (width, height):
        raise UserError(
            f"a map of {width}x{height} pixels, but the rig's camera takes {camera.width_px}x"
            f"{camera.height_px}; name the rig that took the capture"
        )
    assert maps.mm_per_px is not None and rig.mm_per_px is not None
    if abs(rig.mm_per_px / maps.mm_per_px - 1) > ALIKE:
        raise UserError(
            f"a map of {maps.mm_per_px:.4g} mm a pixel, but {rig.mm_per_px:.4g} by the rig; name "
            "the rig that took the capture"
        )


def triangles(surface: Surface) -> np.ndarray:
    """Triangles between neighbouring pixels, (m, 3) indices of pixels counted row by row.

    Their corners run anticlockwise as the camera sees them, so that they face it. There is none
    where a corner has no point, and none that is turned more than `STEEPEST` from the camera: two
    neighbours whose depths differ by more than 5.7 of their distance across belong to different
    parts of the face, one before the other.

    Examples
    --------
    A step between two levels, across which nothing goes:

    >>> depth = np.zeros((2, 4), np.float32)
    >>> depth[:, 2:] = 9
    >>> maps = Maps(np.zeros((3, 2, 4)), depth, depth, depth >= 0)
    >>> triangles(surface_of(maps)).tolist()
    [[0, 4, 5], [2, 6, 7], [0, 5, 1], [2, 7, 3]]
    """
    height, width = surface.mask.shape
    number = np.arange(height * width).reshape(height, width)
    left, right = number[:, :-1], number[:, 1:]
    first = np.stack([left[:-1], left[1:], right[1:]], axis=-1).reshape(-1, 3)
    second = np.stack([left[:-1], right[1:], right[:-1]], axis=-1).reshape(-1, 3)
    every = np.concatenate([first, second])
    every = every[surface.mask.ravel()[every].all(axis=1)]
    a, b, c = np.moveaxis(surface.points.reshape(3, -1).T[every].astype(np.float64), 1, 0)
    normal = np.cross(b - a, c - a)
    towards = (
        np.array([[0.0, 0, 1]]) if surface.camera is None else surface.camera - (a + b + c) / 3
    )
    length = np.linalg.norm(normal, axis=1) * np.linalg.norm(towards, axis=1)
    return every[(normal * towards).sum(axis=1) > np.cos(np.radians(STEEPEST)) * length]

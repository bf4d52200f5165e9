"""Triangle meshes built from grids."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

# Rows of the attributes that a mesh carries at its vertices.
NORMAL, ALBEDO, SPECULAR, GLOSS = slice(0, 3), 3, 4, 5


@dataclass(frozen=True)
class Mesh:
    """Vertices (V, 3) in mm, faces (F, 3) counter-clockwise from outside, attributes (6, V).

    The attributes are the unit normal, the albedo, and the specular strengths of skin and eyes.
    """

    vertices: np.ndarray
    faces: np.ndarray
    attributes: np.ndarray

    def moved(self, rotation: np.ndarray, centre: np.ndarray) -> Mesh:
        """Return the mesh rotated about `centre` by a rotation (3, 3)."""
        turn = rotation.astype(np.float32).T
        attributes = self.attributes.copy()
        attributes[NORMAL] = turn.T @ attributes[NORMAL]
        origin = centre.astype(np.float32)
        return Mesh((self.vertices - origin) @ turn + origin, self.faces, attributes)


def normalise(vectors: np.ndarray) -> None:
    """Give vectors (3, ...) unit length, in place; added up one by one, which is quicker than
    numpy's sum of so few."""
    x, y, z = vectors
    vectors /= np.maximum(np.sqrt(x * x + y * y + z * z), 1e-9)


def join(meshes: list[Mesh]) -> Mesh:
    """Join several meshes into one."""
    offsets = np.cumsum([0] + [len(mesh.vertices) for mesh in meshes[:-1]])
    return Mesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate([mesh.faces + start for mesh, start in zip(meshes, offsets, strict=True)]),
        np.concatenate([mesh.attributes for mesh in meshes], axis=1),
    )


@lru_cache(maxsize=32)
def _grid_faces(rows: int, columns: int, closed: bool) -> np.ndarray:
    """Faces of a grid whose rows run upwards and whose columns run to the right."""
    index = np.arange(rows * columns, dtype=np.int32).reshape(rows, columns)
    if closed:
        index = np.concatenate([index, index[:, :1]], axis=1)
    low_left, low_right = index[:-1, :-1], index[:-1, 1:]
    high_left, high_right = index[1:, :-1], index[1:, 1:]
    first = np.stack([low_left, low_right, high_right], -1).reshape(-1, 3)
    second = np.stack([low_left, high_right, high_left], -1).reshape(-1, 3)
    return np.concatenate([first, second])


def _differences(points: np.ndarray, axis: int, closed: bool) -> np.ndarray:
    """Central differences (3, R, C) along rows or columns, one-sided at the borders."""
    if closed:
        return np.roll(points, -1, axis) - np.roll(points, 1, axis)
    steps = np.diff(points, axis=axis)
    pad = [(0, 0)] * points.ndim
    pad[axis] = (1, 1)
    padded = np.pad(steps, pad)
    half = [slice(None)] * points.ndim
    other = list(half)
    half[axis], other[axis] = slice(None, -1), slice(1, None)
    return padded[tuple(half)] + padded[tuple(other)]


def grid_mesh(
    points: np.ndarray,
    albedo: np.ndarray | float,
    specular: np.ndarray | float = 0.03,
    gloss: np.ndarray | float = 0.0,
    closed: bool = False,
) -> Mesh:
    """Build the mesh of a grid of points (R, C, 3), whose columns may close into a ring.

    Seen from outside, columns run to the right and rows run up.
    """
    points = points.astype(np.float32)
    rows, columns = points.shape[:2]
    planes = np.ascontiguousarray(np.moveaxis(points, -1, 0))
    across = _differences(planes, 2, closed)
    up = _differences(planes, 1, False)
    attributes = np.empty((6, rows, columns), np.float32)
    normal = attributes[NORMAL]
    normal[0] = across[1] * up[2] - across[2] * up[1]
    normal[1] = across[2] * up[0] - across[0] * up[2]
    normal[2] = across[0] * up[1] - across[1] * up[0]
    normalise(normal)
    attributes[ALBEDO] = albedo
    attributes[SPECULAR] = specular
    attributes[GLOSS] = gloss
    return Mesh(
        points.reshape(-1, 3), _grid_faces(rows, columns, closed), attributes.reshape(6, -1)
    )

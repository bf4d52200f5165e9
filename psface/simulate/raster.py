"""Orthographic rasterisation of triangle meshes with a depth buffer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from psface.simulate.mesh import Mesh

FAR = np.float32(-1e4)  # depth of pixels that show no surface


@dataclass(frozen=True)
class Camera:
    """An orthographic camera that looks along -z.

    `scale` is in px/mm; (`column`, `row`) is the pixel position of the origin.
    """

    width: int
    height: int
    scale: float
    column: float
    row: float

    def project(self, points: np.ndarray) -> np.ndarray:
        """Pixel positions (n, 2), x right and y down, of points (n, 3) in mm."""
        x = self.column + self.scale * points[:, 0]
        y = self.row - self.scale * points[:, 1]
        return np.stack([x, y], 1)


@dataclass
class Layer:
    """A camera's view of meshes: depth (H, W) in mm, attributes (H, W, 6) where covered."""

    depth: np.ndarray
    attributes: np.ndarray

    @property
    def covered(self) -> np.ndarray:
        """Pixels (H, W) that show a surface."""
        return self.depth > FAR

    def overlay(self, other: Layer) -> np.ndarray:
        """Add the parts of `other` that are in front; return the pixels (H, W) they cover."""
        taken = other.depth > self.depth
        self.depth[taken] = other.depth[taken]
        self.attributes[taken] = other.attributes[taken]
        return taken


def rasterise(mesh: Mesh, camera: Camera) -> Layer:
    """Render a mesh; back faces are culled and normals have unit length."""
    position = camera.project(mesh.vertices).astype(np.float32)
    a, b, c = (position[mesh.faces[:, corner]] for corner in range(3))
    # Rows run down, so a triangle that faces the camera has a negative area.
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    low = np.ceil(np.minimum(np.minimum(a, b), c)).astype(np.int32)
    high = np.floor(np.maximum(np.maximum(a, b), c)).astype(np.int32)
    limit = np.array([camera.width - 1, camera.height - 1], np.int32)
    np.maximum(low, 0, out=low)
    np.minimum(high, limit, out=high)
    size = np.maximum(high - low + 1, 0)
    seen = np.flatnonzero((area < -1e-9) & (size[:, 0] > 0) & (size[:, 1] > 0))
    a, b, c, low, size, area = a[seen], b[seen], c[seen], low[seen], size[seen], area[seen]

    # Every pixel of every triangle's box, as one flat list.
    count = size[:, 0] * size[:, 1]
    triangle = np.repeat(np.arange(len(seen), dtype=np.int32), count)
    start = (np.cumsum(count) - count).astype(np.int32)
    within = np.arange(len(triangle), dtype=np.int32) - start[triangle]
    across = size[:, 0].astype(np.int32)[triangle]
    row = within // across
    column = within - row * across + low[:, 0][triangle]
    row += low[:, 1][triangle]

    px = column.astype(np.float32) - a[:, 0][triangle]
    py = row.astype(np.float32) - a[:, 1][triangle]
    edge_b, edge_c = (b - a) / area[:, None], (c - a) / area[:, None]
    weight_b = px * edge_c[:, 1][triangle] - py * edge_c[:, 0][triangle]
    weight_c = py * edge_b[:, 0][triangle] - px * edge_b[:, 1][triangle]
    outside = np.minimum(np.minimum(weight_b, weight_c), 1 - weight_b - weight_c)
    inside = np.flatnonzero(outside >= -1e-5)
    triangle, weight_b, weight_c = triangle[inside], weight_b[inside], weight_c[inside]
    pixel = row[inside] * camera.width + column[inside]
    corners = mesh.faces[seen][triangle]
    height = mesh.vertices[:, 2][corners]
    z = height[:, 0] + weight_b * (height[:, 1] - height[:, 0])
    z = (z + weight_c * (height[:, 2] - height[:, 0])).astype(np.float32)

    depth = np.full(camera.height * camera.width, FAR, np.float32)
    np.maximum.at(depth, pixel, z)
    winner = np.flatnonzero(z == depth[pixel])
    pixel, corners = pixel[winner], corners[winner]
    wb, wc = (w[winner, None].astype(np.float32) for w in (weight_b, weight_c))
    values = mesh.attributes
    first = values[corners[:, 0]]
    mixed = first + wb * (values[corners[:, 1]] - first) + wc * (values[corners[:, 2]] - first)
    length = np.sqrt((mixed[:, :3] ** 2).sum(1, keepdims=True))
    mixed[:, :3] /= np.maximum(length, 1e-9)
    attributes = np.zeros((camera.height * camera.width, values.shape[1]), np.float32)
    attributes[pixel] = mixed
    shape = (camera.height, camera.width)
    return Layer(depth.reshape(shape), attributes.reshape(*shape, -1))

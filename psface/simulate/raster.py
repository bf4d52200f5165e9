"""Rasterisation of triangle meshes with a depth buffer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from psface.simulate.mesh import Mesh

FAR = np.float32(-1e4)  # depth of pixels that show no surface


@dataclass(frozen=True)
class Camera:
    """A camera that looks along -z at the middle of the picture.

    `scale` is in px/mm in the plane z = 0; (`column`, `row`) is the pixel position of the origin.
    `nearness` is one over the camera's distance from that plane, 1/mm; 0 is orthographic.

    Positions in the image and *heights* are linear along a straight line in space:
    height = z / (1 - nearness z), which is z at nearness 0.
    """

    width: int
    height: int
    scale: float
    column: float
    row: float
    nearness: float = 0.0

    @property
    def middle(self) -> tuple[float, float]:
        """Column and row of the optical axis."""
        return (self.width - 1) / 2, (self.height - 1) / 2

    def heights(self, z: np.ndarray) -> np.ndarray:
        """Heights of points from their z in mm."""
        if not self.nearness:
            return z
        return z / (1 - np.float32(self.nearness) * z)

    def depths(self, heights: np.ndarray) -> np.ndarray:
        """Undo `heights`."""
        if not self.nearness:
            return heights
        return heights / (1 + np.float32(self.nearness) * heights)

    def project(self, points: np.ndarray) -> np.ndarray:
        """Pixel positions (n, 2), x right and y down, of points (n, 3) in mm."""
        if not self.nearness:
            x = self.column + self.scale * points[:, 0]
            y = self.row - self.scale * points[:, 1]
            return np.stack([x, y], 1)
        (column, row), magnified = self.middle, 1 / (1 - self.nearness * points[:, 2])
        x = column + magnified * (self.column - column + self.scale * points[:, 0])
        y = row + magnified * (self.row - row - self.scale * points[:, 1])
        return np.stack([x, y], 1)

    def positions(self, depth: np.ndarray) -> np.ndarray:
        """Points (3, H, W) float32 that the pixels show at the given z, (H, W), in mm.

        They are counted from where the optical axis meets the plane z = 0.
        """
        column, row = self.middle
        across = (np.arange(self.width, dtype=np.float32) - np.float32(column)) / self.scale
        up = (np.float32(row) - np.arange(self.height, dtype=np.float32)[:, None]) / self.scale
        shrunk = 1 - np.float32(self.nearness) * depth
        return np.stack([shrunk * across, shrunk * up, depth]).astype(np.float32)

    def views(self) -> np.ndarray:
        """Unit vectors (3, H, W) float32 from the surface to the camera; (3,) if orthographic."""
        if not self.nearness:
            return np.array([0, 0, 1], np.float32)
        flat = np.zeros((self.height, self.width), np.float32)
        rays = -np.float32(self.nearness) * self.positions(flat)
        rays[2] = 1
        return rays / np.sqrt((rays * rays).sum(axis=0))


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
    height = camera.heights(mesh.vertices[:, 2])[corners]
    z = height[:, 0] + weight_b * (height[:, 1] - height[:, 0])
    z = (z + weight_c * (height[:, 2] - height[:, 0])).astype(np.float32)

    depth = np.full(camera.height * camera.width, FAR, np.float32)
    np.maximum.at(depth, pixel, z)
    winner = np.flatnonzero(z == depth[pixel])
    pixel, corners = pixel[winner], corners[winner]
    if camera.nearness:  # attributes are linear on the triangle, not in the image
        nearness = np.float32(camera.nearness)
        magnified = (1 + nearness * height[winner]) / (1 + nearness * z[winner, None])
        weight_b, weight_c = magnified[:, 1] * weight_b[winner], magnified[:, 2] * weight_c[winner]
        depth[pixel] = camera.depths(z[winner])
    else:
        weight_b, weight_c = weight_b[winner], weight_c[winner]
    wb, wc = (w[:, None].astype(np.float32) for w in (weight_b, weight_c))
    values = mesh.attributes
    first = values[corners[:, 0]]
    mixed = first + wb * (values[corners[:, 1]] - first) + wc * (values[corners[:, 2]] - first)
    length = np.sqrt((mixed[:, :3] ** 2).sum(1, keepdims=True))
    mixed[:, :3] /= np.maximum(length, 1e-9)
    attributes = np.zeros((camera.height * camera.width, values.shape[1]), np.float32)
    attributes[pixel] = mixed
    shape = (camera.height, camera.width)
    return Layer(depth.reshape(shape), attributes.reshape(*shape, -1))

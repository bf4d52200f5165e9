"""Rasterisation of triangle meshes with a depth buffer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from psface.simulate.mesh import NORMAL, Mesh, normalise

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
    """A camera's view of meshes: depth (H, W) in mm, attributes (6, H, W) where covered."""

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
        self.attributes[:, taken] = other.attributes[:, taken]
        return taken


def rasterise(mesh: Mesh, camera: Camera) -> Layer:
    """Render a mesh; back faces are culled and normals have unit length."""
    # Here and below, `take` is several times as quick as indexing by an array.
    x, y = np.ascontiguousarray(camera.project(mesh.vertices).astype(np.float32).T)
    faces = np.ascontiguousarray(mesh.faces.T)
    seen, boxes, area = _boxes(x, y, faces, camera)
    corners = [corner.take(seen) for corner in faces]
    triangle, column, row = _box_pixels(*boxes)

    ax, bx, cx = (x.take(corner) for corner in corners)
    ay, by, cy = (y.take(corner) for corner in corners)
    px = column.astype(np.float32) - ax.take(triangle)
    py = row.astype(np.float32) - ay.take(triangle)
    edge_c, edge_b = ((cx - ax) / area, (cy - ay) / area), ((bx - ax) / area, (by - ay) / area)
    weight_b = px * edge_c[1].take(triangle) - py * edge_c[0].take(triangle)
    weight_c = py * edge_b[0].take(triangle) - px * edge_b[1].take(triangle)
    outside = np.minimum(np.minimum(weight_b, weight_c), 1 - weight_b - weight_c)
    inside = np.flatnonzero(outside >= -1e-5)
    triangle, weight_b, weight_c = (a.take(inside) for a in (triangle, weight_b, weight_c))
    pixel = (row.take(inside) * camera.width + column.take(inside)).astype(np.intp)
    height = camera.heights(mesh.vertices[:, 2])
    first, second, third = (height.take(corner).take(triangle) for corner in corners)
    z = first + weight_b * (second - first)
    z = (z + weight_c * (third - first)).astype(np.float32)

    depth = np.full(camera.height * camera.width, FAR, np.float32)
    np.maximum.at(depth, pixel, z)
    winner = np.flatnonzero(z == depth.take(pixel))
    pixel, triangle, z = pixel.take(winner), triangle.take(winner), z.take(winner)
    weight_b, weight_c = weight_b.take(winner), weight_c.take(winner)
    if camera.nearness:  # attributes are linear on the triangle, not in the image
        nearness = np.float32(camera.nearness)
        near = 1 + nearness * z
        weight_b = (1 + nearness * second.take(winner)) / near * weight_b
        weight_c = (1 + nearness * third.take(winner)) / near * weight_c
        depth[pixel] = camera.depths(z)
    weight_b, weight_c = weight_b.astype(np.float32), weight_c.astype(np.float32)
    corners = [corner.take(triangle) for corner in corners]
    attributes = np.zeros((len(mesh.attributes), len(depth)), np.float32)
    for picture, values in zip(attributes, mesh.attributes, strict=True):
        first, second, third = (values.take(corner) for corner in corners)
        second -= first
        second *= weight_b
        third -= first
        third *= weight_c
        first += second
        first += third
        picture[pixel] = first
    normalise(attributes[NORMAL])
    shape = (camera.height, camera.width)
    return Layer(depth.reshape(shape), attributes.reshape(-1, *shape))


def _boxes(
    x: np.ndarray, y: np.ndarray, faces: np.ndarray, camera: Camera
) -> tuple[np.ndarray, tuple[np.ndarray, ...], np.ndarray]:
    """Which triangles face the camera in the picture, where they begin and end in it (left, top,
    width, height), and their areas."""
    (ax, bx, cx), (ay, by, cy) = ([part.take(corner) for corner in faces] for part in (x, y))
    # Rows run down, so a triangle that faces the camera has a negative area.
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    chosen, box = area < -1e-9, []
    for (a, b, c), length in (((ax, bx, cx), camera.width), ((ay, by, cy), camera.height)):
        low = np.ceil(np.minimum(np.minimum(a, b), c)).astype(np.int32)
        high = np.floor(np.maximum(np.maximum(a, b), c)).astype(np.int32)
        np.maximum(low, 0, out=low)
        size = np.minimum(high, length - 1) - low + 1
        chosen &= size > 0
        box.append((low, size))
    seen = np.flatnonzero(chosen)
    (left, width), (top, height) = ((low.take(seen), size.take(seen)) for low, size in box)
    return seen, (left, top, width, height), area.take(seen)


def _box_pixels(
    left: np.ndarray, top: np.ndarray, width: np.ndarray, height: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every pixel of every triangle's box, as one flat list: triangle, column and row."""
    count = width * height
    triangle = np.repeat(np.arange(len(count)), count)
    start = (np.cumsum(count) - count).astype(np.int32)
    within = np.arange(len(triangle), dtype=np.int32) - start.take(triangle)
    across = width.take(triangle)
    row = within // across
    column = within - row * across + left.take(triangle)
    return triangle, column, row + top.take(triangle)

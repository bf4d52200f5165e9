"""Surfaces with known normals and depth, and their Lambertian frames.

The frame is the project's: x right, y up, z towards the camera; image rows run downwards.
"""

import numpy as np

FOUR_LIGHTS = np.array([[0.5, -0.5, 1], [0.5, 0.5, 1], [-0.5, 0.5, 1], [-0.5, -0.5, 1]])
FOUR_LIGHTS /= np.linalg.norm(FOUR_LIGHTS, axis=1, keepdims=True)


def grid(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """x to the right and y upwards in pixels, zero in the middle of the image."""
    rows, columns = np.indices((height, width), dtype=float)
    return columns - (width - 1) / 2, (height - 1) / 2 - rows


def sphere(
    size: int, radius: float, centre: tuple[float, float] = (0, 0)
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Normals (3, H, W), depth and mask of a half sphere, zero outside it."""
    x, y = grid(size, size)
    x, y = x - centre[0], y - centre[1]
    mask = np.hypot(x, y) < radius
    z = np.sqrt(np.where(mask, radius**2 - x**2 - y**2, 0))
    return np.stack([x, y, z]) / radius * mask, z, mask


def normals_of_slopes(slope_x: np.ndarray, slope_y: np.ndarray) -> np.ndarray:
    """Normals (3, H, W) of a surface with dz/dx and dz/dy."""
    normal = np.stack([-slope_x, -slope_y, np.ones_like(slope_x)])
    return normal / np.linalg.norm(normal, axis=0)


def lit(normal: np.ndarray, lights: np.ndarray, albedo: np.ndarray | float = 0.8) -> np.ndarray:
    """Lambertian frames (n, H, W) float32 with attached shadows."""
    shading = np.einsum("chw,nc->nhw", normal, lights)
    return (albedo * np.maximum(shading, 0)).astype(np.float32)


def angle(first: np.ndarray, second: np.ndarray, region: np.ndarray) -> float:
    """Mean angle in degrees between two normal maps."""
    cosine = (first * second).sum(axis=0)[region]
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))).mean())

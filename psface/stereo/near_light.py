"""Photometric stereo under near lamps: depth decides the lights, and the lights decide the depth.

The two are found in turn (Papadhimitri & Favaro, "Uncalibrated near-light photometric stereo", BMVC
2014; Queau et al., "LED-based photometric stereo", JMIV 60, 2018, sec. 4): normals under the light
that a surface at the present depth receives, then the depth of these normals in perspective. It
settles within a few rounds, for which a small picture is enough.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from psface.rig.rig import Rig
from psface.stereo.lighting import View, facing, near_light, view_of

COARSE = 120  # px of the shorter side: where depth and lights are found in turn
ROUNDS = 4
MIN_FACING = 0.05  # cosine between a normal and the ray to the camera; below, a slope is noise

# From frames (n, H, W), light (n, 3, H, W), saturation (n, H, W) and mask to normals and albedo.
Solver = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
Integrator = Callable[[np.ndarray, np.ndarray], np.ndarray]


def near_light_at_surface(
    frames: np.ndarray,
    saturated: np.ndarray,
    mask: np.ndarray,
    rig: Rig,
    solve: Solver,
    integrate: Integrator,
) -> np.ndarray:
    """Find the light that every pixel's surface receives from near lamps.

    Parameters
    ----------
    frames : (n, H, W) float32
    saturated : (n, H, W) bool
    mask : (H, W) bool
        Where the face is.

    Returns
    -------
    (n, 3, H, W) float32
        Vectors to the lamps; those at the face's middle have a mean length of 1.
    """
    assert rig.distance_mm is not None
    shape = mask.shape
    factor = max(1.0, min(shape) / COARSE)
    size = (round(shape[1] / factor), round(shape[0] / factor))
    view = view_of(rig, shape).reduced(factor)
    small = np.stack([cv2.resize(f, size, interpolation=cv2.INTER_AREA) for f in frames])
    bright = saturated.astype(np.float32)
    clipped = np.stack([cv2.resize(b, size, interpolation=cv2.INTER_AREA) for b in bright]) > 0
    inside = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.5
    rays = view.rays(inside.shape)
    distance = np.full(inside.shape, rig.distance_mm, np.float32)
    for _ in range(ROUNDS):
        light = scaled_light(rig, rays * distance, inside)
        normal, _ = solve(small, light, clipped, inside)
        distance = distances(normal, inside, view, rig.distance_mm, integrate)
    full = cv2.resize(distance, shape[::-1], interpolation=cv2.INTER_LINEAR)
    return scaled_light(rig, view_of(rig, shape).rays(shape) * full, mask)


def scaled_light(rig: Rig, points: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Light vectors (n, 3, H, W) at points (3, H, W), of mean length 1 in the face's middle."""
    chosen = points.reshape(3, -1).take(np.flatnonzero(mask), axis=1)
    middle = np.median(chosen, axis=1) if mask.any() else points.mean(axis=(1, 2))
    mean = np.linalg.norm(near_light(rig, middle.astype(np.float32)), axis=1).mean()
    return near_light(rig, points, 1 / float(mean))


def distances(
    normal: np.ndarray, mask: np.ndarray, view: View, middle: float, integrate: Integrator
) -> np.ndarray:
    """Integrate normals seen in perspective to distances along the camera's axis.

    With x and y the tangents of a pixel's ray, D = n_z - x n_x - y n_y and Z the distance, the
    slopes of ``-f log Z`` along the pixels are ``-n_x / D`` and ``-n_y / D`` (Queau et al., "Normal
    integration: a survey", JMIV 60, 2018, eq. 15). They are those of the normal (n_x, n_y, D) in
    parallel projection, for which the integrators are made.

    Parameters
    ----------
    normal : (3, H, W)
    mask : (H, W) bool
    middle : float
        Median distance inside the mask, mm.

    Returns
    -------
    (H, W) float32
        Mm; ``middle`` outside the mask.
    """
    f, (fx, fy) = view.mean_focal, view.focal
    towards = np.maximum(facing(normal, view), MIN_FACING)
    seen = np.stack([normal[0] * np.float32(f / fx), normal[1] * np.float32(f / fy), towards])
    seen /= np.linalg.norm(seen, axis=0)
    return (middle * np.exp(-integrate(seen, mask) / f)).astype(np.float32)

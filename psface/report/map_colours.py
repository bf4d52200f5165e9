"""Render maps as images for people."""

from __future__ import annotations

import numpy as np

from psface.captures.images import to_uint8
from psface.faces.modalities import Map

SHOWN = (0.005, 0.995)  # quantiles of a map that become black and white


def normals_as_colours(normal: np.ndarray) -> np.ndarray:
    """Render a normal map, (3, H, W) in [-1, 1], in the usual colours, (H, W, 3) uint8 RGB."""
    colours = np.clip((np.moveaxis(normal, 0, -1) + 1) * 127.5, 0, 255).astype(np.uint8)
    colours[np.abs(normal).sum(0) == 0] = 0
    return colours


def as_images(name: Map, planes: np.ndarray) -> np.ndarray:
    """Render crops (N, C, S, S) of one map as images (N, S, S, 3) uint8 RGB.

    Normals become colours; other maps show their first channel in grey, or raw RGB if there is any,
    on one scale for all.
    """
    values = planes.astype(np.float32)
    if name == "normalmap":
        return np.stack([normals_as_colours(normal) for normal in values])
    shown = values if name == "raw" and values.shape[1] == 3 else values[:, :1]
    low, high = np.quantile(shown, SHOWN)
    scaled = to_uint8((shown - low) / max(high - low, 1e-6))
    return np.moveaxis(np.broadcast_to(scaled, (len(shown), 3, *shown.shape[2:])), 1, -1)

"""The lights of a capture, turned into the crop of its face."""

from __future__ import annotations

import cv2
import numpy as np

from psface.captures.capture import Pixels
from psface.faces.mean_face import SIDE
from psface.stereo.lighting import near_light, view_of
from psface.stereo.map_files import Maps


def crop_lights(pixels: Pixels, maps: Maps, matrix: np.ndarray, size: int) -> np.ndarray:
    """Light vectors in the crop: one for each lamp, (n, 3), or, under near lamps, what the surface
    receives at each pixel of a small crop, (n, 3, SIDE, SIDE).

    Parameters
    ----------
    pixels : Pixels
    maps : Maps
        Of these pixels; under near lamps their depth places the surface.
    matrix : (2, 3)
        From the image to a crop of ``size``.
    """
    rig = pixels.rig
    if rig is None or not rig.near:
        return turned_lights(pixels.lights, matrix)
    assert rig.distance_mm is not None
    small = matrix * (SIDE / size)
    small[:, 2] += 0.5 * SIDE / size - 0.5  # the middle of the first pixel
    distance = np.float32(rig.distance_mm) - maps.depth
    points = np.moveaxis(view_of(rig, maps.mask.shape).rays(maps.mask.shape) * distance, 0, -1)
    in_crop = cv2.warpAffine(points, small, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)
    light = near_light(rig, np.moveaxis(in_crop, -1, 0))
    light /= np.linalg.norm(light, axis=1).mean()
    return np.moveaxis(turned_lights(np.moveaxis(light, 1, -1), matrix), -1, 1)


def turned_lights(lights: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Turn lights (..., 3) as the similarity (2, 3) of `psface.faces.alignment` turns the image.

    Examples
    --------
    A crop that turns the image clockwise by 90 degrees turns a light from above to the right:

    >>> turned_lights(np.array([[0, 1, 0]]), np.array([[0, -1, 0], [1, 0, 0]])).tolist()
    [[1.0, 0.0, 0.0]]
    """
    cos, sin = matrix[0, 0], matrix[1, 0]
    size = float(np.hypot(cos, sin))
    turn = np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, size]]) / size
    return lights @ turn.T

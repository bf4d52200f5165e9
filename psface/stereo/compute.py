"""Compute the maps of one capture from its frames."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from scipy import ndimage

from psface.captures.capture import Capture
from psface.stereo.integrators.integrators import integrator
from psface.stereo.map_files import Maps, as_stored
from psface.stereo.normals import photometric_stereo
from psface.stereo.registration import align, register
from psface.stereo.stereo_params import StereoParams

FOREGROUND = 0.55  # of Otsu's threshold; between a dark background and the darkest skin
MIN_REGION = 0.05  # of the largest lit region's area
REACH = 0.04  # of the shorter side; dark brows and beards up to twice this width count as face


def compute_maps(frames: np.ndarray, lights: np.ndarray, params: StereoParams) -> Maps:
    """Compute the maps of one capture, in the precision of map files.

    Parameters
    ----------
    frames : (n, H, W) float32 in [0, 1]
    lights : (n, 3) float64
        Unit vectors from the surface to the light.

    Returns
    -------
    Maps
        Aligned with frame 0, with the shifts of all frames; these are zero if
        ``params.register_frames`` is off.

    Raises
    ------
    UserError
        If the integrator does not converge.
    """
    shifts = register(frames) if params.register_frames else np.zeros((len(frames), 2))
    maps = maps_of_aligned(align(frames, shifts), lights, params)
    return as_stored(replace(maps, shifts=shifts))


def maps_of_capture(capture: Capture, params: StereoParams) -> Maps:
    """`compute_maps` of a capture under known lights that was checked.

    Raises
    ------
    UserError
        If a frame cannot be read, or the integrator does not converge.
    """
    return compute_maps(capture.pixels().grey, capture.lights, params)


def maps_of_aligned(frames: np.ndarray, lights: np.ndarray, params: StereoParams) -> Maps:
    """Compute maps from frames (n, H, W) that are already aligned."""
    normal, albedo = photometric_stereo(frames, lights, params.exclude_shadows)
    mask = foreground(frames) & (normal[2] > 0)
    depth = integrator(params.integrator)(normal, mask)
    return Maps(normal * mask, albedo * mask, depth, mask)


def foreground(frames: np.ndarray) -> np.ndarray:
    """Return the large lit regions of the mean frame with their holes filled, (H, W) bool.

    There may be several, because dark spectacles or hair can split a face.
    """
    mean = frames.mean(axis=0)
    level = np.percentile(mean, 99) + 1e-6
    grey = np.clip(mean / level * 255, 0, 255).astype(np.uint8)
    otsu, _ = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    lit = cv2.morphologyEx((grey > FOREGROUND * otsu).astype(np.uint8), cv2.MORPH_OPEN, _disc(2))
    lit = cv2.morphologyEx(lit, cv2.MORPH_CLOSE, _disc(int(REACH * min(mean.shape))))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(lit)
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    kept = areas > MIN_REGION * areas.max(initial=1)
    return ndimage.binary_fill_holes(kept[labels])


def _disc(radius: int) -> np.ndarray:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))

"""From the frames of one session to its maps."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from scipy import ndimage

from stages.images import read_frame
from stages.maps import Maps
from stages.params import StereoParams
from stages.session import Session
from stages.stereo.integration import INTEGRATORS
from stages.stereo.normals import photometric_stereo
from stages.stereo.registration import align, register

FOREGROUND = 0.55  # of Otsu's threshold: between a dark background and the darkest skin
MIN_REGION = 0.05  # of the largest lit region's area
REACH = 0.04  # of the shorter side: dark brows and beards up to twice this wide belong to the face


def read_frames(session: Session) -> np.ndarray:
    """All frames of a session that was checked, (n, H, W) float32 in [0, 1]."""
    return np.stack([read_frame(Path(path), session.bits, None) for path in session.frames])


def compute_maps(
    frames: np.ndarray, lights: np.ndarray, params: StereoParams
) -> tuple[Maps, np.ndarray]:
    """Photometric stereo of one session.

    Parameters
    ----------
    frames : (n, H, W) float32 in [0, 1]
    lights : (n, 3) float64
        Unit vectors from the surface to the light.

    Returns
    -------
    maps : Maps
        In the place of frame 0.
    shifts : (n, 2) float64
        Where each frame's content lay relative to frame 0, (dx, dy) in pixels; zero when
        ``params.register_frames`` is off.
    """
    shifts = register(frames) if params.register_frames else np.zeros((len(frames), 2))
    return maps_of_aligned(align(frames, shifts), lights, params), shifts


def maps_of_aligned(frames: np.ndarray, lights: np.ndarray, params: StereoParams) -> Maps:
    """Photometric stereo of frames (n, H, W) that need no registration."""
    normal, albedo = photometric_stereo(frames, lights, params.exclude_shadows)
    mask = foreground(frames) & (normal[2] > 0)
    depth = INTEGRATORS[params.integrator](normal, mask)
    return Maps(normal * mask, albedo * mask, depth, mask)


def foreground(frames: np.ndarray) -> np.ndarray:
    """(H, W) bool: the lit regions of the mean frame that are not small, their holes filled.

    More than one, because dark spectacles or hair can part a face.
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

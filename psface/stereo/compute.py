"""Compute the maps of one capture from its frames."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import cv2
import numpy as np

from psface.captures.capture import Pixels
from psface.errors import UserError
from psface.percentiles import percentile
from psface.stereo.aligned_frames import align, align_marks
from psface.stereo.integrators.integrators import integrator
from psface.stereo.lamp_scales import lamp_scales
from psface.stereo.lighting import facing, view_of
from psface.stereo.map_files import Maps, as_stored
from psface.stereo.near_light import distances, near_light_at_surface
from psface.stereo.normals import SATURATED, colour_albedo, photometric_stereo, usable
from psface.stereo.registration import register
from psface.stereo.stereo_params import StereoParams
from psface.stereo.trust.stereo_check import check_stereo

FOREGROUND = 0.55  # of Otsu's threshold; between a dark background and the darkest skin
MIN_REGION = 0.05  # of the largest lit region's area
REACH = 0.04  # of the shorter side; dark brows and beards up to twice this width count as face


def compute_maps(pixels: Pixels, params: StereoParams) -> Maps:
    """Compute the maps of one capture under known lights, in the precision of map files.

    Returns
    -------
    Maps
        Aligned with frame 0, with the shifts of all frames; these are zero if
        ``params.register_frames`` is off. The note ``trust`` has the findings of `check_stereo`.

    Raises
    ------
    UserError
        If the integrator does not converge, or the capture cannot be trusted and
        ``params.untrusted`` says to refuse it.
    """
    frames = pixels.grey
    shifts = register(pixels.visible) if params.register_frames else np.zeros((len(frames), 2))
    aligned = moved_back(pixels, shifts)
    maps, light = _solved(aligned, params)
    trust = check_stereo(aligned.grey, aligned.saturated, light, maps.mask, shifts)
    if trust.warnings and params.untrusted == "refuse":
        raise UserError("; ".join(map(str, trust.warnings)) + " (stereo.untrusted)")
    notes = {"trust": json.dumps(asdict(trust))}
    return as_stored(replace(maps, shifts=shifts, notes=notes))


def maps_of_aligned(pixels: Pixels, params: StereoParams) -> Maps:
    """Compute the maps of a capture whose frames are already aligned, in full precision."""
    return _solved(pixels, params)[0]


def moved_back(pixels: Pixels, shifts: np.ndarray) -> Pixels:
    """Align all that a capture's frames tell, by their shifts (n, 2)."""
    moved = replace(pixels, grey=align(pixels.grey, shifts))
    if pixels.saturated is not None:
        moved = replace(moved, saturated=align_marks(pixels.saturated, shifts))
    if pixels.colours is not None:
        planes = [align(channel, shifts) for channel in pixels.colours.swapaxes(0, 1)]
        moved = replace(moved, colours=np.stack(planes, axis=1))
    return moved


def _solved(pixels: Pixels, params: StereoParams) -> tuple[Maps, np.ndarray]:
    """Maps of aligned frames, and the light vectors, (n, 3) or (n, 3, H, W), that gave them."""
    frames, rig = pixels.grey, pixels.rig
    region = foreground(frames) if pixels.mask is None else pixels.mask
    saturated = frames >= SATURATED if pixels.saturated is None else pixels.saturated

    def solve(
        f: np.ndarray, light: np.ndarray, s: np.ndarray, where: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        return photometric_stereo(f, light, params.exclude_shadows, params.robust, s, where)

    integrate = integrator(params.integrator)
    light = pixels.lights
    if rig is not None and rig.near:
        light = near_light_at_surface(frames, saturated, region, rig, solve, integrate)
    if params.semi_calibrated:
        scales = lamp_scales(frames, light, usable(frames, light, saturated), region)
        light = light * scales.reshape(-1, *[1] * (light.ndim - 1)).astype(light.dtype)
    normal, albedo = solve(frames, light, saturated, region)
    colour = None
    if pixels.colours is not None:
        used = usable(frames, light, saturated)
        colour = colour_albedo(pixels.colours, normal, light, used) * region
    if rig is None or rig.mm_per_px is None:
        mask = region & (normal[2] > 0)
        depth = integrate(normal, mask)
        return Maps(normal * mask, albedo * mask, depth, mask, colour=colour), light
    assert rig.distance_mm is not None
    view = view_of(rig, region.shape)
    mask = region & (facing(normal, view) > 0)
    distance = distances(normal, mask, view, rig.distance_mm, integrate)
    depth = np.where(mask, np.float32(rig.distance_mm) - distance, 0)
    maps = Maps(normal * mask, albedo * mask, depth, mask, mm_per_px=rig.mm_per_px, colour=colour)
    return maps, light


def foreground(frames: np.ndarray) -> np.ndarray:
    """Return the large lit regions of the mean frame with their holes filled, (H, W) bool.

    There may be several, because dark spectacles or hair can split a face.
    """
    mean = frames.mean(axis=0)
    level = percentile(mean, 99) + 1e-6
    grey = np.clip(mean * np.float32(255 / level), 0, 255).astype(np.uint8)
    otsu, _ = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    lit = cv2.morphologyEx((grey > FOREGROUND * otsu).astype(np.uint8), cv2.MORPH_OPEN, _disc(2))
    lit = _closed(lit > 0, _disc(int(REACH * min(mean.shape)))).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(lit)
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    kept = areas > MIN_REGION * areas.max(initial=1)
    return _filled(kept[labels])


def _disc(radius: int) -> np.ndarray:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))


def _closed(region: np.ndarray, disc: np.ndarray) -> np.ndarray:
    """Close (H, W) bool by a disc, as OpenCV does, but in time that grows with its radius alone."""
    return ~_dilated(~_dilated(region, disc), disc)


def _dilated(region: np.ndarray, disc: np.ndarray) -> np.ndarray:
    """Add up the rows of a disc, which are runs that widen towards its middle.

    The region is one long number, a bit per pixel, of which Python moves all bits at once. Bits
    that leave a row end up in the gap between the rows.
    """
    (height, width), radius = region.shape, len(disc) // 2
    packed = np.packbits(np.pad(region, ((0, 0), (0, radius))))
    out = wide = int.from_bytes(packed.tobytes())
    reached = 0
    for away, half in zip(range(radius, -1, -1), disc.sum(axis=1) // 2, strict=False):
        for _ in range(reached, half):
            wide |= wide << 1 | wide >> 1
        reached = half
        rows = away * (width + radius)
        out |= wide << rows | wide >> rows
    out &= (1 << 8 * len(packed)) - 1
    bits = np.unpackbits(np.frombuffer(out.to_bytes(len(packed)), np.uint8))
    return bits[: height * (width + radius)].reshape(height, -1)[:, :width].astype(bool)


def _filled(region: np.ndarray) -> np.ndarray:
    """Fill the holes of a region (H, W) bool: what cannot be reached from outside."""
    padded = np.pad(region.astype(np.uint8), 1)
    cv2.floodFill(padded, None, (0, 0), 2)
    return padded[1:-1, 1:-1] != 2

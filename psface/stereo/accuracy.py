"""How far stereo is from the truth, where a capture comes with it.

The simulator writes the true maps of frame 0 as ``truth.exr`` and the frames' true shifts in
``truth.json`` beside the frames.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial

import numpy as np

from psface.captures.capture import Capture
from psface.parallel import map_in_processes
from psface.stereo.compute import maps_of_aligned
from psface.stereo.map_files import Maps, read_maps, truth_path
from psface.stereo.registration import align, register
from psface.stereo.stereo_params import StereoParams

FACE_RADIUS = 1.6  # of the distance from the eyes' middle to the mouth's
CHECKED = 16  # sessions, evenly spread over the list


def truth_metrics(captures: Sequence[Capture], params: StereoParams) -> dict[str, float]:
    """Mean errors inside the face over sessions that come with truth; empty without any.

    Angles in degrees between true and estimated normals, depth as the mean absolute difference in
    pixels after the medians are subtracted. ``still`` is the same capture with its true shifts
    undone, ``unregistered`` with none undone, ``all_lights`` with no light left out.
    """
    known = [s for s in captures if truth_path(s).is_file() and s.landmarks is not None]
    if not known:
        return {}
    chosen = [known[i] for i in np.unique(np.linspace(0, len(known) - 1, CHECKED).astype(int))]
    work = partial(_errors, params=params)
    errors = list(map_in_processes(work, chosen, "stereo against truth"))
    return {name: round(float(np.mean([e[name] for e in errors])), 3) for name in errors[0]}


def _errors(capture: Capture, params: StereoParams) -> dict[str, float]:
    truth = read_maps(truth_path(capture))
    told = json.loads(truth_path(capture).with_suffix(".json").read_text(encoding="utf-8"))
    frames = capture.pixels().grey
    true_shifts = np.array(told["shifts"])
    found_shifts = register(frames)
    still, registered = align(frames, true_shifts), align(frames, found_shifts)
    every_light = params.model_copy(update={"exclude_shadows": False})
    shadows_out = params.model_copy(update={"exclude_shadows": True})
    variants = {
        "": maps_of_aligned(registered, capture.lights, shadows_out),
        "_unregistered": maps_of_aligned(frames, capture.lights, shadows_out),
        "_still": maps_of_aligned(still, capture.lights, shadows_out),
        "_all_lights": maps_of_aligned(registered, capture.lights, every_light),
        "_still_all_lights": maps_of_aligned(still, capture.lights, every_light),
    }
    face = _face_region(capture, truth)
    errors = {"shift_error_px": float(np.hypot(*(found_shifts - true_shifts)[1:].T).mean())}
    for name, maps in variants.items():
        errors[f"angle_deg{name}"] = angular_error(maps, truth, face)
        errors[f"depth_px{name}"] = depth_error(maps, truth, face)
    return errors


def angular_error(maps: Maps, truth: Maps, region: np.ndarray) -> float:
    """Mean angle in degrees between the normals of two maps inside a region, (H, W) bool."""
    cosine = (maps.normal * truth.normal).sum(axis=0)[region & maps.mask & truth.mask]
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))).mean())


def depth_error(maps: Maps, truth: Maps, region: np.ndarray) -> float:
    """Mean absolute depth difference in pixels, up to an offset."""
    difference = (maps.depth - truth.depth)[region & maps.mask & truth.mask]
    return float(np.abs(difference - np.median(difference)).mean())


def _face_region(capture: Capture, truth: Maps) -> np.ndarray:
    assert capture.landmarks is not None
    points = capture.landmarks
    eyes, mouth = points[:2].mean(axis=0), points[3:].mean(axis=0)
    centre, reach = (eyes + mouth) / 2, FACE_RADIUS * np.linalg.norm(mouth - eyes)
    rows, columns = np.indices(truth.mask.shape)
    return truth.mask & (np.hypot(columns - centre[0], rows - centre[1]) < reach)

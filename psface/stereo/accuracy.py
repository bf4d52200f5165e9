"""Errors of photometric stereo on captures with ground truth.

The simulator writes the true maps of frame 0 to ``truth.exr`` and the frames' true shifts to
``truth.json``, beside the frames.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from psface.captures.capture import Capture
from psface.parallel import map_in_processes
from psface.stereo.compute import maps_of_aligned
from psface.stereo.map_files import Maps, read_maps, truth_path
from psface.stereo.registration import align, register
from psface.stereo.stereo_params import StereoParams

FACE_RADIUS = 1.6  # of the distance between the centres of the eyes and of the mouth
CHECKED = 16  # captures, evenly spread over the list


def truth_metrics(captures: Sequence[Capture], params: StereoParams) -> dict[str, float]:
    """Mean errors inside the face over captures with ground truth; empty if there are none.

    Angles in degrees between true and estimated normals; depth as the mean absolute difference in
    pixels after subtracting its median. ``still`` is the same capture with its true shifts
    undone, ``unregistered`` with none undone, ``all_lights`` with no light excluded.
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
    true_state = json.loads(truth_path(capture).with_suffix(".json").read_text(encoding="utf-8"))
    pixels = capture.pixels()
    true_shifts = np.array(true_state["shifts"])
    estimated_shifts = register(pixels.grey)
    still = replace(pixels, grey=align(pixels.grey, true_shifts))
    registered = replace(pixels, grey=align(pixels.grey, estimated_shifts))
    all_lights = params.model_copy(update={"exclude_shadows": False})
    shadows_excluded = params.model_copy(update={"exclude_shadows": True})
    variants = {
        "": maps_of_aligned(registered, shadows_excluded),
        "_unregistered": maps_of_aligned(pixels, shadows_excluded),
        "_still": maps_of_aligned(still, shadows_excluded),
        "_all_lights": maps_of_aligned(registered, all_lights),
        "_still_all_lights": maps_of_aligned(still, all_lights),
    }
    face = _face_region(capture, truth)
    errors = {"shift_error_px": float(np.hypot(*(estimated_shifts - true_shifts)[1:].T).mean())}
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
    difference = (maps.depth_px - truth.depth_px)[region & maps.mask & truth.mask]
    return float(np.abs(difference - np.median(difference)).mean())


def _face_region(capture: Capture, truth: Maps) -> np.ndarray:
    assert capture.landmarks is not None
    points = capture.landmarks
    eyes, mouth = points[:2].mean(axis=0), points[3:].mean(axis=0)
    centre, reach = (eyes + mouth) / 2, FACE_RADIUS * np.linalg.norm(mouth - eyes)
    rows, columns = np.indices(truth.mask.shape)
    return truth.mask & (np.hypot(columns - centre[0], rows - centre[1]) < reach)

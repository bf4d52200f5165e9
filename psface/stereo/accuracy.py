"""Errors of photometric stereo on captures with ground truth.

The simulator writes the true maps of frame 0 to ``truth.exr`` and the frames' true shifts to
``truth.json``, beside the frames.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from psface.captures.capture import Capture
from psface.files import digest_of
from psface.fingerprint import code_digest
from psface.kept_results import KeptResults
from psface.parallel import map_in_processes
from psface.stamps import stamp_of
from psface.stereo.compute import maps_of_aligned, moved_back
from psface.stereo.map_files import Maps, read_maps, truth_path
from psface.stereo.registration import register
from psface.stereo.stereo_params import StereoParams
from psface.vectors import angles

FACE_RADIUS = 1.6  # of the distance between the centres of the eyes and of the mouth
CHECKED = 16  # captures


def truth_metrics(
    captures: Sequence[Capture],
    params: StereoParams,
    marks: Mapping[str, str],
    kept: KeptResults,
) -> dict[str, float]:
    """Mean errors inside the face over captures with ground truth; empty if there are none.

    If there are many, it is a sample of them: those whose names have the smallest hashes, so that
    a capture added replaces one of them at most, and usually none.

    Angles in degrees between true and estimated normals; depth as the mean absolute difference in
    pixels after subtracting its median. ``still`` is the same capture with its true shifts
    undone, ``unregistered`` with none undone, ``all_lights`` with no light excluded.

    Parameters
    ----------
    marks : mapping of str to str
        What each capture's maps depend on, by `Capture.key`.
    kept : KeptResults
        The errors of earlier runs.
    """
    known = [s for s in captures if truth_path(s).is_file() and s.landmarks is not None]
    chosen = sorted(known, key=lambda capture: digest_of(capture.key))[:CHECKED]
    if not chosen:
        return {}
    code = code_digest("psface.stereo.accuracy")
    before = {c.key: _mark(c, marks[c.key] + code) for c in chosen}
    found = {c.key: kept.get(_name(c), before[c.key]) for c in chosen}
    new = [c for c in chosen if found[c.key] is None]
    results = map_in_processes(partial(_errors, params=params), new, "stereo against truth")
    for capture, result in zip(new, results, strict=True):
        found[capture.key] = json.dumps(result)
        kept.put(_name(capture), before[capture.key], json.dumps(result))
    errors = [json.loads(text) for text in found.values() if text is not None]
    return {name: round(float(np.mean([e[name] for e in errors])), 3) for name in errors[0]}


def _name(capture: Capture) -> str:
    return f"/truth/{capture.key}"  # a capture's own key begins with its identity


def _mark(capture: Capture, of_maps: str) -> str | None:
    path = truth_path(capture)
    stamp = stamp_of([path, path.with_suffix(".json")])
    landmarks = np.asarray(capture.landmarks).tobytes().hex()
    return None if stamp is None else digest_of(of_maps, landmarks, stamp)


def _errors(capture: Capture, params: StereoParams) -> dict[str, float]:
    truth = read_maps(truth_path(capture))
    true_state = json.loads(truth_path(capture).with_suffix(".json").read_text(encoding="utf-8"))
    pixels = capture.pixels()
    true_shifts = np.array(true_state["shifts"])
    estimated_shifts = register(pixels.visible)
    still = moved_back(pixels, true_shifts)
    registered = moved_back(pixels, estimated_shifts)
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
    both = region & maps.mask & truth.mask
    return float(angles(maps.normal[:, both].T, truth.normal[:, both].T).mean())


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

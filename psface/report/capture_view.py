"""A page on which a capture can be relit and turned."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from psface.captures.images import to_uint8
from psface.files import replacing
from psface.report.check_words import check_rows
from psface.report.lamp_places import Placed, placed_lamps, plans
from psface.report.pages import templates
from psface.report.shown_capture import ShownCapture
from psface.report.surface import Surface, triangles
from psface.rig.response import encoded

LONGEST = 520  # px, of the maps on the page
MARGIN = 0.02  # about the mask, of its longer side
VERTICES = 16_000  # of the surface that turns, at most
MOST_FRAMES = 16  # shown; of more, evenly spaced ones
THUMB = 150  # px, width of a frame
SHOWN_DEPTH = (0.005, 0.995)  # quantiles that become black and white


def write_view(shown: ShownCapture, path: Path) -> None:
    """Write the page: one file that needs no network, and about 1 MB.

    The face is relit, and its surface drawn, by the page's own script on plain canvases, alike on
    every machine: at most 270,000 pixels and 32,000 triangles. In Chromium slowed down four times,
    as a telephone is, a capture of 360 x 480 pixels takes 21 ms for both.

    Raises
    ------
    UserError
        If the rig does not fit the maps.
    """
    surface = shown.surface
    box = _box(shown.maps.mask)
    lamps = placed_lamps(shown.lights, shown.rig)
    pictures, size = _pictures(shown, box)
    page = templates("psface.report.capture_view").get_template("capture_view.html.j2")
    text = page.render(
        name=shown.name,
        summary=_summary(shown, surface, lamps),
        pictures=pictures,
        width=size[0],
        height=size[1],
        relief=_relief(shown, surface),
        lamps=lamps,
        plans=plans(lamps, shown.rig),
        frames=_frames(shown, box, lamps),
        count=len(lamps) if shown.frames is None else len(shown.frames),
        warnings=shown.doubts,
        checks=check_rows(shown.trust) if shown.trust else [],
        face_checked=shown.face_checked,
        data={"surface": _grid(surface, box), "lamps": [lamp.unit for lamp in lamps]},
    )
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def _box(mask: np.ndarray) -> tuple[slice, slice]:
    """The rows and columns around a mask."""
    sides = []
    margin = MARGIN * max(np.ptp(np.flatnonzero(mask.any(axis=axis))) for axis in (0, 1))
    for axis in (1, 0):
        inside = np.flatnonzero(mask.any(axis=axis))
        first, last = int(inside[0] - margin), int(inside[-1] + margin)
        sides.append(slice(max(first, 0), min(last + 1, mask.shape[1 - axis])))
    return sides[0], sides[1]


def _pictures(
    shown: ShownCapture, box: tuple[slice, slice]
) -> tuple[dict[str, str], tuple[int, int]]:
    """Albedo, normals and depth as PNG, transparent outside the mask, and their width and height.

    A normal (x, y, z) is stored as ``127.5 (n + 1)`` in red, green and blue; albedo in sRGB.
    """
    maps, mask = shown.maps, shown.maps.mask[box]
    height, width = mask.shape
    factor = max(1.0, max(width, height) / LONGEST)
    size = (max(1, round(width / factor)), max(1, round(height / factor)))
    weight = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    alpha = np.where(weight > 0.5, np.uint8(255), np.uint8(0))

    def reduced(values: np.ndarray) -> np.ndarray:
        kept = np.where(mask[..., None], values[box], 0).astype(np.float32)
        small = cv2.resize(kept, size, interpolation=cv2.INTER_AREA).reshape(*size[::-1], -1)
        return small / np.maximum(weight, 1e-6)[..., None]

    normal = reduced(np.moveaxis(maps.normal, 0, -1))
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-6)
    low, high = np.quantile(maps.depth[maps.mask], SHOWN_DEPTH)
    depth = (reduced(maps.depth[..., None]) - low) / max(high - low, 1e-6)
    planes = {
        "albedo": encoded(reduced(shown.albedo), "srgb"),
        "normals": (normal + 1) / 2,
        "depth": np.repeat(depth, 3, axis=-1),
    }
    return {name: _png(to_uint8(plane), alpha) for name, plane in planes.items()}, size


def _png(rgb: np.ndarray, alpha: np.ndarray) -> str:
    image = np.dstack([rgb[..., ::-1] * (alpha[..., None] > 0), alpha])
    return _uri(cv2.imencode(".png", image)[1], "png")


def _uri(data: np.ndarray, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data.tobytes()).decode()}"


def _frames(
    shown: ShownCapture, box: tuple[slice, slice], lamps: list[Placed]
) -> list[dict[str, Any]]:
    """Some frames as small pictures, on one scale, with their numbers from 0."""
    if shown.frames is None:
        return []
    count = len(shown.frames)
    chosen = np.unique(np.linspace(0, count - 1, min(count, MOST_FRAMES)).astype(int))
    frames = [shown.frames[number][box] for number in chosen]
    level = max(float(np.percentile(frames, 99.5)), 1e-6)
    height, width = frames[0].shape
    factor = min(1.0, THUMB / width)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    found = []
    for number, frame in zip(chosen.tolist(), frames, strict=True):
        small = cv2.resize(frame / level, size, interpolation=cv2.INTER_AREA)
        image = to_uint8(encoded(np.clip(small, 0, 1), "srgb"))
        data = cv2.imencode(".webp", image, [cv2.IMWRITE_WEBP_QUALITY, 85])[1]
        found.append(
            {"number": number, "lamp": lamps[number], "picture": _uri(data, "webp"), "size": size}
        )
    return found


def _grid(surface: Surface, box: tuple[slice, slice]) -> dict[str, Any]:
    """The surface on every few pixels, about its middle.

    ``points`` are x, y, z as int16, little-endian, of which 32767 is the largest distance from the
    middle. ``cells`` tells for each point, as the upper left corner of four, which of its two
    triangles there are: 1 that on the lower left, 2 that on the upper right.
    """
    rows, columns = box
    step = 1
    while (
        -(-(rows.stop - rows.start) // step) * -(-(columns.stop - columns.start) // step) > VERTICES
    ):
        step += 1
    mask = surface.mask[box][::step, ::step]
    points = surface.points[:, rows, columns][:, ::step, ::step]
    reduced = Surface(points, mask, surface.unit, surface.camera)
    corners = triangles(reduced)
    cells = np.zeros(mask.size, np.uint8)
    lower = corners[:, 1] == corners[:, 0] + mask.shape[1]
    np.bitwise_or.at(cells, corners[:, 0], np.where(lower, 1, 2).astype(np.uint8))
    known = points[:, mask] if mask.any() else np.zeros((3, 1), np.float32)
    middle = (known.min(axis=1) + known.max(axis=1)) / 2
    reach = max(float(np.linalg.norm(known - middle[:, None], axis=0).max()), 1e-6)
    scaled = np.where(mask, (points - middle[:, None, None]) / reach, 0)
    stored = np.moveaxis(np.rint(scaled * 32767), 0, -1).astype("<i2")
    return {
        "width": mask.shape[1],
        "height": mask.shape[0],
        "step_x": step / (columns.stop - columns.start),
        "step_y": step / (rows.stop - rows.start),
        "points": base64.b64encode(stored.tobytes()).decode(),
        "cells": base64.b64encode(cells.tobytes()).decode(),
    }


def _relief(shown: ShownCapture, surface: Surface) -> str:
    low, high = np.quantile(shown.maps.depth[shown.maps.mask], SHOWN_DEPTH)
    return f"{high - low:.3g} {surface.unit}"


def _summary(shown: ShownCapture, surface: Surface, lamps: list[Placed]) -> str:
    height, width = shown.maps.mask.shape
    near = shown.rig is not None and shown.rig.near
    parts = []
    if lamps:
        kind = "near" if near else "distant"
        parts.append(f"{len(lamps)} {kind} lamp{'s' if len(lamps) > 1 else ''}")
    parts.append(f"{width} x {height} pixels")
    if shown.maps.mm_per_px:
        parts[-1] += f" of {shown.maps.mm_per_px:.3g} mm"
    parts.append(f"a surface {_relief(shown, surface)} deep")
    return ", ".join(parts)

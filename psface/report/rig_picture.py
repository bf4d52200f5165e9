"""A rig as a table, and as a plot of its lamps about the face."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePath

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.patches import Ellipse

from psface.report.plotting import plt
from psface.rig.rig import Calibration, Rig

FACE = (150.0, 200.0, 180.0)  # width, height and depth of a head in mm
CROWDED = 24  # lamps; more have small labels
SKIN, FAINT, CAMERA = "#d9a58a", "#999999", "#333333"
COLOURS = "plasma"


def lamp_table(rig: Rig) -> pd.DataFrame:
    """Tabulate the lamps of a rig.

    Returns
    -------
    DataFrame
        ``lamp`` (its name, or its number from 1), ``azimuth`` in degrees clockwise from up in the
        picture, ``slant`` in degrees from the axis of the camera, ``intensity``, ``at_face`` (the
        light on a surface there that faces the lamp, 1 on average); for near lamps ``distance_mm``
        from the face and position ``x_mm, y_mm, z_mm``.

    Examples
    --------
    >>> from psface.rig.rig import Lamp
    >>> table = lamp_table(Rig(lamps=[Lamp(name="left", direction=(-0.6, 0, 0.8))]))
    >>> table[["lamp", "azimuth", "slant"]].to_dict("records")
    [{'lamp': 'left', 'azimuth': 270.0, 'slant': 36.9}]
    """
    azimuth, slant = _angles(rig.directions())
    table = pd.DataFrame(
        {
            "lamp": rig.names,
            "azimuth": azimuth.round(1) % 360,
            "slant": slant.round(1),
            "intensity": [float(f"{lamp.strength:.4g}") for lamp in rig.lamps],
            "at_face": np.linalg.norm(rig.lights(), axis=1).round(3),
        }
    )
    if rig.near:
        positions = _positions(rig)
        table["distance_mm"] = np.linalg.norm(positions - _face(rig), axis=1).round(1)
        for axis, values in zip("xyz", positions.T.round(1), strict=True):
            table[f"{axis}_mm"] = values
    return table


def draw_rig(rig: Rig, path: Path, name: str = "", noted: Mapping[str, str] | None = None) -> None:
    """Draw where the lamps are as seen from the camera, by azimuth and slant.

    Near lamps are also drawn to scale, from above and from the side. Their colour is their light at
    the face, and their size its root.

    Parameters
    ----------
    rig : Rig
        With at least one lamp.
    path : Path
        Picture to write.
    name : str
        For the title.
    noted : mapping of str to str, optional
        Texts for the PNG file, by keyword.
    """
    panels = 3 if rig.near else 1
    figure = plt.figure(figsize=(5.4 * panels + 0.8, 5.9), layout="constrained")
    polar = figure.add_subplot(1, panels, 1, projection="polar")
    light = np.linalg.norm(rig.lights(), axis=1)
    # Not so narrow that equal lamps look unequal.
    scale = ScalarMappable(Normalize(min(light.min(), 0.9), max(light.max(), 1.1)), COLOURS)
    placed = [(polar, _draw_directions(polar, rig, light, scale))]
    if rig.near:
        for number, draw in ((2, _draw_plan), (3, _draw_side)):
            axes = figure.add_subplot(1, panels, number)
            placed.append((axes, draw(axes, rig, light, scale)))
    figure.colorbar(scale, ax=figure.axes, shrink=0.6, pad=0.02, label="light at the face, mean 1")
    figure.suptitle(_title(rig, name), fontsize=10)
    figure.draw_without_rendering()
    for axes, places in placed:
        _label(axes, rig, places)
    figure.savefig(path, dpi=110, bbox_inches="tight", metadata=noted)
    plt.close(figure)


def _title(rig: Rig, name: str) -> str:
    count = f"{len(rig.lamps)} lamp{'s' if len(rig.lamps) > 1 else ''}"
    kind = f"{count}, faces at {rig.distance_mm:g} mm" if rig.near else f"{count}, distant"
    return (
        f"{name}: {kind}\n{_calibrated(rig.calibration)}" if name else _calibrated(rig.calibration)
    )


def _calibrated(calibration: Calibration) -> str:
    """When, from what and how well a rig was calibrated, in a line."""
    parts = [calibration.method, calibration.date]
    if calibration.score_deg is not None:
        parts.append(f"within {calibration.score_deg:.2g} degrees")
    known = ", ".join(part for part in parts if part)
    return f"calibration: {known or 'unknown'}"


def _angles(directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Azimuth clockwise from up, and slant, (n,) each in degrees, of unit vectors (n, 3)."""
    x, y, z = directions.T
    return np.degrees(np.arctan2(x, y)) % 360, np.degrees(np.arctan2(np.hypot(x, y), z))


def _positions(rig: Rig) -> np.ndarray:
    return np.array([lamp.position_mm for lamp in rig.lamps], dtype=np.float64)


def _face(rig: Rig) -> np.ndarray:
    return np.array([0, 0, -(rig.distance_mm or 0)], dtype=np.float64)


def _labels(rig: Rig) -> list[str]:
    """Short names: without a suffix that all share."""
    names = rig.names
    suffixes = {PurePath(name).suffix for name in names}
    shared = next(iter(suffixes)) if len(suffixes) == 1 else ""
    return [name.removesuffix(shared)[:16] if shared else name[:16] for name in names]


def _scatter(
    axes: Axes, rig: Rig, places: np.ndarray, light: np.ndarray, scale: ScalarMappable
) -> None:
    """Draw lamps at places (n, 2) of the axes' own coordinates."""
    crowded = len(rig.lamps) > CROWDED
    sizes = (40 if crowded else 150) * np.sqrt(light / light.max())
    across, along = places.T
    axes.scatter(
        across, along, s=sizes, c=scale.to_rgba(light), edgecolors="black", linewidths=0.6, zorder=3
    )


def _label(axes: Axes, rig: Rig, places: np.ndarray) -> None:
    """Write the lamps' names beside them; once the layout is done, since it counts in pixels."""
    crowded = len(rig.lamps) > CROWDED
    distance = (6 if crowded else 13) * axes.figure.dpi / 72
    points = axes.transData.transform(places)
    shifts = np.tile([0.0, 1.0], (len(points), 1)) if crowded else _shifts(points, distance)
    for label, point, shift in zip(_labels(rig), points, shifts, strict=True):
        x, y = axes.transData.inverted().transform(point + distance * shift)
        axes.text(
            x, y, label, fontsize=5.5 if crowded else 9, ha="center", va="center", zorder=4
        )  # fmt: skip


def _shifts(points: np.ndarray, reach: float) -> np.ndarray:
    """Unit vectors (n, 2) from points to where labels are freest, in ``reach``; up if all is free.

    Each label in turn is put where the nearest other point or earlier label is farthest, but no
    farther than counts.
    """
    turns = np.radians([90, -90, 0, 180, 45, 135, -45, -135])
    ways = np.stack([np.cos(turns), np.sin(turns)], axis=1)
    taken = [*points]
    out = []
    for number, point in enumerate(points):
        others = np.delete(np.array(taken), number, axis=0)
        room = [
            min(np.hypot(*(others - point - reach * way).T).min(initial=np.inf), 1.3 * reach)
            for way in ways
        ]
        best = ways[int(np.argmax(np.round(room, 3)))]
        taken.append(point + reach * best)
        out.append(best)
    return np.array(out)


def _draw_head(axes: Axes) -> None:
    """Draw a face in the middle, as the camera sees it: eyes up."""
    area = axes.transAxes
    axes.add_patch(Ellipse((0.5, 0.5), 0.06, 0.08, transform=area, color=SKIN, alpha=0.8, zorder=1))
    for x in (0.488, 0.512):
        axes.add_patch(Ellipse((x, 0.511), 0.007, 0.007, transform=area, color=CAMERA, zorder=2))
    axes.plot([0.49, 0.51], [0.481, 0.481], transform=area, color=CAMERA, linewidth=1, zorder=2)


def _draw_directions(axes: Axes, rig: Rig, light: np.ndarray, scale: ScalarMappable) -> np.ndarray:
    azimuth, slant = _angles(rig.directions())
    axes.set_theta_zero_location("N")  # type: ignore[attr-defined]
    axes.set_theta_direction(-1)  # type: ignore[attr-defined]
    axes.set_ylim(0, float(np.clip(np.ceil((slant.max() * 1.12 + 1) / 10) * 10, 20, 90)))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}\N{DEGREE SIGN}")
    axes.tick_params(labelsize=8, labelcolor=FAINT)
    axes.grid(alpha=0.4)
    _draw_head(axes)
    places = np.stack([np.radians(azimuth), slant], axis=1)
    _scatter(axes, rig, places, light, scale)
    axes.set_title("directions as the camera sees them\n(slant from its axis)", fontsize=9)
    return places


def _draw_plan(axes: Axes, rig: Rig, light: np.ndarray, scale: ScalarMappable) -> np.ndarray:
    places = _draw_view(axes, rig, (0, 2), light, scale)
    axes.set_title("from above", fontsize=9)
    axes.set_xlabel("mm, right in the picture")
    axes.set_ylabel("mm from the camera (z)")
    axes.invert_yaxis()  # else it is seen from below
    return places


def _draw_side(axes: Axes, rig: Rig, light: np.ndarray, scale: ScalarMappable) -> np.ndarray:
    places = _draw_view(axes, rig, (2, 1), light, scale)
    axes.set_title("from the picture's right", fontsize=9)
    axes.set_xlabel("mm from the camera (z)")
    axes.set_ylabel("mm, up in the picture (y)")
    axes.invert_xaxis()
    return places


def _draw_view(
    axes: Axes, rig: Rig, plane: tuple[int, int], light: np.ndarray, scale: ScalarMappable
) -> np.ndarray:
    """Draw camera, face and lamps in the plane of two axes, to scale; return the lamps' places."""
    across, along = plane
    positions, face = _positions(rig), _face(rig)
    head = face - (0, 0, FACE[2] / 2)  # it is behind its front
    axes.add_patch(
        Ellipse((head[across], head[along]), FACE[across], FACE[along], color=SKIN, alpha=0.6)
    )
    axes.text(head[across], head[along], "face", ha="center", va="center", fontsize=9)
    _draw_camera(axes, rig, plane)
    for lamp, position in zip(rig.lamps, positions, strict=True):
        axes.plot(
            [position[across], face[across]], [position[along], face[along]],
            color=FAINT, linewidth=0.6, zorder=1,
        )  # fmt: skip
        if lamp.axis is not None:
            axis = np.array(lamp.axis) / np.linalg.norm(lamp.axis)
            tip = position + axis * 0.16 * (rig.distance_mm or 0)
            axes.annotate(
                "", (tip[across], tip[along]), (position[across], position[along]),
                arrowprops={"arrowstyle": "->", "color": CAMERA, "linewidth": 1}, zorder=2,
            )  # fmt: skip
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.12)
    axes.grid(alpha=0.3)
    _scatter(axes, rig, positions[:, plane], light, scale)
    return positions[:, plane]


def _draw_camera(axes: Axes, rig: Rig, plane: tuple[int, int]) -> None:
    """Draw the camera at the origin, with what it sees up to the face."""
    across, along = plane
    side = 0 if 0 in plane else 1
    pixels = (rig.camera.width_px, rig.camera.height_px)[side]
    focal = (rig.camera.focal_px or (1.0, 1.0))[side]
    middle = ((pixels or 1) - 1) / 2
    centre = (rig.camera.centre_px or (middle, middle))[side]
    depth = -(rig.distance_mm or 0)
    for edge in (-0.5, (pixels or 1) - 0.5):
        # Pixels are counted down from the top, y up.
        point = np.zeros(3)
        point[side] = (edge - centre) / focal * -depth * (1 if side == 0 else -1)
        point[2] = depth
        axes.plot(
            [0, point[across]],
            [0, point[along]],
            color=CAMERA,
            linestyle=":",
            linewidth=0.8,
            zorder=1,
        )
    axes.plot(0, 0, marker="s", markersize=11, color=CAMERA, zorder=3)
    axes.annotate(
        "camera", (0, 0), xytext=(0, -16), textcoords="offset points", ha="center", fontsize=9
    )

"""A calibration to check by eye: every frame with its ball and lamp, and the lamps' directions."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from matplotlib.axes import Axes

from psface.report.plotting import plt
from psface.rig.calibration.calibrated_lights import Sight
from psface.rig.calibration.calibrating import Calibrated

TILE = 180  # px of a ball
MARGIN = 1.12  # of its radius
FULL_SCALE = 0.15  # of the light: a residual in full colour
CIRCLE, FOUND, PREDICTED = (60, 220, 60), (255, 80, 60), (80, 160, 255)


def draw_calibration(calibrated: Calibrated, path: Path) -> None:
    """Draw each lamp's frame of each ball, and the lamps' directions.

    A mirror ball has its circle (green), the highlight found (red cross) and where the calibrated
    lamp would be reflected (blue ring). Beside a matte ball is what its lamp does not explain: red
    is brighter, blue darker, full colour 15% of the light.
    """
    names = [lamp.name for lamp in calibrated.rig.lamps]
    columns = max(1, min(len(names), int(np.ceil(np.sqrt(1.6 * len(names))))))
    sheets = [_sheet(sight, len(names), columns) for sight in calibrated.sights]
    heights = [sheet.shape[0] / sheet.shape[1] for sheet in sheets]
    width = 13.0
    figure = plt.figure(figsize=(width, 6.5 + width * sum(heights)), layout="constrained")
    grid = figure.add_gridspec(len(sheets) + 1, 1, height_ratios=[6.0 / width, *heights])
    _draw_lamps(figure.add_subplot(grid[0], projection="polar"), calibrated, names)
    for row, (sheet, sight) in enumerate(zip(sheets, calibrated.sights, strict=True), 1):
        axes = figure.add_subplot(grid[row])
        axes.imshow(sheet)
        axes.set_axis_off()
        axes.set_title(
            f"{sight.pictures.folder}, ball at ({sight.ball.x:.1f}, {sight.ball.y:.1f}), radius "
            f"{sight.ball.radius:.1f} px",
            fontsize=9,
        )
        tile = sheet.shape[1] / columns
        for number, name in enumerate(names):
            axes.text(
                number % columns * tile + 4, number // columns * TILE + 4,
                _label(name, sight, calibrated, number),
                color="white", fontsize=7 if len(names) < 40 else 5, va="top",
            )  # fmt: skip
    figure.savefig(path, dpi=100)
    plt.close(figure)


def _label(name: str, sight: Sight, calibrated: Calibrated, number: int) -> str:
    if sight.rest is None and calibrated.unit == "px":
        return f"{name[:20]}  {calibrated.residuals[number]:.2f} px"
    if sight.rest is not None and calibrated.unit != "px":
        return f"{name[:20]}  {calibrated.residuals[number]:.1%}"
    return name[:20]


def _sheet(sight: Sight, count: int, columns: int) -> np.ndarray:
    """Tiles of all frames as one picture (h, w, 3) uint8."""
    tiles = [_tile(sight, number) for number in range(count)]
    blank = np.full_like(tiles[0], 255)
    tiles += [blank] * (-count % columns)
    rows = [np.hstack(tiles[k : k + columns]) for k in range(0, len(tiles), columns)]
    return np.vstack(rows)


def _tile(sight: Sight, number: int) -> np.ndarray:
    """The ball in a frame; for a matte one, the residual to its right."""
    ball, frame = sight.ball, sight.pictures.frames[number]
    reach = MARGIN * ball.radius
    scale = TILE / (2 * reach)
    place = np.array([[scale, 0, (reach - ball.x) * scale], [0, scale, (reach - ball.y) * scale]])
    shrink = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    top = max(float(np.percentile(sight.pictures.frames, 99.9)), 1e-6)
    grey = np.clip(frame / top, 0, 1) ** (1 / 2.2)
    tile = _colour(cv2.warpAffine(grey.astype(np.float32), place, (TILE, TILE), flags=shrink))
    middle = (8 * TILE, 8 * TILE)
    cv2.circle(tile, middle, round(16 * ball.radius * scale), CIRCLE, 1, cv2.LINE_AA, 4)
    for points, colour, marker in (
        (sight.predicted, PREDICTED, None), (sight.found, FOUND, cv2.MARKER_CROSS),
    ):  # fmt: skip
        if points is None:
            continue
        x, y = (place @ (*points[number], 1)).round().astype(int)
        if marker is None:
            cv2.circle(tile, (int(x), int(y)), 9, colour, 1, cv2.LINE_AA)
        else:
            cv2.drawMarker(tile, (int(x), int(y)), colour, marker, 9, 1)
    if sight.rest is None:
        return tile
    rest = cv2.warpAffine(sight.rest[number], place, (TILE, TILE), flags=shrink) / FULL_SCALE
    red, blue = np.clip(rest, 0, 1), np.clip(-rest, 0, 1)
    residual = np.stack([red, np.zeros_like(red), blue], axis=-1)
    return np.hstack([tile, (residual * 255).astype(np.uint8)])


def _colour(grey: np.ndarray) -> np.ndarray:
    return np.repeat((grey * 255).astype(np.uint8)[..., None], 3, axis=2)


def _draw_lamps(axes: Axes, calibrated: Calibrated, names: list[str]) -> None:
    """Directions as the camera sees them, slant outwards; dots as large as lamps are strong."""
    x, y, z = calibrated.rig.directions().T
    turn, slant = np.arctan2(x, y), np.degrees(np.arctan2(np.hypot(x, y), z))
    strengths = np.array([lamp.strength for lamp in calibrated.rig.lamps])
    axes.set_theta_zero_location("N")  # type: ignore[attr-defined]
    axes.set_theta_direction(-1)  # type: ignore[attr-defined]
    points = axes.scatter(
        turn, slant, s=60 * strengths / strengths.max(), c=calibrated.residuals, cmap="viridis_r"
    )
    if len(names) <= 30:
        for name, a, b in zip(names, turn, slant, strict=True):
            axes.annotate(name[:16], (a, b), xytext=(4, 4), textcoords="offset points", fontsize=8)
    axes.set_ylim(0, float(np.clip(slant.max() * 1.15, 10, 90)))
    axes.figure.colorbar(
        points, ax=axes, shrink=0.6, pad=0.1, label=f"residual ({calibrated.unit})"
    )
    calibration = calibrated.rig.calibration
    axes.set_title(
        f"{calibration.method}: directions within {calibration.score_deg:.2g} degrees", fontsize=11
    )

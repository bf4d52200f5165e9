"""The captures that the trust checks doubt most, drawn with the reasons."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from psface.files import replacing
from psface.report.drawn_before import DRAWN_FROM
from psface.report.map_colours import normals_as_colours
from psface.report.plotting import plt
from psface.stereo.trust.trust_warning import TrustWarning

SHOWN_FRAMES = 6  # of a capture; more are left out evenly
TEXT_WIDTH = 62  # characters
ROW, COLUMN, TEXT = 1.7, 1.5, 4.6  # inches


@dataclass(frozen=True)
class DoubtedCapture:
    """What is drawn of one capture.

    Attributes
    ----------
    name : str
    frames : (n, H, W)
    normal : (3, H, W)
    albedo : (H, W)
    warnings : sequence of TrustWarning
        Not empty.
    """

    name: str
    frames: np.ndarray
    normal: np.ndarray
    albedo: np.ndarray
    warnings: Sequence[TrustWarning]


def draw_doubted(captures: Sequence[DoubtedCapture], path: Path, drawn_from: str) -> None:
    """Draw a row per capture: frames, albedo, normals as colours, what is wrong, and the remedy.

    Frames share a grey scale, so that a weak lamp looks dark. An empty sequence gives a picture
    that says so. ``drawn_from`` is noted in the PNG file (`psface.report.drawn_before`).
    """
    most = max((min(len(c.frames), SHOWN_FRAMES) for c in captures), default=0)
    columns = most + 2
    rows = max(len(captures), 1)
    figure = plt.figure(figsize=(columns * COLUMN + TEXT, rows * ROW))
    widths = [COLUMN] * columns + [TEXT]
    grid = figure.add_gridspec(rows, columns + 1, width_ratios=widths, wspace=0.04, hspace=0.16)
    for row, capture in enumerate(captures):
        images = _images(capture)
        for column, (name, image) in enumerate(images.items(), columns - len(images)):
            axes = figure.add_subplot(grid[row, column])
            axes.axis("off")
            axes.imshow(image, cmap="gray", vmin=0, vmax=1)
            axes.set_title(name, fontsize=7, pad=2)
        axes = figure.add_subplot(grid[row, columns])
        axes.axis("off")
        axes.text(0.02, 0.98, _reasons(capture), va="top", fontsize=7, transform=axes.transAxes)
    if not captures:
        figure.text(0.5, 0.5, "no capture is in doubt", ha="center", va="center")
    with replacing(path) as partial:
        noted = {DRAWN_FROM: drawn_from}
        figure.savefig(partial, format="png", dpi=110, bbox_inches="tight", metadata=noted)
    plt.close(figure)


def _images(capture: DoubtedCapture) -> dict[str, np.ndarray]:
    count = len(capture.frames)
    chosen = np.unique(np.linspace(0, count - 1, min(count, SHOWN_FRAMES)).astype(int))
    bright = max(float(np.percentile(capture.frames, 99.5)), 1e-6)
    frames = {f"frame {i}": np.clip(capture.frames[i] / bright, 0, 1) for i in chosen}
    albedo = capture.albedo / max(float(np.percentile(capture.albedo, 99)), 1e-6)
    maps = {"albedo": np.clip(albedo, 0, 1), "normals": normals_as_colours(capture.normal)}
    return frames | maps


def _reasons(capture: DoubtedCapture) -> str:
    lines = [capture.name]
    for warning in capture.warnings:
        lines += textwrap.wrap(f"{warning.code}: {warning.message}", TEXT_WIDTH)
        lines += textwrap.wrap(
            f"→ {warning.remedy}", TEXT_WIDTH, initial_indent="  ", subsequent_indent="  "
        )
    return "\n".join(lines)

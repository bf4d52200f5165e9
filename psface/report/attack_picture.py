"""Kinds of attacks drawn beside a live face, with what the lamps show of them."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from psface.files import replacing
from psface.report.map_colours import normals_as_colours
from psface.report.plotting import plt

TEXT_WIDTH = 34  # characters
ROW, COLUMN, TEXT = 1.5, 1.15, 2.6  # inches


@dataclass(frozen=True)
class ShownAttack:
    """One row of the picture.

    Attributes
    ----------
    kind : str
    frames : sequence of (H, W) uint8
        As taken, the one with all lamps off last, if there is one.
    normal : (3, S, S) or None
        Of the crop; None if no face is found.
    score : float
    reason : str
        Why it is not live; empty if it is.
    """

    kind: str
    frames: Sequence[np.ndarray]
    normal: np.ndarray | None
    score: float
    reason: str


def draw_attacks(attacks: Sequence[ShownAttack], path: Path) -> None:
    """Draw a row per kind: its frames, the normals of the crop as colours, and the verdict."""
    columns = max(len(attack.frames) for attack in attacks) + 1
    figure = plt.figure(figsize=(columns * COLUMN + TEXT, len(attacks) * ROW))
    widths = [COLUMN] * columns + [TEXT]
    grid = figure.add_gridspec(
        len(attacks), columns + 1, width_ratios=widths, wspace=0.04, hspace=0.06
    )
    for row, attack in enumerate(attacks):
        for column, frame in enumerate(attack.frames):
            axes = figure.add_subplot(grid[row, column])
            axes.axis("off")
            axes.imshow(frame, cmap="gray", vmin=0, vmax=255)
        if attack.normal is not None:
            axes = figure.add_subplot(grid[row, columns - 1])
            axes.axis("off")
            axes.imshow(normals_as_colours(attack.normal.astype(np.float32)))
        axes = figure.add_subplot(grid[row, columns])
        axes.axis("off")
        passes = attack.normal is not None and not attack.reason
        colour = "tab:green" if passes else "tab:red"
        axes.text(0.04, 0.95, attack.kind, va="top", fontsize=10, weight="bold")
        axes.text(0.04, 0.72, _told(attack), va="top", fontsize=8.5, color=colour)
    with replacing(path) as partial:
        figure.savefig(partial, format="png", dpi=80, bbox_inches="tight")
    plt.close(figure)


def _told(attack: ShownAttack) -> str:
    if attack.normal is None:
        return "no face found: not judged"
    verdict = "not live" if attack.reason else "taken for live"
    text = f"score {attack.score:.2f}: {verdict}"
    return "\n".join([text, *textwrap.wrap(attack.reason, TEXT_WIDTH)])

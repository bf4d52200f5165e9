"""Make ``docs/pictures/stereo_steps.webp``: what stereo does between frames and normals.

Run ``python -m docs.pictures.stereo_steps`` in the project's root folder.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap

import psface
from docs.pictures.pipeline import FAINT, INK, SEED, SHOWN, Sections, add_card
from psface.config import load
from psface.report.plotting import plt
from psface.simulate.recording import simulate_session
from psface.simulate.simulate_params import RigParams
from psface.stereo.compute import compute_maps, moved_back
from psface.stereo.map_files import read_maps
from psface.stereo.normals import SATURATED, usable
from psface.stereo.registration import orientation_field
from psface.vectors import angles

PICTURE = Path(__file__).with_name("stereo_steps.webp")
SIZE, DPI = (12.0, 3.9), 110  # inches
USED = ListedColormap(["#fdae61", "#dcdcdc"])  # three, four
LARGEST = 20  # degrees of error shown


def lines(frame: np.ndarray) -> np.ndarray:
    """A frame's field of lines in colours (H, W, 3): hue is the angle, which a line has twice."""
    field = orientation_field(frame)
    hue = np.degrees(np.angle(field)) % 360 / 2
    bright = np.clip(255 * np.abs(field) / np.quantile(np.abs(field), 0.995), 0, 255)
    colours = np.stack([hue, np.full(hue.shape, 200), bright], axis=-1).astype(np.uint8)
    return cv2.cvtColor(colours, cv2.COLOR_HSV2RGB)


def main(path: Path = PICTURE) -> None:
    """Draw four panels: a frame, its lines, how many lamps count, and the error that is left."""
    sections = load(Sections, Path(__file__).parents[2] / "params.yaml")
    people = sections.simulate.model_copy(update={"rig": RigParams()})
    with tempfile.TemporaryDirectory() as folder:
        place = simulate_session(people, SEED, Path(folder), (SHOWN, 1))
        pixels = psface.read_capture(place).pixels()
        truth = read_maps(place / "truth.exr")
    maps = compute_maps(pixels, sections.stereo)
    assert maps.shifts is not None
    frames = moved_back(pixels, maps.shifts).grey
    count = usable(frames, pixels.lights, frames >= SATURATED).sum(axis=0)
    both = maps.mask & truth.mask
    error = np.full(both.shape, np.nan)
    error[both] = angles(maps.normal[:, both].T, truth.normal[:, both].T)

    figure = plt.figure(figsize=SIZE, dpi=DPI)
    add_card(figure)
    shown = np.s_[30:400, 60:300]
    panels: list[tuple[str, str, np.ndarray, dict]] = [
        ("A frame", "lamp 2", frames[1], {"cmap": "gray"}),
        ("Its lines", "colour: the way of an edge", lines(frames[1]), {}),
        (
            "Lamps that count", "three or all four, by pixel", np.where(maps.mask, count, np.nan),
            {"cmap": USED, "norm": BoundaryNorm([2.5, 3.5, 4.5], 2)},
        ),
        (
            "Error of the normals", "against the truth, degrees", error,
            {"cmap": "cividis", "vmin": 0, "vmax": LARGEST},
        ),
    ]  # fmt: skip
    for number, (title, what, image, options) in enumerate(panels):
        left = 0.025 + 0.245 * number
        figure.text(left, 0.90, title, size=14, weight="bold", color=INK, va="center")
        figure.text(left, 0.815, what, size=10, color=FAINT, va="center")
        axes = figure.add_axes((left, 0.05, 0.155, 0.71))
        axes.axis("off")
        drawn = axes.imshow(image[shown], interpolation="antialiased", **options)
        if number > 1:
            bar = figure.colorbar(drawn, cax=figure.add_axes((left + 0.165, 0.15, 0.012, 0.5)))
            _ticks(bar.ax, number == 2)
    figure.savefig(path, pil_kwargs={"quality": 90, "method": 6})
    plt.close(figure)


def _ticks(axes: Axes, lamps: bool) -> None:
    axes.tick_params(labelsize=9, colors=INK, length=0)
    if lamps:
        axes.set_yticks([3, 4], ["3", "4"])


if __name__ == "__main__":
    main()

"""Make ``docs/pictures/pipeline.webp``: what psface does, shown on simulated people.

Run ``python -m docs.pictures.pipeline`` in the project's root folder. All that is shown is
computed: the frames are rendered, the maps, the crop and the names are what psface makes of them.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

import psface
from psface.captures.capture import Capture
from psface.config import Selection, load
from psface.faces.cropping import Crop
from psface.report.map_colours import normals_as_colours
from psface.report.plotting import plt
from psface.simulate.recording import simulate_session
from psface.simulate.simulate_params import RigParams, SimulateParams
from psface.stereo.compute import compute_maps
from psface.stereo.map_files import Maps
from psface.stereo.stereo_params import StereoParams
from psface.vectors import unit

PICTURE = Path(__file__).with_name("pipeline.webp")
SEED = 11
NAMES = {5: "Anna", 1: "Beth", 6: "Carl", 7: "David"}
SHOWN = 5  # who comes to be recognised
INK, FAINT, CARD, GOOD = "#1f2430", "#5a6270", "#f6f7f9", "#0b6e4f"
SIZE, DPI = (12.0, 5.2), 110  # inches
Place = tuple[float, float, float, float]  # left, bottom, width, height


class Sections(Selection):
    simulate: SimulateParams
    stereo: StereoParams


@dataclass(frozen=True)
class Story:
    """Everything that is shown.

    Attributes
    ----------
    capture : Capture
        Of the person to be recognised.
    maps : Maps
    crop : Crop
    gallery : dict of str to Crop
        One capture of each enrolled person.
    cosines : dict of str to float
        How similar the model finds each to the crop.
    """

    capture: Capture
    maps: Maps
    crop: Crop
    gallery: dict[str, Crop]
    cosines: dict[str, float]


def tell(folder: Path) -> Story:
    """Render captures into a folder, and recognise one by the model that psface ships."""
    sections = load(Sections, Path(__file__).parents[2] / "params.yaml")
    people = sections.simulate.model_copy(update={"rig": RigParams()})
    model = psface.Recogniser()

    def captured(person: int, session: int) -> Capture:
        return psface.read_capture(simulate_session(people, SEED, folder, (person, session)))

    capture = captured(SHOWN, 1)
    crop = model.crop(capture)
    gallery = {name: model.crop(captured(person, 0)) for person, name in NAMES.items()}
    face, *known = unit(model.embed([crop, *gallery.values()]).identity)
    cosines = {name: float(face @ other) for name, other in zip(gallery, known, strict=True)}
    maps = compute_maps(capture.pixels(), sections.stereo)
    return Story(capture, maps, crop, gallery, cosines)


def draw(story: Story, path: Path) -> None:
    """Draw it as four columns, on a card that is readable on any background."""
    figure = plt.figure(figsize=SIZE, dpi=DPI)
    add_card(figure)
    for left, title, what in (
        (0.025, "A capture", "four frames, a lamp each"),
        (0.325, "Photometric stereo", "from how pixels change"),
        (0.560, "Aligned crop", "the inner face"),
        (0.770, "Who is it?", "cosines to those enrolled"),
    ):
        figure.text(left, 0.925, title, size=15, weight="bold", color=INK, va="center")
        figure.text(left, 0.865, what, size=10.5, color=FAINT, va="center")
    for x in (0.295, 0.530, 0.722):
        figure.text(x, 0.44, "\u2192", size=24, color=FAINT, ha="center", va="center")

    _draw_capture(figure, story)
    _draw_crop(figure, story)
    _draw_gallery(figure, story)
    figure.savefig(path, pil_kwargs={"quality": 90, "method": 6})
    plt.close(figure)


def _draw_capture(figure: Figure, story: Story) -> None:
    shown = _about(story.crop, story.maps.mask.shape)
    for number, frame in enumerate(story.capture.pixels().grey[:, *shown]):
        row, column = divmod(number, 2)
        axes = _image(figure, (0.025 + 0.123 * column, 0.447 - 0.407 * row, 0.119, 0.385), frame)
        _label(axes, f"lamp {number + 1}")
    for row, (name, what, image, cmap) in enumerate(_images(story.maps, shown)):
        axes = _image(figure, (0.325, 0.572 - 0.266 * row, 0.080, 0.258), image, cmap)
        axes.text(1.15, 0.62, name, size=12, color=INK, transform=axes.transAxes)
        axes.text(1.15, 0.36, what, size=9.5, color=FAINT, transform=axes.transAxes)


def _draw_crop(figure: Figure, story: Story) -> None:
    for row, (name, image, cmap) in enumerate(_crops(story.crop)):
        axes = _image(figure, (0.560, 0.572 - 0.266 * row, 0.112, 0.258), image, cmap)
        _label(axes, name)


def _draw_gallery(figure: Figure, story: Story) -> None:
    best = max(story.cosines, key=story.cosines.__getitem__)
    for row, (name, cosine) in enumerate(story.cosines.items()):
        bottom = 0.632 - 0.198 * row
        seen = story.gallery[name].planes["frames"].astype(np.float32).mean(axis=0)
        _image(figure, (0.770, bottom, 0.080, 0.188), seen)
        ink, weight = (GOOD, "bold") if name == best else (INK, "normal")
        figure.text(0.858, bottom + 0.125, name, size=13, color=ink, weight=weight)
        _bar(figure, (0.858, bottom + 0.045, 0.082, 0.04), cosine, name == best)
        figure.text(0.945, bottom + 0.047, f"{cosine:.2f}", size=11, color=ink, weight=weight)


def add_card(figure: Figure) -> None:
    """Draw a light card on nothing, which is readable on a page of any colour."""
    figure.patch.set_alpha(0)
    width, height = figure.get_size_inches()
    card = figure.add_axes((0, 0, 1, 1), zorder=-1)
    card.axis("off")
    shape = FancyBboxPatch(
        (0.006, 0.012), 0.988, 0.976, boxstyle="round,pad=0,rounding_size=0.015",
        mutation_aspect=width / height, facecolor=CARD, edgecolor="#c9ced6", linewidth=1,
    )  # fmt: skip
    card.add_patch(shape)


def _image(figure: Figure, place: Place, image: np.ndarray, cmap: str = "gray") -> Axes:
    axes = figure.add_axes(place)
    axes.axis("off")
    low, high = (None, None) if image.ndim == 3 else np.nanquantile(image, (0.002, 0.998))
    axes.imshow(image, cmap=cmap, vmin=low, vmax=high, aspect="auto", interpolation="antialiased")
    return axes


def _label(axes: Axes, text: str) -> None:
    box: dict[str, Any] = {"facecolor": "black", "alpha": 0.6, "edgecolor": "none", "pad": 2}
    axes.text(0.03, 0.03, text, size=9, color="white", bbox=box, transform=axes.transAxes)


def _bar(figure: Figure, place: Place, share: float, best: bool) -> None:
    axes = figure.add_axes(place)
    axes.axis("off")
    axes.set_xlim(0, 1)
    axes.barh(0, 1, color="#dfe3e8")
    axes.barh(0, max(share, 0), color=GOOD if best else "#8b94a3")


def _about(crop: Crop, shape: tuple[int, int]) -> tuple[slice, slice]:
    """Rows and columns about the face, as high as the places for maps and frames ask."""
    x1, y1, x2, y2 = crop.face.box
    high, centre = 1.72 * (y2 - y1), ((x1 + x2) / 2, 0.5 * (y1 + y2))
    wide = high * 0.119 * SIZE[0] / (0.385 * SIZE[1])
    top, left = max(round(centre[1] - 0.5 * high), 0), max(round(centre[0] - 0.5 * wide), 0)
    return slice(top, min(round(top + high), shape[0])), slice(left, round(left + wide))


def _images(maps: Maps, shown: tuple[slice, slice]) -> list[tuple[str, str, np.ndarray, str]]:
    outside = ~maps.mask
    normals = normals_as_colours(maps.normal)
    normals[outside] = (246, 247, 249)
    albedo, depth = (np.where(outside, np.nan, plane) for plane in (maps.albedo, maps.depth))
    return [
        ("normals", "which way\nthe skin faces", normals[shown], "gray"),
        ("albedo", "how light it is\nby itself", albedo[shown], "gray"),
        ("depth", "how near\nit is", depth[shown], "cividis"),
    ]


def _crops(crop: Crop) -> list[tuple[str, np.ndarray, str]]:
    planes = {name: plane.astype(np.float32) for name, plane in crop.planes.items()}
    return [
        ("normals", normals_as_colours(planes["normalmap"]), "gray"),
        ("albedo", planes["albedo"][0], "gray"),
        ("depth", planes["depthmap"][0], "cividis"),
    ]


def main(path: Path = PICTURE) -> None:
    with tempfile.TemporaryDirectory() as folder:
        draw(tell(Path(folder)), path)


if __name__ == "__main__":
    main()

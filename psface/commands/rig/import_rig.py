"""``psface rig import``: make a rig from a calibration of another program."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import click

from psface.errors import UserError
from psface.files import made_folder, replacing
from psface.rig.formats.found import LENGTHS, Options, number
from psface.rig.formats.rig_formats import FORMATS
from psface.rig.formats.rig_formats import import_rig as imported
from psface.rig.rig import NAMES, NEAREST, write_rig
from psface.running import PATH

FILE = "rig.json"


class Size(click.ParamType):
    """A size in pixels, as ``1300x866``."""

    name = "size"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, int]:
        match = re.fullmatch(r"([1-9]\d{0,5})x([1-9]\d{0,5})", str(value), re.ASCII)
        if match is None:
            self.fail(f"{value!r} is not a size such as 1300x866", param, ctx)
        return int(match.group(1)), int(match.group(2))


class ResponseType(click.ParamType):
    """A camera's response, as in a rig file; a table is written there."""

    name = "response"

    def convert(self, value: Any, param: Any, ctx: Any) -> str | dict[str, float]:
        if value in ("linear", "srgb"):
            return str(value)
        match = re.fullmatch(r"gamma:(\d{1,2}(?:\.\d{1,4})?)", str(value), re.ASCII)
        if match is None or not 1 <= float(match.group(1)) <= 4:
            self.fail(f"{value!r} is not linear, srgb or gamma:2.2 (1 to 4)", param, ctx)
        return {"gamma": float(match.group(1))}


class Millimetres(click.ParamType):
    """A length of at least ``least`` mm; a shorter one is in metres."""

    name = "mm"

    def __init__(self, least: float) -> None:
        self.least = least

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        length = number(str(value))
        if length is None or length <= 0:
            self.fail(f"{value!r} is not a length in mm", param, ctx)
        if length < self.least:
            self.fail(f"{value} mm: are these metres? give mm", param, ctx)
        return length


@click.command(
    "import",
    epilog="Examples: psface rig import dome.lp --out rig; psface rig import calibration/ --out rig"
    " --distance-mm 700 --frame light1.png --response srgb",
)
@click.argument("source", type=PATH)
@click.option("--out", type=PATH, required=True, metavar="FOLDER", help="The rig's folder.")
@click.option(
    "--format", "form", type=click.Choice(list(FORMATS)), help="Format, if not recognised."
)
@click.option(
    "--lamps", default="", metavar="LIST",
    help="Only these lamps, in this order: names or numbers from 1, separated by commas.",
)  # fmt: skip
@click.option(
    "--lengths", type=click.Choice(LENGTHS),
    help="Meaning of light vectors' lengths: the lamp's strength, or nothing.",
)  # fmt: skip
@click.option(
    "--distance-mm", type=Millimetres(NEAREST), metavar="MM",
    help="From the camera to faces; for lamps with positions.",
)  # fmt: skip
@click.option("--size", type=Size(), metavar="WxH", help="Size of the frames in pixels.")
@click.option("--frame", type=PATH, metavar="PICTURE", help="A frame, for its size.")
@click.option(
    "--calibrated-size", type=Size(), metavar="WxH",
    help="Size of the pictures that K was made from, if not that of the frames (near_ps).",
)  # fmt: skip
@click.option("--camera", type=PATH, metavar="FILE", help="File with K, if elsewhere (near_ps).")
@click.option(
    "--response", type=ResponseType(), default="linear", show_default=True,
    help="The camera's response: linear, srgb or gamma:2.2.",
)  # fmt: skip
@click.option("--ambient", type=PATH, metavar="PICTURE", help="Frame with all lamps off.")
@click.option("--force", is_flag=True, help="Overwrite the rig in --out.")
def import_rig(
    source: Path, out: Path, form: str | None, lamps: str, lengths: str | None,
    distance_mm: float | None, size: tuple[int, int] | None, frame: Path | None,
    calibrated_size: tuple[int, int] | None, camera: Path | None, response: Any,
    ambient: Path | None, force: bool,
) -> None:  # fmt: skip
    """Make a rig from SOURCE, a file or folder.

    Formats: lp (RTI's .lp, and lights.txt), diligent (light_directions.txt and
    light_intensities.txt), near_ps (light.mat and camera.mat), light_source (Photoface's
    LightSource.m). Exit status: 0; 1 if it cannot be read; 2 for wrong arguments.
    """
    check_out(out, force)
    if frame is not None:
        size = _agreeing(size, frame)
    options = Options(lengths, size, calibrated_size, camera)
    rig, notes = imported(source, form, options, lamps, distance_mm, response)
    if ambient is not None:
        _agreeing((rig.camera.width_px, rig.camera.height_px), ambient)
        rig = rig.model_copy(update={"ambient": f"ambient{ambient.suffix.lower()}"})
    made_folder(out)
    if ambient is not None and ambient.resolve() != (out / rig.ambient).resolve():
        with replacing(out / rig.ambient) as partial:
            shutil.copyfile(ambient, partial)
    write_rig(out / FILE, rig)
    for note in notes:
        print(f"rig import: {note}")
    kind = f"near lamps, faces at {distance_mm:g} mm" if rig.near else "distant lamps"
    print(f"rig import: {len(rig.lamps)} {kind} ({out / FILE})")


def check_out(out: Path, force: bool) -> None:
    """Refuse a place for a rig that is not a folder, or has a rig already."""
    if out.suffix in (".json", ".yaml", ".yml") or (out.exists() and not out.is_dir()):
        raise UserError(f"{out}: give --out a folder; the rig is {FILE} in it")
    for name in NAMES:
        if (out / name).exists() and not (force and name == FILE):
            remedy = "give --force to overwrite it" if name == FILE else "remove it"
            raise UserError(f"{out}: {name} is in it; {remedy}, or give another --out")


def _agreeing(size: tuple[int | None, int | None] | None, picture: Path) -> tuple[int, int]:
    """The size of a picture, which is that given, if one is."""
    from psface.captures.images import read_frame

    height, width = read_frame(picture).shape[:2]
    if size is not None and size[0] is not None and size != (width, height):
        raise UserError(
            f"{picture}: {width}x{height} pixels, not the frames' {size[0]}x{size[1]}; give one of "
            "their size"
        )
    return width, height

"""Arguments shared by several commands."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from psface.captures.limits import MAX_PIXELS
from psface.model.shipped import PRETRAINED
from psface.running import PATH


class Bounded(click.FloatRange):
    """A number in a range, without NaN, which click's ranges let through."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        number: float = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is not a number", param, ctx)
        return number


class Rate(Bounded):
    """A rate between 0 and 1, excluding both."""

    def __init__(self) -> None:
        super().__init__(0, 1, min_open=True, max_open=True)


FAR = Rate()
BITS = click.IntRange(9, 16)

model_option = click.option(
    "--model", type=PATH, default=PRETRAINED, show_default="psface's own", metavar="FOLDER",
    help="Trained model: weights (or model.onnx) and card.",
)  # fmt: skip
gallery_option = click.option(
    "--gallery", type=PATH, default=Path("gallery.safetensors"), show_default=True, metavar="FILE",
    help="Gallery of enrolled people.",
)  # fmt: skip
rig_option = click.option(
    "--rig", type=PATH, metavar="FILE_OR_FOLDER",
    help="Rig that took captures without lights of their own.",
)  # fmt: skip
format_option = click.option(
    "--format", "form", type=click.Choice(["csv", "json"]), default="csv", show_default=True,
    help="Format of the table.",
)  # fmt: skip
padding_option = click.option(
    "--padding", type=Bounded(0, 1), metavar="SHARE",
    help="Border added before faces are searched, as a share of the longer side: for tight crops.  "
    "[default: the model's]",
)  # fmt: skip
pictures_option = click.option(
    "--pictures", is_flag=True, help="Write annotated pictures and video."
)
bits_option = click.option(
    "--bits", type=BITS, metavar="N",
    help="Bit depth of 16-bit files that do not record it: 9 to 16.",
)  # fmt: skip
max_pixels_option = click.option(
    "--max-pixels", type=click.IntRange(1), default=MAX_PIXELS, show_default=True, metavar="N",
    help="Skip pictures with more pixels.",
)  # fmt: skip


def out_option(folder: str, what: str = "Output folder.") -> Callable[[Callable], Callable]:
    """Build ``--out`` with its default."""
    return click.option(
        "--out", type=PATH, default=Path(folder), show_default=True, metavar="FOLDER", help=what
    )

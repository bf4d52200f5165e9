"""``psface rig export``: write a rig's directions for another program."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import numpy as np

from psface.captures.images import PICTURE_SUFFIXES
from psface.errors import UserError
from psface.files import made_folder
from psface.paths import listed
from psface.rig.calibration.ball_pictures import AMBIENT, MASK, natural
from psface.rig.formats.lp import write_lp
from psface.rig.rig import Rig, read_rig
from psface.running import PATH


@click.command("export", epilog="Example: psface rig export rig/ --lp dome.lp --names capture/")
@click.argument("rig", type=PATH)
@click.option("--lp", type=PATH, required=True, metavar="FILE", help="RTI's .lp file to write.")
@click.option(
    "--names", metavar="FOLDER|LIST",
    help="The frames in order: their folder, or names separated by commas; default: the lamps'.",
)  # fmt: skip
def export_rig(rig: Path, lp: Path, names: str | None) -> None:
    """Write RIG, a rig's folder or file, as an .lp file.

    Such files have directions alone: what is lost is listed. Exit status: 0; 1 if the rig cannot be
    read; 2 for wrong arguments.
    """
    read = read_rig(rig)
    if not read.lamps:
        raise UserError(f"{rig}: no lamps in it; its captures give their lights")
    if lp.is_dir():
        raise UserError(f"{lp}: is a folder; give --lp a file")
    frames = _names(read, rig, names)
    made_folder(lp.parent)
    write_lp(lp, read, frames)
    if blanks := [name for name in frames if " " in name]:
        print(
            f"rig export: RelightLab does not read names with blanks: {blanks[0]}", file=sys.stderr
        )
    if lost := _lost(read):
        print(f"rig export: not in an .lp file: {', '.join(lost)}")
    print(f"rig export: {len(frames)} directions ({lp})")


def _names(rig: Rig, path: Path, given: str | None) -> list[str]:
    """A picture's name for each lamp."""
    count = len(rig.lamps)
    if given is None:
        return [lamp.name or f"lamp{i}" for i, lamp in enumerate(rig.lamps, 1)]
    if Path(given).is_dir():
        files = [f for f in listed(Path(given)) if f.suffix.lower() in PICTURE_SUFFIXES]
        frames = [f.name for f in files if f.stem.lower() not in (MASK, AMBIENT)]
        names = sorted(frames, key=natural)
    else:
        names = [name.strip() for name in given.split(",")]
    if len(names) != count or len(set(names)) < count:
        shown = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
        raise UserError(
            f"{path}: {count} lamps, --names gives {len(names)} ({shown}); list one frame for each "
            "lamp, separated by commas"
        )
    return names


def _lost(rig: Rig) -> list[str]:
    lost = []
    strengths = np.array([np.broadcast_to(lamp.intensity, 3) for lamp in rig.lamps])
    if np.ptp(strengths) > 0:
        lost.append("intensities")
    if rig.near:
        lost.append(f"positions (directions are those from a face at {rig.distance_mm:g} mm)")
    if any(lamp.axis for lamp in rig.lamps):
        lost.append("orientations")
    if any(lamp.flat_field for lamp in rig.lamps):
        lost.append("flat fields")
    if rig.ambient:
        lost.append("the ambient frame")
    if rig.camera.focal_px or rig.camera.response != "linear":
        lost.append("the camera")
    return lost

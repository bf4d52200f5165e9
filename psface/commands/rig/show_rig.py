"""``psface rig show``: draw a rig's lamps about the face, and list them."""

from __future__ import annotations

from pathlib import Path

import click

from psface.errors import UserError
from psface.files import made_folder, replacing
from psface.rig.rig import read_rig
from psface.running import PATH


@click.command("show", epilog="Example: psface rig show rig/ --out rig.png")
@click.argument("rig", type=PATH)
@click.option(
    "--out", type=PATH, default=Path("rig.png"), show_default=True, metavar="PNG",
    help="Picture to write.",
)  # fmt: skip
def show_rig(rig: Path, out: Path) -> None:
    """Draw the lamps of RIG, a rig's folder or file, and list them.

    Exit status: 0; 1 if the rig cannot be read; 2 for wrong arguments.
    """
    from psface.report.rig_picture import draw_rig, lamp_table

    read = read_rig(rig)
    if not read.lamps:
        raise UserError(f"{rig}: no lamps in it; its captures give their lights")
    if out.suffix.lower() != ".png" or out.is_dir():
        raise UserError(f"{out}: give --out a file that ends in .png")
    made_folder(out.parent)
    name = rig.resolve().parent.name if rig.is_file() else rig.resolve().name
    with replacing(out) as partial:
        draw_rig(read, partial, name)
    table = lamp_table(read)
    print(table.to_string(index=False, na_rep=""))
    print(
        "azimuth: degrees clockwise from up in the picture; slant: from the camera's axis; "
        "at_face: light there, 1 on average"
    )
    print(f"rig show: {len(table)} lamps ({out})")

"""``psface view``: look at a capture on one page."""

from __future__ import annotations

from pathlib import Path

import click

from psface.captures.rigged import read_placed_rig
from psface.commands.arguments import rig_option
from psface.errors import UserError
from psface.files import made_folder
from psface.running import PATH


@click.command(epilog="Example: psface view captures/anna --out anna.html")
@click.argument("capture", type=PATH)
@click.option(
    "--out", type=PATH, default=Path("view.html"), show_default=True, metavar="FILE",
    help="Page to write.",
)  # fmt: skip
@rig_option
def view(capture: Path, out: Path, rig: Path | None) -> None:
    """Write a page on which CAPTURE can be relit and turned, with its maps, lamps and checks.

    CAPTURE is a folder of one capture, or a map file of the stage stereo. The page is one file,
    which needs no network. Exit status: 0; 1 if the capture cannot be used; 2 for wrong arguments.
    """
    from psface.report.capture_view import write_view
    from psface.report.found_capture import read_shown

    if out.suffix.lower() not in (".html", ".htm") or out.is_dir():
        raise UserError(f"{out}: give --out a file that ends in .html")
    made_folder(out.parent)
    shown = read_shown(capture, None if rig is None else read_placed_rig(rig))
    write_view(shown, out)
    doubts = len(shown.doubts)
    told = f", {doubts} doubt{'s' if doubts > 1 else ''} about it" if doubts else ""
    print(f"view: {shown.name}, {out.stat().st_size / 1e6:.1f} MB{told} ({out})")

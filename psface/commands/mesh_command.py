"""``psface mesh``: write the surface of a capture as a mesh."""

from __future__ import annotations

from pathlib import Path

import click

from psface.captures.rigged import read_placed_rig
from psface.commands.arguments import rig_option
from psface.files import made_folder
from psface.running import PATH


@click.command(epilog="Example: psface mesh captures/anna --out anna.glb")
@click.argument("capture", type=PATH)
@click.option(
    "--out", type=PATH, default=Path("face.ply"), show_default=True, metavar="FILE",
    help="Mesh, as .ply, .glb or .obj.",
)  # fmt: skip
@rig_option
def mesh(capture: Path, out: Path, rig: Path | None) -> None:
    """Write the depth of CAPTURE as a mesh in the colours of its albedo.

    CAPTURE is a folder of one capture, or a map file of the stage stereo. The size is true where
    the rig tells the camera's focal length and distance: in mm, and GLB in metres, its unit.
    Exit status: 0; 1 if the capture cannot be used; 2 for wrong arguments.
    """
    from psface.report.found_capture import read_shown
    from psface.report.mesh_file import check_mesh_path, write_mesh

    check_mesh_path(out)
    made_folder(out.parent)
    shown = read_shown(capture, None if rig is None else read_placed_rig(rig))
    vertices, faces, unit = write_mesh(shown, out)
    size = "in pixels, as nothing tells their size" if unit == "px" else f"in {unit}"
    print(f"mesh: {vertices} vertices, {faces} triangles, {size} ({out})")

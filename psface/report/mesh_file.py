"""Write the surface of a capture as a mesh."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from psface.captures.images import to_uint8
from psface.errors import UserError
from psface.files import replacing
from psface.report.shown_capture import ShownCapture
from psface.report.surface import triangles
from psface.rig.response import encoded

SUFFIXES = (".ply", ".glb", ".obj")
_OPTIONS: dict[str, dict[str, Any]] = {
    ".ply": {"vertex_normal": True},
    ".glb": {"include_normals": True},
    ".obj": {"include_normals": True, "digits": 5},
}
METRE = 1e-3  # of a mm: GLB is in metres


def check_mesh_path(path: Path) -> str:
    """Return the kind of mesh that a path names, one of `SUFFIXES`.

    Raises
    ------
    UserError
        If it names none, or trimesh is not installed.
    """
    kind = path.suffix.lower()
    if kind not in SUFFIXES or path.is_dir():
        raise UserError(f"{path}: give --out a file that ends in {', '.join(SUFFIXES)}")
    if find_spec("trimesh") is None:
        raise UserError("trimesh is not installed; `pip install 'psface[mesh]'`")
    return kind


def write_mesh(shown: ShownCapture, path: Path) -> tuple[int, int, str]:
    """Write a capture's surface as PLY, GLB or OBJ, by the suffix of ``path``.

    A vertex per pixel, with the normal that stereo measured there, and the triangles of
    `psface.report.surface.triangles`: y is up, and the face looks along z. PLY and OBJ have the
    albedo as colours of the vertices, in sRGB, and are in mm; GLB has it as a texture, and is in
    metres, as its standard has it. If no size is known, the unit is a pixel.

    Returns
    -------
    vertices, faces : int
    unit : str
        m, mm or px.

    Raises
    ------
    UserError
        If the suffix is another, trimesh is not installed, or the rig does not fit the maps.
    """
    kind = check_mesh_path(path)
    import trimesh

    surface = shown.surface
    used, corners = np.unique(triangles(surface), return_inverse=True)
    if not len(used):
        raise UserError(f"{shown.name}: no surface that faces the camera; look at its depth")
    points = surface.points.reshape(3, -1).T[used].astype(np.float64)
    unit = surface.unit
    if kind == ".glb" and unit == "mm":
        points, unit = points * METRE, "m"
    colours = to_uint8(encoded(shown.albedo, "srgb"))
    visual: Any = trimesh.visual.ColorVisuals(vertex_colors=colours.reshape(-1, 3)[used])
    if kind == ".glb":
        visual = trimesh.visual.TextureVisuals(
            uv=_places(used, colours.shape[:2]),
            material=trimesh.visual.material.PBRMaterial(
                baseColorTexture=Image.fromarray(colours), metallicFactor=0.0, roughnessFactor=1.0
            ),
        )
    mesh = trimesh.Trimesh(
        vertices=points,
        faces=corners.reshape(-1, 3),
        vertex_normals=shown.maps.normal.reshape(3, -1).T[used],
        visual=visual,
        process=False,  # vertices stay as they are
    )
    with replacing(path) as partial:
        mesh.export(str(partial), file_type=kind[1:], **_OPTIONS[kind])
    return len(mesh.vertices), len(mesh.faces), unit


def _places(pixels: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Where pixels lie in a texture, (n, 2): right and up, from 0 to 1."""
    rows, columns = np.divmod(pixels, shape[1])
    return np.stack([(columns + 0.5) / shape[1], 1 - (rows + 0.5) / shape[0]], axis=1)

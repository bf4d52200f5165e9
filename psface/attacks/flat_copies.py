"""Sheets that show a picture of a face: prints, flat, bent or cut out, and screens.

A sheet is life-sized: where it is flat and faces the camera, its picture covers the frame as the
picture's own frame did.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from psface.simulate.light import Surface
from psface.simulate.mesh import ALBEDO, NORMAL, SPECULAR, Mesh, grid_mesh
from psface.simulate.raster import FAR, Camera, rasterise

INK, PAPER = 0.04, (0.4, 0.85)  # reflectances of the darkest and the brightest print
WHITE_SHARE = 0.995  # quantile of a picture that is printed or shown as white
ROWS, COLUMNS = 49, 65  # of a sheet's mesh
BROAD_GLOSS = 0.25  # of a sheet's narrow highlight, as the broad one around it
EDGE = 0.05  # of a cut-out's outline: less is air


@dataclass(frozen=True)
class Pose:
    """How a sheet is held.

    Attributes
    ----------
    turn : (3, 3)
        Its rotation.
    forward_mm : float
        Towards the camera, from where the face was.
    curvature : float
        One over the radius of its bend, 1/mm; 0 is flat, below 0 is hollow.
    axis : float
        Angle of the bend's axis from the picture's vertical, rad.
    """

    turn: np.ndarray
    forward_mm: float = 0.0
    curvature: float = 0.0
    axis: float = 0.0


@dataclass(frozen=True)
class Seen:
    """A sheet in the camera's view: ``surface``, and the ``picture`` (H, W) at each pixel."""

    surface: Surface
    picture: np.ndarray


def shown(picture: np.ndarray) -> np.ndarray:
    """Scale a linear picture (H, W) to what a print or screen can show, in [0, 1]."""
    level = max(float(np.quantile(picture, WHITE_SHARE)), 1e-6)
    return np.clip(picture / level, 0, 1).astype(np.float32)


def printed(picture: np.ndarray, paper: float) -> np.ndarray:
    """Reflectance (H, W) of a print of a picture in [0, 1], whose white is ``paper``."""
    return np.float32(INK) + np.float32(paper - INK) * picture


def seen_sheet(
    picture: np.ndarray,
    pose: Pose,
    camera: Camera,
    background: float,
    paper: float,
    gloss: float,
    outline: np.ndarray | None = None,
) -> Seen:
    """View a sheet with a picture that ``camera`` took.

    Parameters
    ----------
    picture : (H, W) float32
        In [0, 1].
    background : float
        Albedo of what is behind.
    paper : float
        Reflectance of white.
    gloss : float
        Strength of its highlights; 0 is matte.
    outline : (H, W) in [0, 1], optional
        Of a cut-out: where the sheet is.
    """
    layer = rasterise(_mesh(pose, camera), camera)
    across, down = (layer.attributes[i].copy() for i in (ALBEDO, SPECULAR))
    covered = layer.covered
    if outline is not None:
        covered = covered & (
            cv2.remap(outline.astype(np.float32), across, down, cv2.INTER_LINEAR) > EDGE
        )
    texture = cv2.remap(
        picture.astype(np.float32),
        across,
        down,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    normal = layer.attributes[NORMAL]
    normal[:, ~covered] = np.array([[0], [0], [1]], np.float32)
    depth = np.where(covered, layer.depth, FAR)
    surface = Surface(
        normal=normal,
        albedo=np.where(covered, printed(texture, paper), np.float32(background)),
        specular=np.float32(BROAD_GLOSS * gloss) * covered,
        gloss=np.float32(gloss) * covered,
        depth=depth,
        occluder=depth,
        unshadowed=~covered,
        lens=None,
    )
    return Seen(surface, texture * covered)


def _mesh(pose: Pose, camera: Camera) -> Mesh:
    """A sheet whose attributes of albedo and specular strength are the picture's pixels."""
    row, column = np.meshgrid(
        np.linspace(camera.height - 1, 0, ROWS), np.linspace(0, camera.width - 1, COLUMNS),
        indexing="ij",
    )  # fmt: skip
    x, y = (column - camera.column) / camera.scale, (camera.row - row) / camera.scale
    cos, sin = np.cos(pose.axis), np.sin(pose.axis)
    across, along = x * cos + y * sin, y * cos - x * sin
    z = np.zeros_like(x)
    if pose.curvature:
        angle = across * pose.curvature
        across, z = np.sin(angle) / pose.curvature, (np.cos(angle) - 1) / pose.curvature
    points = np.stack([across * cos - along * sin, along * cos + across * sin, z], -1)
    points = points @ pose.turn.T + [0, 0, pose.forward_mm]
    return grid_mesh(points, column.astype(np.float32), row.astype(np.float32))

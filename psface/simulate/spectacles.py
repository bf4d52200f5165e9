"""Spectacles: tubes for rims, bridge and arms, and flat tinted lenses."""

from dataclasses import dataclass

import numpy as np

from psface.simulate.canvas import Canvas
from psface.simulate.identity import Identity
from psface.simulate.mesh import Mesh, grid_mesh, join

RIM_POINTS, TUBE_SIDES = 72, 7
LENS_RADIUS = 110.0  # of curvature of a lens, mm
WRAP = 420.0  # mm; a frame bends back by x^2 / WRAP
CLEARANCE = 2.0  # mm between the brow and the frame
ARM_END_Z = -96.0
FRAME_SPECULAR = 0.25


@dataclass(frozen=True)
class Frame:
    """A pair of spectacles; lengths in mm.

    `exponent` is that of the lenses' superellipse (2 round, 4 nearly square), `tint` the share of
    light that passes through a lens once.
    """

    half_width: float
    half_height: float
    exponent: float
    rim: float
    albedo: float
    tint: float
    y: float


def draw_frame(rng: np.random.Generator) -> Frame:
    """Draw a pair of spectacles."""
    return Frame(
        half_width=rng.uniform(22, 27),
        half_height=rng.uniform(14.5, 22),
        exponent=rng.uniform(2.1, 4.5),
        rim=rng.uniform(0.6, 1.7),
        albedo=rng.uniform(0.03, 0.25),
        tint=rng.uniform(0.86, 0.97),
        y=rng.uniform(-4, 0),
    )


@dataclass(frozen=True)
class WornFrame:
    """Spectacles on a head: the mesh of the frame, and outlines (n, 3) of the two lenses."""

    mesh: Mesh
    lenses: tuple[np.ndarray, np.ndarray]
    tint: float


def _tube(path: np.ndarray, radius: float, albedo: float) -> Mesh:
    """Tube around a path (n, 3)."""
    direction = np.gradient(path, axis=0)
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    helper = np.where(np.abs(direction[:, 2:]) > 0.8, [[0.0, 1, 0]], [[0.0, 0, 1]])
    side = np.cross(direction, helper)
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    over = np.cross(side, direction)
    angle = np.linspace(0, 2 * np.pi, TUBE_SIDES, endpoint=False)
    ring = np.cos(angle)[:, None] * side[:, None] + np.sin(angle)[:, None] * over[:, None]
    points = path[:, None] + radius * ring
    return grid_mesh(points[:, ::-1], albedo, FRAME_SPECULAR, closed=True)


def wear(frame: Frame, identity: Identity, canvas: Canvas) -> WornFrame:
    """Put spectacles on a head in front of its brows."""
    centre = max(identity.eyes.half_separation, frame.half_width + 7)
    front = canvas.window((-52, 52), (frame.y - 12, frame.y + frame.half_height))
    clear = front.z + front.x**2 / WRAP
    bridge_z = float(clear[np.abs(front.x) > 14].max()) + CLEARANCE

    angle = np.linspace(0, 2 * np.pi, RIM_POINTS + 1)
    cosine, sine = np.cos(angle), np.sin(angle)
    power = 2 / frame.exponent
    x = frame.half_width * np.sign(cosine) * np.abs(cosine) ** power
    y = frame.half_height * np.sign(sine) * np.abs(sine) ** power
    # The lower edge of a lens is a little lower at the outside than at the nose.
    y = np.where(y < 0, y * (1 + 0.10 * x / frame.half_width), y) + frame.y
    tubes, lenses = [], []
    for side in (-1, 1):
        across = centre + x
        rim = np.stack([side * across, y, bridge_z - across**2 / WRAP], 1)
        lenses.append(rim[:-1])
        tubes.append(_tube(rim, frame.rim, frame.albedo))
        outer = centre + frame.half_width
        hinge = np.array([side * outer, frame.y + 0.45 * frame.half_height, 0])
        hinge[2] = bridge_z - outer**2 / WRAP
        ear = np.array([side * max(outer, 76.0), hinge[1], ARM_END_Z])
        arm = hinge + np.linspace(0, 1, 24)[:, None] ** [0.6, 1, 1] * (ear - hinge)
        tubes.append(_tube(arm, 1.2 * frame.rim, frame.albedo))
    inner = centre - frame.half_width
    t = np.linspace(-1, 1, 16)
    bridge = np.stack([inner * t, frame.y + 4 + 2.5 * (1 - t * t), 0 * t], 1)
    bridge[:, 2] = bridge_z + 1.5 * (1 - t * t)
    tubes.append(_tube(bridge, 1.15 * frame.rim, frame.albedo))
    return WornFrame(join(tubes), (lenses[0], lenses[1]), frame.tint)

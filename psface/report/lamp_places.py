"""Where the lamps of a capture stand, for drawing them about the face."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from psface.rig.rig import Rig

FACE = (150.0, 200.0, 180.0)  # width, height and depth of a head in mm
ROOM = 1.3  # side of a drawing over what it shows: for the names
APART = 0.06  # of a drawing's side: lamps nearer than that share one name
LABELLED = 24  # lamps; of more, no names are written


@dataclass(frozen=True)
class Placed:
    """A lamp.

    Attributes
    ----------
    number : int
        From 0, as of its frame.
    name : str
        Its own, or its number from 1.
    unit : list of float
        Direction from the face.
    azimuth, slant : float
        Degrees clockwise from up in the picture, and from the camera's axis.
    light : float
        At the face; 1 on average.
    position_mm : (3,) tuple or None
        Of a near lamp, from the middle of the face.
    """

    number: int
    name: str
    unit: list[float]
    azimuth: float
    slant: float
    light: float
    position_mm: tuple[float, ...] | None

    @property
    def dome(self) -> tuple[float, float]:
        """Right and up as the camera sees it, as far from the middle as it slants: 1 is 90 deg."""
        around = np.radians(self.azimuth)
        return self.slant / 90 * float(np.sin(around)), self.slant / 90 * float(np.cos(around))

    @property
    def size(self) -> float:
        """Radius of its dot, whose area grows with its light."""
        return 2.4 * float(np.sqrt(np.clip(self.light, 0.15, 4)))


@dataclass(frozen=True)
class Plan:
    """A drawing to scale: where the lamps are in the unit square, the camera, and half a head.

    ``x`` and ``y`` run right and down from the upper left corner; ``mm`` is the square's side.
    """

    name: str
    lamps: list[tuple[Placed, float, float]]
    camera: tuple[float, float]
    face: tuple[float, float, float, float]
    mm: float

    @property
    def labels(self) -> list[tuple[str, float, float]]:
        """Names of the lamps, those of lamps in one place together, and where to write them."""
        labels: list[tuple[str, float, float]] = []
        for lamp, x, y in self.lamps if len(self.lamps) <= LABELLED else []:
            for i, (names, left, top) in enumerate(labels):
                if np.hypot(x - left, y - top) < APART:
                    labels[i] = (f"{names}, {lamp.name}", left, min(top, y))
                    break
            else:
                labels.append((lamp.name, x, y))
        return labels

    @property
    def bar_mm(self) -> int:
        """Length of a scale bar: a round number, at most a third of the drawing."""
        return max(mm for mm in (10, 20, 50, 100, 200, 500, 1000, 2000, 5000) if mm <= self.mm / 3)


def placed_lamps(lights: np.ndarray, rig: Rig | None) -> list[Placed]:
    """Lamps of lights (n, 3), named and placed by a rig if it has any.

    Examples
    --------
    >>> [lamp] = placed_lamps(np.array([[-0.6, 0, 0.8]]), None)
    >>> lamp.name, round(lamp.azimuth), round(lamp.slant)
    ('1', 270, 37)
    """
    length = np.linalg.norm(lights, axis=1) if len(lights) else np.empty(0)
    mean = float(length.mean()) if len(lights) else 1.0
    placed = []
    for i, (light, long) in enumerate(zip(lights, length, strict=True)):
        x, y, z = light / max(long, 1e-12)
        lamp = rig.lamps[i] if rig is not None and rig.lamps else None
        position = None
        if lamp is not None and lamp.position_mm is not None and rig is not None:
            across, up, back = lamp.position_mm
            position = (across, up, back + (rig.distance_mm or 0))
        placed.append(
            Placed(
                number=i,
                name=rig.names[i] if rig is not None and rig.lamps else str(i + 1),
                unit=[float(x), float(y), float(z)],
                azimuth=float(np.degrees(np.arctan2(x, y)) % 360),
                slant=float(np.degrees(np.arctan2(np.hypot(x, y), z))),
                light=float(long / mean),
                position_mm=position,
            )
        )
    return placed


def plans(lamps: list[Placed], rig: Rig | None) -> list[Plan]:
    """Near lamps from above (x to the right, the camera below) and from the side (the camera right
    of the face); empty for distant lamps."""
    if rig is None or not rig.near or rig.distance_mm is None:
        return []
    positions = np.array([lamp.position_mm for lamp in lamps])
    ends = np.vstack([positions, [0, 0, rig.distance_mm], [0, 0, -FACE[2]]])
    width, height, depth = FACE
    drawn = []
    for name, across, down, half in (
        ("From above", ends[:, 0], ends[:, 2], (width / 2, depth / 2)),
        ("From the side", ends[:, 2], -ends[:, 1], (depth / 2, height / 2)),
    ):
        low = np.array([min(across.min(), -width), min(down.min(), -width)])
        high = np.array([max(across.max(), width), max(down.max(), width)])
        reach = float((high - low).max()) * ROOM
        corner = (low + high) / 2 - reach / 2
        at = (np.stack([across, down], axis=1) - corner) / reach
        middle = np.array([0, -depth / 2] if name == "From above" else [-depth / 2, 0])
        left, top = (middle - corner) / reach
        drawn.append(
            Plan(
                name=name,
                lamps=[(lamp, float(x), float(y)) for lamp, (x, y) in zip(lamps, at, strict=False)],
                camera=(float(at[len(lamps), 0]), float(at[len(lamps), 1])),
                face=(float(left), float(top), half[0] / reach, half[1] / reach),
                mm=reach,
            )
        )
    return drawn

"""Render a simulated person as a cut-out to lay over a picture."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from psface.faces.alignment import smoothed
from psface.simulate.light import shade
from psface.simulate.raster import FAR
from psface.simulate.scene import build_scene
from psface.simulate.state import STUBBLE, draw_person, draw_session, stream

WIDTH, HEIGHT = 300, 400  # px at which a person is rendered
IDENTITY_VARIANCE = 1.0
YAW_SD = 18.0  # degrees
TURN_SD = 10.0  # degrees, in the plane of the picture
LIGHT_SLANT = 1.2  # radians from the camera's axis, at most


@dataclass(frozen=True)
class Figure:
    """A cut-out person: colour (h, w, 3), premultiplied by ``alpha`` (h, w).

    Its first pixel goes to ``origin``, x and y, of the picture. ``box`` (4,) and ``landmarks``
    (5, 2) are in pixels of the picture.
    """

    colour: np.ndarray
    alpha: np.ndarray
    origin: np.ndarray
    box: np.ndarray
    landmarks: np.ndarray

    def moved(self, x: float, y: float) -> Figure:
        """Return the figure moved by x and y, rounded to whole pixels."""
        step = np.round([x, y])
        return replace(
            self,
            origin=self.origin + step,
            box=self.box + np.tile(step, 2),
            landmarks=self.landmarks + step,
        )

    def over(self, canvas: np.ndarray) -> np.ndarray:
        """Return the picture (H, W, 3) with the person in front of it."""
        out = canvas.copy()
        target, source = self._overlap(canvas.shape)
        keep = 1 - self.alpha[source][..., None]
        out[target] = out[target] * keep + self.colour[source]
        return out

    def cover(self, box: np.ndarray) -> float:
        """Return the share of a box that the person hides."""
        x1, y1, x2, y2 = np.round(box - np.tile(self.origin, 2)).astype(int)
        inside = self.alpha[max(y1, 0) : max(y2, 0), max(x1, 0) : max(x2, 0)]
        return float(inside.sum() / max(1, (x2 - x1) * (y2 - y1)))

    def _overlap(self, shape: tuple[int, ...]) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
        x, y = self.origin.astype(int)
        height, width = self.alpha.shape
        left, right = max(x, 0), max(0, min(x + width, shape[1]))
        top, bottom = max(y, 0), max(0, min(y + height, shape[0]))
        right, bottom = max(left, right), max(top, bottom)
        source = slice(top - y, bottom - y), slice(left - x, right - x)
        return (slice(top, bottom), slice(left, right)), source


def draw_figure(rng: np.random.Generator, seed: int, person: int, size: float) -> Figure:
    """Render person ``person`` under a random light, with a face ``size`` px high."""
    who = draw_person(seed, person, IDENTITY_VARIANCE)
    state = draw_session(
        seed, person, 0, who, yaw_sd=YAW_SD, motion=0.0, noise=0.0, redraw_hair=False
    )
    state = replace(state, scale=1.0, position=(0.0, 0.0))
    scene = build_scene(who, state, WIDTH, HEIGHT, stream(seed, STUBBLE, person, 0))

    slant, around = LIGHT_SLANT * rng.random(), rng.uniform(0, 2 * np.pi)
    light = np.array(
        [np.sin(slant) * np.cos(around), np.sin(slant) * np.sin(around), np.cos(slant)]
    )
    conditions = replace(state.conditions, ambient=float(rng.uniform(0.1, 0.7)))
    grey = shade(scene.surface, light, conditions, scene.scale).astype(np.float64)
    alpha: np.ndarray = (scene.surface.depth > FAR).astype(np.float64)
    tint = np.array([1.0, rng.uniform(0.68, 0.9), rng.uniform(0.5, 0.85)])
    colour: np.ndarray = np.clip(grey, 0, 1.2)[..., None] * tint * alpha[..., None]

    factor = size / float(scene.face[3] - scene.face[1])
    turn = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), float(rng.normal(0, TURN_SD)), factor)
    corners = np.array([[0, 0], [WIDTH, 0], [0, HEIGHT], [WIDTH, HEIGHT]], float)
    outline = corners @ turn[:, :2].T + turn[:, 2]
    low = np.floor(outline.min(axis=0))
    turn[:, 2] -= low
    width, height = (int(side) for side in np.ceil(outline.max(axis=0) - low))
    colour, alpha = (
        cv2.warpAffine(smoothed(plane, factor), turn, (width, height)) for plane in (colour, alpha)
    )
    x1, y1, x2, y2 = scene.face
    # The box of the turned oval, not of the turned box, whose corners hold no face.
    angle = np.linspace(0, 2 * np.pi, 64)
    oval = np.stack(
        [(x1 + x2 + (x2 - x1) * np.cos(angle)) / 2, (y1 + y2 + (y2 - y1) * np.sin(angle)) / 2], 1
    )
    oval = oval @ turn[:, :2].T + turn[:, 2]
    return Figure(
        colour,
        alpha,
        np.zeros(2),
        np.concatenate([oval.min(axis=0), oval.max(axis=0)]),
        scene.landmarks @ turn[:, :2].T + turn[:, 2],
    )

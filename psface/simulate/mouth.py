"""The mouth: lips, the gap between them, and teeth."""

from dataclasses import dataclass

import numpy as np

from psface.simulate.canvas import Canvas, blend, smoothstep
from psface.simulate.expression import Expression
from psface.simulate.identity import Identity

UPPER_BUMP, LOWER_BUMP = 3.0, 3.7  # mm
UPPER_SHARE = 0.25  # of an opening that goes upwards
INTERIOR_DEPTH, INTERIOR_ALBEDO = -5.0, 0.05
TEETH_DEPTH, TEETH_ALBEDO, TEETH_HEIGHT, TOOTH_WIDTH = -2.0, 0.62, 8.0, 8.0
LINE_ALBEDO = 0.28
SMILE_LIFT, SMILE_WIDENING = 5.5, 0.17  # mm and share of the half width, per unit of smile


@dataclass(frozen=True)
class MouthShape:
    """Outlines of a mouth in an expression, mm."""

    centre: float
    y: float
    half_width: float
    corner_lift: float
    opening: float
    upper_lip: float
    lower_lip: float
    cupid: float
    tilt: float

    @property
    def corners(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Positions (x, y) of the corners on the image's left and right."""
        left, right = self.centre - self.half_width, self.centre + self.half_width
        y = self.y + self.corner_lift
        return (left, y - self.tilt * self.half_width), (right, y + self.tilt * self.half_width)


def mouth_shape(identity: Identity, expression: Expression) -> MouthShape:
    """Outlines of a person's mouth in an expression."""
    mouth, smile, pucker = identity.mouth, expression.smile, expression.pucker
    widening = 1 + SMILE_WIDENING * smile - 0.30 * pucker - 0.012 * expression.opening
    if smile < 0:
        widening = 1 - 0.10 * smile * SMILE_WIDENING
    thinning = (1 - 0.12 * max(smile, 0.0)) * (1 - 0.5 * expression.press)
    return MouthShape(
        centre=expression.skew,
        y=identity.mouth_y + 1.5 * max(smile, 0.0),
        half_width=mouth.half_width * widening,
        corner_lift=SMILE_LIFT * smile,
        opening=expression.opening,
        upper_lip=max(mouth.upper_lip, 2.5) * thinning * (1 + 0.25 * pucker),
        lower_lip=max(mouth.lower_lip, 3.0) * thinning * (1 + 0.25 * pucker),
        cupid=mouth.cupid,
        tilt=0.02 * expression.skew,
    )


@dataclass(frozen=True)
class LipGrid:
    """A mouth's outlines on a canvas: heights (R, C), mm, `x` from the mouth's centre."""

    x: np.ndarray
    t: np.ndarray  # |x| over the half width
    line: np.ndarray
    upper_edge: np.ndarray  # lower edge of the upper lip
    lower_edge: np.ndarray
    upper_outline: np.ndarray
    lower_outline: np.ndarray


def lip_grid(shape: MouthShape, canvas: Canvas) -> LipGrid:
    """Outlines of a mouth over the columns of a canvas."""
    x = canvas.x - shape.centre
    t = np.abs(x) / shape.half_width
    inside = np.clip(1 - t, 0, 1)
    body = 1 - (1 - inside) ** 2
    line = shape.y + shape.corner_lift * np.minimum(t, 1.2) ** 2 + shape.tilt * x
    gap = shape.opening * body
    upper_edge = line + UPPER_SHARE * gap
    lower_edge = line - (1 - UPPER_SHARE) * gap
    bow = np.exp(-(((np.abs(x) - 5) / 3.4) ** 2)) - 0.9 * np.exp(-((x / 2.8) ** 2))
    upper = shape.upper_lip * inside**0.75 * (1 - 0.15 * t) + shape.cupid * bow * inside
    lower = shape.lower_lip * (1 - (1 - inside) ** 2.4)
    return LipGrid(x, t, line, upper_edge, lower_edge, upper_edge + upper, lower_edge - lower)


def _share(height: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Position of `height` between `start` (0) and `end` (1), clipped; 0 where they meet."""
    span = np.copysign(np.maximum(np.abs(end - start), 0.2), end - start)
    return np.clip((height - start) / span, 0, 1)


def sculpt_mouth(canvas: Canvas, identity: Identity, expression: Expression) -> None:
    """Add lips, and the gap and teeth of an open mouth; paint them."""
    shape = mouth_shape(identity, expression)
    reach = shape.half_width + abs(shape.centre) + 14
    low = shape.y - shape.lower_lip - shape.opening - 14
    part = canvas.window((-reach, reach), (low, shape.y + shape.upper_lip + 14))
    grid = lip_grid(shape, part)
    x, t, y = grid.x, grid.t, part.y
    inside = np.clip(1 - t * t, 0, 1)

    swell = np.sqrt(inside) * (1 - 0.35 * expression.press)
    upper = np.sin(np.pi * _share(y, grid.upper_edge, grid.upper_outline))
    lower = np.sin(np.pi * _share(y, grid.lower_edge, grid.lower_outline))
    relief = swell * (UPPER_BUMP * upper + LOWER_BUMP * lower)
    around = np.exp(-0.5 * ((x / (0.62 * shape.half_width)) ** 2 + ((y - shape.y) / 9) ** 2))
    relief += (identity.mouth.protrusion + 5 * expression.pucker) * around
    corner_y = shape.y + shape.corner_lift + shape.tilt * x
    corner = ((np.abs(x) - shape.half_width - 1.5) / 3) ** 2 + ((y - corner_y) / 3) ** 2
    dent = np.exp(-0.5 * corner) * (1 + 0.5 * abs(expression.smile))
    relief -= 1.6 * dent
    closed = np.exp(-(((y - grid.line) / 1.1) ** 2)) * smoothstep(1.06, 0.92, t)
    shut = float(np.clip(1 - shape.opening / 3, 0, 1))
    relief -= 1.8 * shut * closed

    lips = smoothstep(-0.5, 0.7, grid.upper_outline - y) * smoothstep(
        -0.5, 0.7, y - grid.lower_outline
    )
    lips *= smoothstep(1.04, 0.97, t)
    blend(part.albedo, identity.complexion.lip, 0.9 * lips)
    part.specular += 0.06 * lips
    part.albedo *= 1 - (1 - LINE_ALBEDO) * shut * closed
    part.albedo *= 1 - 0.25 * dent

    if shape.opening > 0:
        gap = smoothstep(-0.3, 0.5, grid.upper_edge - y) * smoothstep(
            -0.3, 0.5, y - grid.lower_edge
        )
        gap = gap * smoothstep(1.0, 0.95, t)
        floor = np.full_like(x, INTERIOR_DEPTH)
        colour = np.full_like(x, INTERIOR_ALBEDO)
        if expression.teeth:
            bottom = grid.upper_edge - np.minimum(TEETH_HEIGHT, 0.85 * shape.opening * inside)
            teeth = smoothstep(-0.4, 0.4, y - bottom) * smoothstep(0.95, 0.8, t)
            between = np.abs((x / TOOTH_WIDTH + 0.5) % 1 - 0.5) * TOOTH_WIDTH
            blend(floor, TEETH_DEPTH, teeth)
            blend(colour, TEETH_ALBEDO * (0.72 + 0.28 * smoothstep(0, 0.9, between)), teeth)
        relief = relief * (1 - gap) + floor * gap
        blend(part.albedo, colour, gap)
    part.z += relief

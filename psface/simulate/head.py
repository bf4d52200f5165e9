"""The bare head: three swept profile curves, and the broad relief on top of them."""

from collections.abc import Sequence

import numpy as np
from scipy.interpolate import PchipInterpolator

from psface.simulate.canvas import Canvas, smoothstep
from psface.simulate.expression import Expression
from psface.simulate.identity import Identity

COLUMNS = 224
FACE_ROWS, CROWN_ROWS = 222, 24
FACE_TOP = 84.0  # mm; rows are evenly spaced below it and follow the crown above
CHIN_UNDERSIDE = 4.0  # mm below the chin at which the mesh ends
LARGEST_ANGLE = np.radians(150)
MEAN_CHIN = -113.0
JAW_DROP = 0.75  # of the opening of the mouth
CHIN_CLEARANCE = 36.0  # smallest distance between mouth and chin, mm
FADE_START, FADE_END = np.radians(60), np.radians(88)  # where the relief fades out


def chin_height(identity: Identity, expression: Expression) -> float:
    """Height y of the chin, lowered by an open mouth."""
    resting = min(identity.head.chin, identity.mouth_y - CHIN_CLEARANCE)
    return resting - JAW_DROP * expression.opening


def _curve(knots: Sequence[tuple[float, float]], y: np.ndarray) -> np.ndarray:
    positions, values = np.array(knots).T
    return PchipInterpolator(positions, values, extrapolate=True)(y)


def _profiles(identity: Identity, chin: float, y: np.ndarray) -> tuple[np.ndarray, ...]:
    """Front z, z of the widest point, and half width at the heights `y`."""
    head, top, mouth = identity.head, identity.head.top, identity.mouth_y
    slope, chin_out, f = head.forehead_slope, head.chin_protrusion, chin / MEAN_CHIN
    front = [
        (chin - 4, -50 + 0.5 * chin_out),
        (chin - 2.5, -28 + chin_out),
        (chin, -17 + chin_out),
        (chin + 4, -10 + chin_out),
        (chin + 14, -5 + chin_out),
        (mouth - 17, -8 + 0.5 * chin_out),
        (mouth, -3),
        (identity.nose.subnasale, -4),
        (-25, -7),
        (-5, -8),
        (8, -5),
        (22, 0),
        (top - 57, -3 - 0.4 * slope),
        (top - 32, -13 - slope),
        (top - 16, -33 - slope),
        (top - 6, -60 - 0.5 * slope),
        (top, -93),
    ]
    widest = [
        (chin - 4, -56),
        (chin, -58),
        (min(chin + 12, -79), -70),
        (-75, -86),
        (-45, -93),
        (0, -96),
        (60, -98),
        (top, -94),
    ]
    jaw, tip, cheek = head.jaw_scale, head.chin_scale, head.cheek_width
    width = [
        (chin - 4, 13 * tip),
        (chin, 20.5 * tip),
        (chin + 4, 28.5 * tip),
        (chin + 12 * f, 39 * (1 + tip) / 2),
        (chin + 24 * f, 48 * (1 + jaw) / 2),
        (-75 * f, 55 * jaw),
        (-59 * f, 60.5 * (1 + jaw) / 2),
        (-38, 65.5 + 0.7 * cheek),
        (-20, 69 + cheek),
        (0, 69.5 + 0.5 * cheek),
        (20, 70.5),
        (42, 73 + head.temple),
        (62, 70.5 + head.temple),
        (top - 30, 59.5),
        (top - 15, 45),
        (top - 6, 29.5),
        (top - 1.5, 14.8),
        (top, 0.8),
    ]
    return _curve(front, y), _curve(widest, y), head.width_scale * _curve(width, y)


def _cosine_field(coefficients: np.ndarray, rows: int, columns: int) -> np.ndarray:
    order = np.arange(len(coefficients))
    down = np.cos(np.pi * np.linspace(0, 1, rows)[:, None] * order)
    across = np.cos(np.pi * np.linspace(0, 1, columns)[:, None] * order)
    return (down @ coefficients @ across.T).astype(np.float32)


def albedo_field(identity: Identity, shape: tuple[int, ...]) -> np.ndarray:
    """The person's blotches, as factors (R, C) on the albedo of the skin."""
    return np.exp(_cosine_field(identity.albedo_field, *shape))


def bare_head(identity: Identity, expression: Expression) -> Canvas:
    """Build the outline of a head without a face: skin of one colour."""
    chin, top = chin_height(identity, expression), identity.head.top
    face = np.linspace(chin - CHIN_UNDERSIDE, FACE_TOP, FACE_ROWS)
    crown = np.sin(np.linspace(0, np.pi / 2, CROWN_ROWS + 1)[1:])
    y = np.concatenate([face, FACE_TOP + (top - FACE_TOP) * crown])
    s = np.linspace(-1, 1, COLUMNS)
    theta = LARGEST_ANGLE * (0.47 * s + 0.53 * s**3)  # finest at the centre of the face
    front, widest, half_width = _profiles(identity, chin, y)
    depth = (front - widest) * identity.head.depth_scale
    z = front[:, None] - depth[:, None] * (1 - np.cos(theta))
    x = half_width[:, None] * np.sin(theta)
    shape = x.shape
    return Canvas(
        x=x.astype(np.float32),
        y=y[:, None].astype(np.float32),
        z=z.astype(np.float32),
        theta=theta[None].astype(np.float32),
        albedo=np.full(shape, identity.complexion.skin, np.float32),
        specular=np.full(shape, identity.complexion.specular, np.float32),
        gloss=np.zeros(shape, np.float32),
    )


def relief_fade(canvas: Canvas) -> np.ndarray:
    """Factor (1, C) that fades out the relief of the face towards the ears."""
    return smoothstep(FADE_END, FADE_START, np.abs(canvas.theta))


def sculpt_broad_relief(canvas: Canvas, identity: Identity, expression: Expression) -> None:
    """Add relief wider than a feature: sockets, cheeks, chin, and the person's shape field."""
    head, brows, eyes = identity.head, identity.brows, identity.eyes
    mouth, chin, smile = identity.mouth_y, chin_height(identity, expression), expression.smile
    broad_smile = max(smile, 0.0)
    # height, then |x|, y and the standard deviations in x and y: all mm
    blobs = [
        (brows.ridge, 24, brows.y - 5, 15, 5.5),
        (-7.0, eyes.half_separation + 0.5, 0.5, 14.5, 9.5),
        (-4.5, 15.5, 3, 5.5, 9),
        (-2.0, 58, 25, 9, 14),
        (head.cheekbone + 1.6 * broad_smile, 48, -19, 13, 9),
        (head.cheek_fullness + 7 * expression.puff, 42, mouth + 15, 13, 15),
        (3.2 * broad_smile, 36, -31, 9, 8),
        (2.2, 0, mouth, 20, 13),
        (head.chin_boss, 0, chin + 14, 13, 8),
        (-1.6, 0, mouth - 15, 14, 4.5),
        (-max(head.chin_cleft, 0.0), 0, chin + 12, 1.8, 5),
        (-0.9 * expression.frown, 4.5, brows.y - 3, 1.5, 6),
        (1.2 * expression.frown, 8.5, brows.y - 3, 2.5, 6),
    ]
    relief = _cosine_field(identity.shape_field, *canvas.x.shape)
    for height, x, y, width, tall in blobs:
        if height:
            relief += np.float32(height) * canvas.blob(x, y, width, tall)
    canvas.z += relief * relief_fade(canvas)

"""Eyes, lids, lashes and brows."""

import numpy as np
from scipy.ndimage import gaussian_filter

from psface.simulate.canvas import Canvas, blend, smoothstep
from psface.simulate.expression import Expression
from psface.simulate.identity import Identity

BALL_Z = -17.5  # front of the eyeball, mm
LID_THICKNESS = 1.5
LID_BLEND = 2.6
UPPER_LID, LOWER_LID = 5.1, 5.2  # mm from the axis of an eye whose `opening` is 1
EDGE = 0.8  # width over which the lid's edge falls to the eyeball
SCLERA, LIMBUS, PUPIL, LASH = 0.66, 0.45, 0.015, 0.05
PUPIL_RADIUS, LASH_WIDTH = 2.3, 1.0
LASH_OPACITY = {"male": 0.78, "female": 0.90}
EYE_SPECULAR = 0.9
BROW_CENTRE = 27.5  # |x| of the middle of a brow
DARKEST_BROW = 0.16


def eye_front(identity: Identity) -> float:
    """Depth z of the front of the eyeballs, mm."""
    return BALL_Z + 0.5 * identity.eyes.depth


def _smooth_maximum(a: np.ndarray, b: np.ndarray, k: float) -> np.ndarray:
    overlap = np.maximum(k - np.abs(a - b), 0) / k
    return np.maximum(a, b) + overlap * overlap * np.float32(k / 4)


def sculpt_eyes(canvas: Canvas, identity: Identity, expression: Expression) -> None:
    """Add eyeballs and lids, and paint them."""
    eyes = identity.eyes
    reach = eyes.half_separation + 23
    for side in (-1, 1):
        x_range = (7.5, reach) if side > 0 else (-reach, -7.5)
        _sculpt_eye(canvas.window(x_range, (-19, 19)), side, identity, expression)


def _sculpt_eye(part: Canvas, side: int, identity: Identity, expression: Expression) -> None:
    eyes, age = identity.eyes, identity.complexion.age
    ex = side * part.x - eyes.half_separation  # outwards
    ey = part.y - eyes.tilt * ex
    t = np.minimum(np.abs(ex) / eyes.half_width, 1.4)
    ball = eye_front(identity) - ex * ex / np.where(ex > 0, 19, 27) - ey * ey / 20
    window = np.clip(1 - (ex / 21) ** 4, 0, 1) * np.clip(1 - (ey / 17) ** 4, 0, 1)
    part.z += window * (_smooth_maximum(part.z, ball + LID_THICKNESS, LID_BLEND) - part.z)

    opening = max(eyes.opening * expression.lid, 0.03)
    upper = UPPER_LID * opening * (1 - t**2.1) - 1.2 * max(1 - opening, 0)
    lower = -LOWER_LID * opening * (1 - t**2.3) - 1.2 * max(1 - opening, 0)
    lower = lower + 0.9 * max(expression.smile, 0.0) * np.clip(1 - t, 0, 1) * opening
    crease_y = upper + 0.75 * eyes.crease * np.clip(1 - 0.45 * t * t, 0, 1)
    crease = np.exp(-(((ey - crease_y) / 1.1) ** 2)) * smoothstep(1.25, 0.8, t)
    bag = np.exp(-(((ey + 8.5 - 2 * t) / 2.2) ** 2)) * smoothstep(1.2, 0.7, t)
    part.z -= 0.9 * crease + 0.8 * age * bag

    socket = np.exp(-((ex / 17) ** 2) - ((ey - 2.5) / 9) ** 2)
    under = np.exp(-((ex / 14) ** 2) - ((ey + 9) / 4.5) ** 2)
    part.albedo *= 1 - 0.20 * socket - (0.10 + 0.12 * age) * under
    part.albedo *= 1 - 0.22 * crease

    gap = smoothstep(-EDGE / 2, EDGE / 2, upper - ey) * smoothstep(-EDGE / 2, EDGE / 2, ey - lower)
    gap = gap * smoothstep(1.0, 0.94, t)
    iris_x, iris_y = ex - side * expression.gaze[0], ey - expression.gaze[1] - 0.6
    radius = np.hypot(iris_x, iris_y)
    iris_radius = eyes.iris_radius
    cornea = 0.7 * np.clip(1 - (radius / iris_radius) ** 2, 0, 1)
    blend(part.z, ball + cornea, gap)

    shade = (1 - 0.25 * t**3) * (1 - 0.35 * smoothstep(3.0, 0.0, upper - ey))
    colour = SCLERA * shade
    ring = 1 - LIMBUS * np.exp(-(((radius - iris_radius + 0.4) / 0.8) ** 2))
    streaks = 1 + 0.12 * np.sin(23 * np.arctan2(iris_y, iris_x))
    blend(
        colour,
        identity.complexion.iris * ring * streaks,
        smoothstep(0.4, -0.4, radius - iris_radius),
    )
    blend(colour, PUPIL, smoothstep(0.35, -0.35, radius - PUPIL_RADIUS))
    blend(part.albedo, colour, gap)
    part.specular *= 1 - gap
    part.gloss += EYE_SPECULAR * gap

    # The lash line thickens towards the outer corner and remains where a shut eye's lids meet.
    width = LASH_WIDTH * (0.75 + 0.35 * np.clip(ex / eyes.half_width, -1, 1))
    lash = np.exp(-(((ey - upper - 0.3) / width) ** 2)) * smoothstep(1.12, 0.95, t)
    blend(part.albedo, LASH, LASH_OPACITY[identity.gender] * lash)
    lower_lash = np.exp(-(((ey - lower + 0.3) / 0.7) ** 2)) * smoothstep(1.05, 0.9, t)
    blend(part.albedo, LASH, 0.32 * lower_lash)


def paint_brows(canvas: Canvas, identity: Identity, expression: Expression) -> None:
    """Paint the brows: a band of fine hair along an arc."""
    brows, complexion = identity.brows, identity.complexion
    part = canvas.window((-55, 55), (brows.y - 16, brows.y + 24))
    # Fine hair grows outwards and upwards: noise that is long across and short along.
    rng = np.random.default_rng([complexion.texture_seed, 1])
    hair = gaussian_filter(rng.standard_normal(part.x.shape, dtype=np.float32), (0.6, 2.2))
    hair /= hair.std()
    along = (np.abs(part.x) - BROW_CENTRE) / max(brows.half_length, 10)
    inner = np.clip(-along, 0, 1)
    arc = brows.y + expression.brow + brows.arch * (1 - (along - 0.25) ** 2) - brows.arch
    arc = arc + brows.tilt * (np.abs(part.x) - BROW_CENTRE)
    arc = arc + expression.inner_brow * inner - 2.2 * expression.frown * inner
    thickness = max(brows.thickness, 1.2) * np.clip(1 - 0.35 * along, 0.45, 1.3)
    band = np.exp(-(((part.y - arc) / thickness) ** 4) - along**8)
    opacity = np.clip(min(brows.opacity, 0.97) * band * (1 + 0.28 * hair), 0, 1)
    blend(part.albedo, min(0.9 * complexion.hair, DARKEST_BROW), opacity)
    part.specular *= 1 - 0.7 * opacity
    part.z += 0.8 * opacity

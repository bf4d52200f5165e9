"""The nose, and the fold that runs from it past the corner of the mouth."""

import numpy as np
from scipy.interpolate import PchipInterpolator

from psface.simulate.canvas import Canvas, blend, smoothstep
from psface.simulate.expression import Expression
from psface.simulate.identity import Identity

RIDGE_HALF_WIDTH = (9.8, 8.6)  # mm at the tip and at the nasion
ALA_HEIGHT = 0.42  # of the protrusion
NOSTRIL_ALBEDO = 0.12
BOW = 2.5  # mm by which the fold bends outwards


def _ridge(identity: Identity, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Height and half width (R, 1) of the ridge, in mm."""
    nose = identity.nose
    base, tip, length = nose.subnasale, nose.tip, nose.nasion - nose.tip
    fractions = [
        (base - 3.5, 0),
        (base + 1.8, 0.55),
        (base + 4.5, 0.84),
        (tip, 1),
        (tip + 0.13 * length, 0.93),
        (tip + 0.33 * length, 0.66),
        (tip + 0.80 * length, 0.36),
        (tip + length, 0.13),
        (tip + 1.2 * length, 0),
    ]
    knots, values = np.array(fractions).T
    height = nose.protrusion * PchipInterpolator(knots, values)(np.clip(y, knots[0], knots[-1]))
    along = np.clip((y - tip) / length, 0, 1)
    rise = nose.bridge * np.sin(np.pi * along) + nose.hump * np.exp(-(((along - 0.6) / 0.15) ** 2))
    height = height + rise
    low, high = RIDGE_HALF_WIDTH
    half_width = low * nose.tip_scale * (1 - along) + high * nose.bridge_scale * along
    half_width = half_width * (1 - 0.28 * np.clip((tip - y) / nose.tip_height, 0, 1) ** 2)
    return height.astype(np.float32), half_width.astype(np.float32)


def sculpt_nose(canvas: Canvas, identity: Identity, expression: Expression) -> None:
    """Add ridge, tip, wings and nostrils."""
    nose = identity.nose
    part = canvas.window((-30, 30), (nose.subnasale - 8, nose.nasion + 14))
    across = np.abs(part.x)
    height, half_width = _ridge(identity, part.y)
    ridge = height * np.exp(-0.55 * (across / half_width) ** 2.2)

    wing = nose.half_width + 1.2 * max(expression.smile, 0.0)
    dx, dy = across - (wing - 5), part.y - (nose.subnasale + 5.5)
    ala = np.exp(-((dx / 3.9) ** 4) - (dy / 5.2) ** 4) * ALA_HEIGHT * nose.protrusion
    ring = np.exp(-(((np.hypot(dx, 0.85 * dy) - 7) / 1.3) ** 2))
    groove = 0.8 * ring * smoothstep(-1, 3, dx + 0.5 * dy) * smoothstep(-5, 0, dy)
    part.z += np.cbrt(np.maximum(ridge, 0) ** 3 + ala**3) - groove

    hole = ((across - 0.42 * wing) / 3.7) ** 2 + ((part.y - nose.subnasale - 1.8) / 2.1) ** 2
    nostril = smoothstep(1.5, 0.6, hole)
    part.albedo *= 1 - (1 - NOSTRIL_ALBEDO) * nostril
    part.specular *= 1 - nostril


def sculpt_nasolabial_fold(canvas: Canvas, identity: Identity, expression: Expression) -> None:
    """Crease the cheek along a line from the wing of the nose past the mouth's corner."""
    nose, mouth_y = identity.nose, identity.mouth_y
    smile = max(expression.smile, 0.0)
    start = np.array([nose.half_width + 1, nose.subnasale + 5])
    end = np.array([identity.mouth.half_width + 10 + 3 * smile, mouth_y - 6])
    part = canvas.window((-55, 55), (end[1] - 12, start[1] + 10))
    direction = (end - start) / np.linalg.norm(end - start)
    dx, dy = np.abs(part.x) - start[0], part.y - start[1]
    along = (dx * direction[0] + dy * direction[1]) / np.linalg.norm(end - start)
    outwards = -dx * direction[1] + dy * direction[0] - BOW * np.sin(np.pi * np.clip(along, 0, 1))
    ends = smoothstep(-0.1, 0.45, along) * smoothstep(1.2, 0.5, along)
    depth = 0.7 * max(identity.head.nasolabial, 0.0) + 0.4 * identity.complexion.age + 0.6 * smile
    crease = np.exp(-((outwards / 2) ** 2))
    lift = np.exp(-(((outwards - 6) / 4.5) ** 2))
    part.z += np.float32(depth) * ends * (0.7 * lift - crease)
    blend(part.albedo, part.albedo * 0.86, (ends * crease * min(0.5 * depth, 1)))

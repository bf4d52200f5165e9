"""Beard, moustache and stubble."""

import numpy as np
from scipy.ndimage import gaussian_filter

from psface.simulate.canvas import Canvas, blend, smoothstep
from psface.simulate.expression import Expression
from psface.simulate.head import chin_height
from psface.simulate.identity import Identity
from psface.simulate.mouth import LipGrid, lip_grid, mouth_shape

STUBBLE_OPACITY = (0.18, 0.42)
BEARD_THICKNESS, BEARD_ROUGHNESS = 2.6, 0.8  # mm
RAISED_FROM = 0.55  # opacity above which hair stands off the skin
WIDEST_BEARD = np.radians(88)


def _beard_region(canvas: Canvas, grid: LipGrid, identity: Identity) -> np.ndarray:
    """Opacity (R, C) on jaw, chin, and cheeks below a line from the ear to the mouth."""
    across, mouth = np.abs(canvas.x), identity.mouth_y
    half = identity.mouth.half_width
    corner = mouth + 2
    t = np.clip((across - half) / 38, 0, 1)
    line = corner + (8 - corner) * t**2.6 - 6 * np.sin(np.pi * t)
    line = np.where(across < half + 2, grid.lower_outline - 3.5, line)
    region = smoothstep(3, -3, canvas.y - line)
    # A bare strip under the corners and a tuft below the middle of the lip.
    bare = np.exp(-(((across - 15) / 7) ** 2)) * smoothstep(-12, -5, canvas.y - grid.lower_outline)
    return region * (1 - 0.75 * bare) * smoothstep(WIDEST_BEARD, 1.2, np.abs(canvas.theta))


def _moustache_region(canvas: Canvas, grid: LipGrid, identity: Identity) -> np.ndarray:
    """Opacity (R, C) of the band between nose and upper lip."""
    across, half = np.abs(grid.x), identity.mouth.half_width
    sag = 7 * np.clip(across / half, 0, 1.4) ** 2
    top = identity.nose.subnasale - 3.5 - sag
    bottom = grid.upper_outline - 0.5 - 5 * smoothstep(0.75, 1.25, grid.t)
    region = smoothstep(-1.2, 1.2, canvas.y - bottom) * smoothstep(-2.5, 3.0, top - canvas.y)
    groove = 1 - 0.25 * np.exp(-((across / 2.5) ** 2))
    return region * groove * smoothstep(half + 6, half - 5, across)


def grow_facial_hair(
    canvas: Canvas, identity: Identity, expression: Expression, style: str, rng: np.random.Generator
) -> None:
    """Add the facial hair of the label `style`.

    `rng` draws the capture's length of stubble; the strands are the person's own.
    """
    stubble_opacity = rng.uniform(*STUBBLE_OPACITY)
    if style == "none":
        return
    complexion = identity.complexion
    part = canvas.window((-90, 90), (chin_height(identity, expression) - 4, 12))
    grid = lip_grid(mouth_shape(identity, expression), part)
    region = np.zeros_like(part.x)
    if style in ("beard", "both", "stubble"):
        region = np.maximum(region, _beard_region(part, grid, identity))
    if style in ("moustache", "both", "stubble"):
        region = np.maximum(region, _moustache_region(part, grid, identity))
    noise = np.random.default_rng([complexion.texture_seed, 2])
    strands = noise.standard_normal(part.x.shape, dtype=np.float32)
    colour = min(complexion.hair, 0.2)
    if style == "stubble":
        strands = gaussian_filter(strands, 0.5)
        opacity = region * stubble_opacity * (1 + 0.35 * strands / strands.std())
        blend(part.albedo, colour, np.clip(opacity, 0, 1))
        return
    strands = gaussian_filter(strands, (1.8, 0.8))
    strands /= strands.std()
    opacity = np.clip(region * complexion.beard_opacity * (1 + 0.10 * strands), 0, 1)
    blend(part.albedo, colour * np.exp(0.22 * strands), opacity)
    part.specular *= 1 - 0.8 * opacity
    # Hair rises inside its edge: a step at the edge would shine like a rim.
    raised = smoothstep(RAISED_FROM, 1.0, gaussian_filter(region, (2.5, 3.0)))
    part.z += raised * (BEARD_THICKNESS + 0.4 * BEARD_ROUGHNESS * strands)

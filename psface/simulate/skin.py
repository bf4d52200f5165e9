"""Skin: darker and rougher areas, blotches, moles, freckles and wrinkles."""

import numpy as np
from scipy.ndimage import gaussian_filter

from psface.simulate.canvas import Canvas, blend, smoothstep
from psface.simulate.head import albedo_field
from psface.simulate.identity import Identity

CHEEK_DARKENING, NOSE_DARKENING = 0.09, 0.08
TEXTURE_CONTRAST = 0.022
PORE_DEPTH = 0.05  # mm
MOLE_ALBEDO = 0.45
FRECKLE_DARKENING = 0.35
WRINKLE_SPACING = 9.0  # mm between the lines of a forehead


def paint_skin(canvas: Canvas, identity: Identity) -> None:
    """Paint the skin of the whole canvas, before any features."""
    complexion = identity.complexion
    canvas.albedo *= albedo_field(identity, canvas.x.shape)
    nose_y = identity.nose.tip + 3
    canvas.albedo *= 1 - CHEEK_DARKENING * canvas.blob(40, -30, 15, 13)
    canvas.albedo *= 1 - NOSE_DARKENING * canvas.blob(0, nose_y, 9, 11)
    canvas.specular *= 1 + 0.5 * canvas.blob(0, nose_y + 4, 8, 14)

    rng = np.random.default_rng([complexion.texture_seed, 0])
    grain = rng.standard_normal(canvas.x.shape, dtype=np.float32)
    fine = gaussian_filter(grain, 0.8, truncate=2.5)
    fine /= fine.std()
    canvas.albedo *= 1 + TEXTURE_CONTRAST * fine
    canvas.z += PORE_DEPTH * fine
    if complexion.freckles > 0:
        spots = smoothstep(1.3, 2.1, fine) * np.maximum(
            canvas.blob(32, -22, 20, 14), canvas.blob(0, -18, 12, 14)
        )
        canvas.albedo *= 1 - min(FRECKLE_DARKENING * complexion.freckles, 0.5) * spots
    for x, y, radius in complexion.moles:
        part = canvas.window((x - 5, x + 5), (y - 5, y + 5))
        distance = np.hypot(part.x - x, part.y - y)
        spot = smoothstep(radius + 0.5, radius - 0.5, distance)
        blend(part.albedo, MOLE_ALBEDO * part.albedo, spot)
        part.z += 0.4 * spot


def wrinkle(canvas: Canvas, identity: Identity) -> None:
    """Furrow the forehead and the outer corners of the eyes with age."""
    strength = smoothstep(0.25, 0.9, identity.complexion.age)
    if strength <= 0:
        return
    low = identity.brows.y + 10
    part = canvas.window((-60, 60), (low, low + 40))
    wave = np.sin(2 * np.pi * (part.y - low + 1.5 * np.cos(part.x / 14)) / WRINKLE_SPACING)
    reach = smoothstep(low, low + 8, part.y) * smoothstep(low + 40, low + 26, part.y)
    lines = np.maximum(wave, 0) ** 3 * reach * np.exp(-((part.x / 38) ** 4))
    part.z -= 0.9 * strength * lines
    part.albedo *= 1 - 0.08 * strength * lines
    corner = identity.eyes.half_separation + identity.eyes.half_width + 8
    part = canvas.window((-60, 60), (-14, 14))
    fan = np.maximum(np.sin(1.3 * part.y + 0.12 * np.abs(part.x) * np.sign(part.y)), 0) ** 2
    part.z -= 0.5 * strength * fan * part.blob(corner, 0, 4, 6)

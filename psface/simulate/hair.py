"""Scalp hair: a hairline, a thickness and strands."""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter

from psface.simulate.canvas import Canvas, blend, smoothstep
from psface.simulate.identity import Identity
from psface.simulate.labels import pick

STYLES = {
    "male": {"short": 0.70, "medium": 0.15, "bald": 0.10, "long": 0.05},
    "female": {"long": 0.65, "medium": 0.25, "short": 0.10},
}
FRINGE_FREQUENCY = {"male": 0.15, "female": 0.30}
HAIRLINE = {"male": 72.0, "female": 68.0}
RECESSION_MEAN = {"male": 2.0, "female": 0.0}
RECESSION_SD = {"male": 8.0, "female": 2.0}
# Hairline around the head: angles in degrees from the middle of the forehead, and heights in mm;
# the first two heights depend on the person.
ANGLES = (0, 28, 45, 58, 68, 78, 88, 100, 150)
SIDES = {
    "short": (50, 30, 8, -4, -10, -35, -60),
    "medium": (48, 26, 0, -20, -38, -60, -80),
    "long": (46, 20, -15, -50, -80, -100, -110),
    "bald": (60, 34, 12, 0, -6, -35, -60),
}
RISE = 24.0  # mm behind the edge over which the hair gains its full thickness
CENTRE = (0.0, 15.0, -95.0)  # hair grows away from this point
EARS_COVERED = ("medium", "long")


@dataclass(frozen=True)
class HairStyle:
    """A hairstyle.

    `hairline` is the height y of its edge on the forehead, `recession` how much higher the
    edge is at the temples, `fringe` how far hair falls below it (all mm), `parting` the angle
    of the parting (rad).
    """

    style: str
    hairline: float
    recession: float
    thickness: float
    fringe: float
    parting: float
    seed: int

    @property
    def covers_ears(self) -> bool:
        return self.style in EARS_COVERED


def draw_hair(rng: np.random.Generator, gender: str) -> HairStyle:
    """Draw a hairstyle."""
    style_chance, fringe_chance, thickness, fringe, side = rng.random(5)
    first, second = rng.standard_normal(2).clip(-2, 2)
    style = pick(STYLES[gender], style_chance)
    recession = max(0.0, RECESSION_MEAN[gender] + RECESSION_SD[gender] * second)
    fringed = style != "bald" and fringe_chance < FRINGE_FREQUENCY[gender]
    return HairStyle(
        style=style,
        hairline=HAIRLINE[gender] + 5 * first,
        recession=recession,
        thickness=6 + 14 * thickness,
        fringe=14 + 14 * fringe if fringed else 0.0,
        parting=float(np.radians((side - 0.5) * 70)),
        seed=int(rng.integers(2**31)),
    )


def _strands(style: HairStyle, canvas: Canvas) -> np.ndarray:
    """Unit-variance noise (R, C) stretched along the strands, slanted away from the parting."""
    rows, columns = canvas.x.shape
    rng = np.random.default_rng(style.seed)
    noise = gaussian_filter(
        rng.standard_normal((rows, columns), dtype=np.float32), (6, 0.8), truncate=2.5, mode="wrap"
    )
    lean = np.where(canvas.theta[0] > style.parting, 0.25, -0.25)
    column = np.arange(columns) + lean * np.arange(rows)[:, None]
    strands = noise[np.arange(rows)[:, None], column.astype(np.int64) % columns]
    return strands / strands.std()


def strand_noise(seed: int, rows: int, columns: int) -> np.ndarray:
    """Unit-variance noise (rows, columns) of straight hanging strands."""
    rng = np.random.default_rng([seed, 1])
    noise = gaussian_filter(rng.standard_normal((rows, columns), dtype=np.float32), (6, 0.6))
    return noise / noise.std()


def _edge(style: HairStyle, canvas: Canvas) -> tuple[np.ndarray, np.ndarray]:
    """Height of the hairline (1, C) and its slope against the arc around the head."""
    top_edge = style.hairline + (26 if style.style == "bald" else 0)
    temple = top_edge + style.recession - 4
    knots = np.radians(ANGLES)
    values = np.array((top_edge, temple) + SIDES[style.style], np.float64)
    curve = PchipInterpolator(knots, values)
    angle = np.abs(canvas.theta)
    slope = curve(angle, 1) / 72
    height = curve(angle)
    if style.fringe:
        rng = np.random.default_rng([style.seed, 2])
        ragged = gaussian_filter(rng.standard_normal(angle.shape), (0, 2))
        height = height - style.fringe * smoothstep(1.0, 0.55, angle) * (1 + 0.5 * ragged)
    return height.astype(np.float32), slope.astype(np.float32)


def grow_hair(
    canvas: Canvas, identity: Identity, style: HairStyle
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Paint hair on the canvas and give it thickness.

    Returns
    -------
    tuple of (R, C) arrays
        Positions x, y, z of the canvas's points, mm, moved out to the surface of the hair. The
        canvas itself keeps the positions of the skin.
    """
    height, slope = _edge(style, canvas)
    behind = (canvas.y - height) / np.sqrt(1 + slope * slope)
    strands = _strands(style, canvas)
    edge = behind + 1.5 * strands
    opacity = smoothstep(-1.0, 3.0, edge)
    if style.style == "bald":
        # A shaved or bald crown: only the hair left at the sides is drawn, faintly.
        opacity = opacity * smoothstep(np.radians(48), np.radians(62), np.abs(canvas.theta)) * 0.8
    hair = identity.complexion.hair
    blend(canvas.albedo, hair * np.exp(0.30 * strands), 0.96 * opacity)
    blend(canvas.specular, 0.05, opacity)

    thickness = 3.0 if style.style == "bald" else style.thickness
    crown = smoothstep(-10, 80, canvas.y)
    side = 0.9 if style.covers_ears else 0.45
    rise = smoothstep(-1.0, RISE, behind) * (side + (1 - side) * crown)
    lift = (thickness * rise + 0.35 * strands) * opacity
    if style.fringe:
        lift = lift + 2.5 * opacity * smoothstep(RISE, 0, behind)
    away = [canvas.x - CENTRE[0], canvas.y - CENTRE[1], canvas.z - CENTRE[2]]
    lift = lift / np.sqrt(away[0] ** 2 + away[1] ** 2 + away[2] ** 2)
    return canvas.x + lift * away[0], canvas.y + lift * away[1], canvas.z + lift * away[2]

"""Pictures of mirror and matte balls under known lamps, for the calibration of a rig."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from psface.rig.response import Response, encoded
from psface.rig.rig_parts import Camera, Lamp

SAMPLES = 3  # rays per pixel, across and down
BRIGHTEST = 0.85  # of the range: the brightest matte point under the strongest lamp


@dataclass(frozen=True)
class SimulatedBall:
    """A ball in front of the camera, in its coordinates (x right, y up, z towards the camera).

    Attributes
    ----------
    centre_mm : (3,)
        Under an orthographic camera, 1 mm is 1 pixel and (0, 0) the middle of the picture.
    radius_mm : float
    mirror : bool
        Else it is matte and white.
    """

    centre_mm: tuple[float, float, float]
    radius_mm: float
    mirror: bool = False


@dataclass(frozen=True)
class BallLook:
    """How the pictures look.

    Attributes
    ----------
    noise : float
        Standard deviation of the values, of the range.
    gloss : float
        Strength of the highlight (Blinn-Phong) on a matte ball, of its brightest diffuse value.
    gloss_exponent : float
    rough : float
        Variance of the slopes of a rough matte surface (Oren and Nayar 1994); 0 is Lambertian.
    ambient : float
        Light from all around, of the mean lamp's.
    reflection : float
        Value of a window's static reflection in a mirror ball; 0 for none.
    lamp_degrees : float
        Angular radius of the lamps, as mirror balls show them.
    mirror_peak : float
        Value of a lamp's reflection; above 1 it is saturated.
    exposure : float
        Factor on the exposure that makes the brightest matte point `BRIGHTEST`.
    bits : int
        8 or 16; values are rounded to them.
    response : Response
        Of the camera.
    """

    noise: float = 0.004
    gloss: float = 0.0
    gloss_exponent: float = 80.0
    rough: float = 0.0
    ambient: float = 0.0
    reflection: float = 0.0
    lamp_degrees: float = 1.5
    mirror_peak: float = 20.0
    exposure: float = 1.0
    bits: Literal[8, 16] = 8
    response: Response = "linear"


@dataclass(frozen=True)
class BallFrames:
    """A frame per lamp.

    Attributes
    ----------
    frames : (n, H, W) float32 in [0, 1]
        Rounded to the bits of the file, so that saving them loses nothing.
    mask : (H, W) bool
        Where a ball covers most of a pixel.
    """

    frames: np.ndarray
    mask: np.ndarray


def simulate_balls(
    balls: Sequence[SimulatedBall],
    lamps: Sequence[Lamp],
    camera: Camera,
    look: BallLook | None = None,
    seed: int = 0,
) -> BallFrames:
    """Render balls under each lamp by itself.

    A matte point reflects ``e max(0, n.l)``, with ``e = intensity (distance / mean distance)^-2``
    and the cone of a near lamp, and lies in the shadow of the other balls. The camera is
    orthographic if it has no focal length.

    Parameters
    ----------
    balls : sequence of SimulatedBall
    lamps : sequence of Lamp
        n of them.
    camera : Camera
        With a size.
    seed : int
        Of the noise.

    Examples
    --------
    >>> camera = Camera(width_px=64, height_px=48)
    >>> pictures = simulate_balls(
    ...     [SimulatedBall((0, 0, 0), 20)], [Lamp(direction=(0, 0, 1))], camera
    ... )
    >>> pictures.frames.shape, int(pictures.mask.sum())
    ((1, 48, 64), 1264)
    """
    look = look or BallLook()
    if camera.width_px is None or camera.height_px is None:
        raise ValueError("the camera needs a size")
    origins, rays = _rays(camera, camera.width_px, camera.height_px)
    number = _first_hit(balls, origins, rays)
    on = number >= 0
    hit = _Hit.of(balls, number[on], origins[:, on], rays[:, on])
    light = _normalised([_light(lamp, hit.point) for lamp in lamps])
    height, width = camera.height_px, camera.width_px
    shape = (height, SAMPLES, width, SAMPLES)
    rng = np.random.default_rng(seed)
    frames = []
    for to_lamp, strength in light:
        image = np.zeros(len(number))
        image[on] = _radiance(balls, hit, to_lamp, strength, look)
        frames.append(_developed(image.reshape(shape).mean(axis=(1, 3)), look, rng))
    covered = on.reshape(shape).mean(axis=(1, 3)) > 0.5
    return BallFrames(np.stack(frames), covered)


def _developed(image: np.ndarray, look: BallLook, rng: np.random.Generator) -> np.ndarray:
    """What a camera makes of light (H, W): noise, saturation, response and rounding."""
    noisy = np.clip(image * look.exposure + rng.normal(0, look.noise, image.shape), 0, 1)
    steps = 2**look.bits - 1
    rounded = np.round(encoded(noisy, look.response) * steps) / steps
    return rounded.astype(np.float32)


def _rays(camera: Camera, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Origins and unit directions (3, P) of the sub-pixels' rays, row by row."""
    steps = (np.arange(SAMPLES) + 0.5) / SAMPLES - 0.5
    columns = (np.arange(width)[:, None] + steps).ravel()
    rows = (np.arange(height)[:, None] + steps).ravel()
    middle = camera.centre_px or ((width - 1) / 2, (height - 1) / 2)
    across, up = np.meshgrid(columns - middle[0], middle[1] - rows)
    x, y, none = across.ravel(), up.ravel(), np.zeros(across.size)
    if camera.focal_px is None:
        return np.stack([x, y, none + 1e5]), np.stack([none, none, none - 1])
    rays = np.stack([x / camera.focal_px[0], y / camera.focal_px[1], none - 1])
    return np.zeros_like(rays), _unit(rays)


def _column(vector: Sequence[float] | None) -> np.ndarray:
    return np.array(vector)[:, None]


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Scalar products (P,) of vectors (3, P), or of (3, 1) with them."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.sqrt(_dot(vectors, vectors))


@dataclass(frozen=True)
class _Hit:
    """Where rays meet balls: the ball's number (P,), the point, its normal, the way back (3, P)."""

    number: np.ndarray
    point: np.ndarray
    normal: np.ndarray
    to_camera: np.ndarray

    @staticmethod
    def of(
        balls: Sequence[SimulatedBall], number: np.ndarray, origins: np.ndarray, rays: np.ndarray
    ) -> _Hit:
        distance, radius = np.zeros(len(number)), np.ones(len(number))
        centre = np.zeros_like(rays)
        for k, ball in enumerate(balls):
            on = number == k
            distance[on] = _distance(ball, origins[:, on], rays[:, on])
            centre[:, on], radius[on] = _column(ball.centre_mm), ball.radius_mm
        point = origins + distance * rays
        return _Hit(number, point, (point - centre) / radius, -rays)


def _first_hit(balls: Sequence[SimulatedBall], origins: np.ndarray, rays: np.ndarray) -> np.ndarray:
    """Number of the ball that each ray meets first (P,); -1 for none."""
    nearest = np.full(rays.shape[1], np.inf)
    hit = np.full(rays.shape[1], -1)
    for number, ball in enumerate(balls):
        distance = _distance(ball, origins, rays)
        closer = distance < nearest
        nearest[closer], hit[closer] = distance[closer], number
    return hit


def _distance(ball: SimulatedBall, origins: np.ndarray, rays: np.ndarray) -> np.ndarray:
    """Distance along unit rays to a ball in front of them; infinite where they miss it."""
    offset = origins - _column(ball.centre_mm)
    along = _dot(offset, rays)
    rest = along**2 - _dot(offset, offset) + ball.radius_mm**2
    distance = -along - np.sqrt(np.maximum(rest, 0))
    return np.where((rest > 0) & (distance > 0), distance, np.inf)


def _light(lamp: Lamp, point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors (3, P) from points to a lamp, and the light that arrives there (P,)."""
    count = point.shape[1]
    if lamp.position_mm is None:
        return np.tile(_column(lamp.direction), count), np.full(count, lamp.strength)
    to_lamp = _column(lamp.position_mm) - point
    distance = np.sqrt(_dot(to_lamp, to_lamp))
    to_lamp = to_lamp / distance
    strength = lamp.strength / distance**2
    if lamp.anisotropy and lamp.axis is not None:
        axis = np.array(lamp.axis) / np.linalg.norm(lamp.axis)
        strength = strength * np.maximum(-(axis @ to_lamp), 0) ** lamp.anisotropy
    return to_lamp, strength


def _normalised(light: list[tuple[np.ndarray, np.ndarray]]) -> list[tuple[np.ndarray, np.ndarray]]:
    top = max(float(strength.max(initial=1e-12)) for _, strength in light)
    return [(to_lamp, strength / top) for to_lamp, strength in light]


def _radiance(
    balls: Sequence[SimulatedBall], hit: _Hit, to_lamp: np.ndarray, strength: np.ndarray,
    look: BallLook,
) -> np.ndarray:  # fmt: skip
    """What the camera sees along each ray (P,)."""
    image = np.zeros(len(strength))
    for number, ball in enumerate(balls):
        on = hit.number == number
        n, v, light = hit.normal[:, on], hit.to_camera[:, on], to_lamp[:, on]
        if ball.mirror:
            reflected = 2 * _dot(n, v) * n - v
            size = np.radians(look.lamp_degrees)
            lamp = np.exp((_dot(reflected, light) - 1) / (0.5 * size**2))
            window = np.abs(reflected - _column((-0.75, 0.35, 0.56))).max(axis=0) < 0.15
            image[on] = look.mirror_peak * lamp + look.reflection * window
            continue
        lit = np.ones(n.shape[1])
        for other in (*balls[:number], *balls[number + 1 :]):
            lit[np.isfinite(_distance(other, hit.point[:, on], light))] = 0
        half = _unit(light + v)
        incidence = np.maximum(_dot(n, light), 0)
        lobe = np.maximum(_dot(n, half), 0) ** look.gloss_exponent * (incidence > 0)
        diffuse = _rough(n, v, light, incidence, look.rough)
        image[on] = BRIGHTEST * (strength[on] * lit * (diffuse + look.gloss * lobe) + look.ambient)
    return image


def _rough(
    n: np.ndarray, v: np.ndarray, light: np.ndarray, incidence: np.ndarray, variance: float
) -> np.ndarray:
    """Reflection of a rough surface: Oren and Nayar 1994, equation 30, qualitative model."""
    if not variance:
        return incidence
    view = np.maximum(_dot(n, v), 1e-3)
    flat = 1 - 0.5 * variance / (variance + 0.33)
    rise = 0.45 * variance / (variance + 0.09)
    together = np.maximum(_dot(light, v) - incidence * view, 0)
    return incidence * (flat + rise * together / np.maximum(np.maximum(incidence, view), 1e-3))

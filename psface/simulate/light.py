"""Light: the rig's directions, reflection, and cast shadows."""

from dataclasses import dataclass

import cv2
import numpy as np

from psface.simulate.canvas import smoothstep
from psface.simulate.raster import FAR

# Azimuth (towards the image's right) and elevation of the lights, degrees, in the order of the
# frames: lower right, upper right, upper left, lower left.
LIGHT_ANGLES = ((38.0, -28.0), (38.0, 28.0), (-38.0, 28.0), (-38.0, -28.0))
EXPOSURE = 1.55
SKIN_EXPONENT, EYE_EXPONENT, LENS_EXPONENT = 16, 96, 300
LENS_SPECULAR = 0.8
SHADOW_STEPS = np.geomspace(2, 75, 26)  # mm along the ray's trace in the image
SHADOW_SOFTNESS = (1.0, 3.5)  # mm of penetration at which nothing and everything is shadowed


def light_directions() -> np.ndarray:
    """Unit vectors (4, 3) from the surface to the lights."""
    azimuth, elevation = np.radians(LIGHT_ANGLES).T
    flat = np.cos(elevation)
    directions = [np.sin(azimuth) * flat, np.sin(elevation), np.cos(azimuth) * flat]
    return np.stack(directions, 1)


@dataclass(frozen=True)
class Surface:
    """The lit surface: arrays (H, W), except the normal (3, H, W), of unit length where covered.

    `depth` is in mm and FAR on the background; `albedo` is in [0, 1]; `lens` holds the normals
    (3, H, W) of spectacle lenses and is zero elsewhere; `unshadowed` marks pixels that receive
    no cast shadow, and `occluder` is the depth of what may cast one.
    """

    normal: np.ndarray
    albedo: np.ndarray
    specular: np.ndarray
    gloss: np.ndarray
    depth: np.ndarray
    occluder: np.ndarray
    unshadowed: np.ndarray
    lens: np.ndarray | None


@dataclass(frozen=True)
class Conditions:
    """Light and exposure of a capture.

    `light_gains` are factors on the lights, `ambient` the share of light from all around,
    `specular` a factor on every highlight. The defaults give a purely Lambertian rig.
    """

    exposure: float = EXPOSURE
    light_gains: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0)
    ambient: float = 0.0
    specular: float = 0.0
    cast_shadows: bool = False


def cast_shadow(
    occluder: np.ndarray, receiver: np.ndarray, light: np.ndarray, scale: float
) -> np.ndarray:
    """Share of a light, in [0, 1], that reaches each pixel past the visible surface.

    Parameters
    ----------
    occluder, receiver : ndarray (H, W)
        Depth in mm of what casts and of what receives shadows.
    light : ndarray (3,)
        Unit vector to the light.
    scale : float
        px/mm.
    """
    height, width = occluder.shape
    half = (width // 2, height // 2)
    walls = np.ascontiguousarray(occluder[: half[1] * 2 : 2, : half[0] * 2 : 2])
    ground = np.ascontiguousarray(receiver[: half[1] * 2 : 2, : half[0] * 2 : 2])
    flat = float(np.hypot(light[0], light[1]))
    step = np.array([light[0], -light[1]]) / flat * scale / 2  # half-size px per mm
    rise = float(light[2]) / flat
    blocked = np.zeros_like(ground)
    for distance in SHADOW_STEPS:
        dx, dy = -step * distance
        shifted: np.ndarray = cv2.warpAffine(
            walls,
            np.array([[1, 0, dx], [0, 1, dy]]),
            half,
            flags=cv2.INTER_NEAREST,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=float(FAR),
        )
        shifted -= ground
        shifted -= float(rise * distance)
        np.maximum(blocked, shifted, out=blocked)
    reach = 1 - smoothstep(*SHADOW_SOFTNESS, blocked)
    reach = cv2.GaussianBlur(reach, (0, 0), 1)
    return cv2.resize(reach, (width, height), interpolation=cv2.INTER_LINEAR)


def _lobe(normal: np.ndarray, light: np.ndarray, exponent: int) -> np.ndarray:
    """Blinn's highlight (n.h)^exponent, zero where the surface faces away."""
    middle = light + np.array([0.0, 0.0, 1.0])
    middle = (middle / np.linalg.norm(middle)).astype(np.float32)
    return np.maximum(np.tensordot(middle, normal, 1), 0) ** exponent


def shade(surface: Surface, light: np.ndarray, conditions: Conditions, scale: float) -> np.ndarray:
    """Irradiance (H, W) at the sensor under one unit light; 1 is white.

    Before exposure it is (rho max(0, n.l) + highlights) shadow + ambient (1 + n_z) rho / 2.
    """
    lambert = np.maximum(np.tensordot(light.astype(np.float32), surface.normal, 1), 0)
    direct = surface.albedo * lambert
    if conditions.specular:
        lit = smoothstep(0, 0.1, lambert)
        highlight = surface.specular * _lobe(surface.normal, light, SKIN_EXPONENT)
        eyes = surface.gloss > 0
        highlight[eyes] += surface.gloss[eyes] * _lobe(surface.normal[:, eyes], light, EYE_EXPONENT)
        direct = direct + conditions.specular * lit * highlight
    if conditions.cast_shadows:
        reach = cast_shadow(surface.occluder, surface.occluder, light, scale)
        direct = direct * np.where(surface.unshadowed, 1, reach)
    if conditions.ambient:
        direct = direct + conditions.ambient * surface.albedo * (0.5 + 0.5 * surface.normal[2])
    if surface.lens is not None and conditions.specular:
        glare = LENS_SPECULAR * _lobe(surface.lens, light, LENS_EXPONENT)
        direct = direct + conditions.specular * glare
    return conditions.exposure * direct

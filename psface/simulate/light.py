"""Light: the rig's directions, reflection, and cast shadows."""

from dataclasses import dataclass

import numpy as np

from psface.simulate.canvas import smoothstep
from psface.simulate.incidence import Incidence, along, distant
from psface.simulate.shadow import cast_shadow, distant_steps

# Azimuth (towards the image's right) and elevation of the lights, degrees, in the order of the
# frames: lower right, upper right, upper left, lower left.
LIGHT_ANGLES = ((38.0, -28.0), (38.0, 28.0), (-38.0, 28.0), (-38.0, -28.0))
EXPOSURE = 1.55
SKIN_EXPONENT, EYE_EXPONENT, LENS_EXPONENT = 16, 96, 300
LENS_SPECULAR = 0.8


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


def _lobe(normal: np.ndarray, halfway: np.ndarray, exponent: int) -> np.ndarray:
    """Blinn's highlight (n.h)^exponent, zero where the surface faces away."""
    return np.maximum(along(halfway, normal), 0) ** exponent


def shade(surface: Surface, light: np.ndarray, conditions: Conditions, scale: float) -> np.ndarray:
    """Irradiance (H, W) at the sensor under one unit light; 1 is white.

    Before exposure it is (rho max(0, n.l) + highlights) shadow + ambient (1 + n_z) rho / 2. The
    camera is orthographic, with `scale` px/mm.
    """
    reach = None
    if conditions.cast_shadows:
        reach = cast_shadow(surface.occluder, distant_steps(light, scale))
    return reflect(surface, distant(light), reach, conditions)


def reflect(
    surface: Surface, lamp: Incidence | None, reach: np.ndarray | None, conditions: Conditions
) -> np.ndarray:
    """Irradiance (H, W) at the sensor under one lamp, or none.

    `reach` (H, W) is the share of the lamp's light that passes other surfaces; see `shade`.
    """
    around = conditions.ambient * surface.albedo * (0.5 + 0.5 * surface.normal[2])
    if lamp is None:
        return conditions.exposure * around
    lambert = np.maximum(along(lamp.direction, surface.normal), 0)
    direct = surface.albedo * lambert
    if conditions.specular:
        lit = smoothstep(0, 0.1, lambert)
        highlight = surface.specular * _lobe(surface.normal, lamp.halfway, SKIN_EXPONENT)
        eyes = surface.gloss > 0
        halfway = lamp.halfway if lamp.halfway.ndim == 1 else lamp.halfway[:, eyes]
        highlight[eyes] += surface.gloss[eyes] * _lobe(
            surface.normal[:, eyes], halfway, EYE_EXPONENT
        )
        direct = direct + conditions.specular * lit * highlight
    if reach is not None:
        direct = direct * np.where(surface.unshadowed, 1, reach)
    direct = direct * lamp.irradiance
    if conditions.ambient:
        direct = direct + around
    if surface.lens is not None and conditions.specular:
        glare = LENS_SPECULAR * _lobe(surface.lens, lamp.halfway, LENS_EXPONENT)
        direct = direct + conditions.specular * glare * lamp.irradiance
    return conditions.exposure * direct

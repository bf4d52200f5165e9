"""Light: the rig's directions, reflection, and cast shadows."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

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

    @cached_property
    def eyes(self) -> np.ndarray:
        """Pixels (n,) of eyes, as flat indices."""
        return np.flatnonzero(self.gloss > 0)

    @cached_property
    def glass(self) -> np.ndarray:
        """Pixels (n,) of lenses, as flat indices."""
        return np.flatnonzero([] if self.lens is None else self.lens.any(axis=0))


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
    lobe = along(halfway, normal)
    np.maximum(lobe, 0, out=lobe)
    lobe **= exponent
    return lobe


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
    lambert = along(lamp.direction, surface.normal)
    np.maximum(lambert, 0, out=lambert)
    direct = surface.albedo * lambert
    if conditions.specular:
        lit = smoothstep(0, 0.1, lambert)
        highlight = _lobe(surface.normal, lamp.halfway, SKIN_EXPONENT)
        highlight *= surface.specular
        eyes = surface.eyes
        lobe = _lobe(_at(surface.normal, eyes), _at(lamp.halfway, eyes), EYE_EXPONENT)
        highlight.reshape(-1)[eyes] += surface.gloss.take(eyes) * lobe
        lit *= conditions.specular
        lit *= highlight
        direct += lit
    if reach is not None:
        np.multiply(direct, reach, out=direct, where=~surface.unshadowed)
    direct *= lamp.irradiance
    if conditions.ambient:
        direct += around
    if len(surface.glass) and conditions.specular:
        glass = surface.glass
        lobe = _lobe(_at(surface.lens, glass), _at(lamp.halfway, glass), LENS_EXPONENT)
        glare = conditions.specular * (LENS_SPECULAR * lobe)
        direct.reshape(-1)[glass] += glare * _at(lamp.irradiance, glass)
    direct *= conditions.exposure
    return direct


def _at(field: Any, pixels: np.ndarray) -> Any:
    """Values (..., n) of a field (..., H, W) at pixels (n,), flat indices; a number or one vector
    (3,) holds everywhere."""
    if np.ndim(field) < 2:
        return field
    return field.reshape(*field.shape[:-2], -1).take(pixels, axis=-1)

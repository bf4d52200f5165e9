"""A person's face: a few dozen traits, two random fields and some marks.

Lengths are in millimetres in the head's frame: x right, y up, z towards the camera, the
origin midway between the pupils and z = 0 at the glabella.
"""

from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

import numpy as np

TRAIT_CLIP = 2.3  # standard deviations
SHAPE_BASIS, SHAPE_FALL_OFF, SHAPE_RMS = 14, 4.5, 1.3  # mm
ALBEDO_BASIS, ALBEDO_FALL_OFF, ALBEDO_RMS = 18, 6.0, 0.05  # of the logarithm
MOLES = 3.0  # expected number
SKIN_RANGE = (0.28, 0.78)
DARK_SKIN = 0.45  # below it hair is dark too
HAIR_ALBEDO = (0.035, 0.28)
DARK_HAIR_ALBEDO = (0.03, 0.07)
IRIS_ALBEDO = (0.06, 0.28)
LIP_TO_SKIN = {"male": (0.62, 0.80), "female": (0.48, 0.72)}
SKIN_SPECULAR = (0.05, 0.20)
# Finer than the recipe's fields, as the spectra of real faces are (Extended Yale B).
FINE_BASIS, FINEST_COARSE = 44, 9
FINE_SHAPE_RMS, FINE_SHAPE_POWER = 0.22, 1.3  # mm
FINE_ALBEDO_RMS, FINE_ALBEDO_POWER = 0.05, 0.9  # of the logarithm
FINE_SPREAD = 0.3  # of the logarithm of both, over people
AGE_SHAPE = (1.5, 2.5)  # of a beta distribution over [0, 1]

T = TypeVar("T")


def trait(male: float, female: float, sd: float) -> Any:
    """Declare a field drawn from a clipped Gaussian with a mean per gender."""
    return field(metadata={"male": male, "female": female, "sd": sd})


@dataclass(frozen=True)
class HeadTraits:
    """Overall shape; ``*_scale`` are factors, the rest are mm."""

    top: float = trait(112, 108, 4)
    chin: float = trait(-113, -106, 4.5)
    width_scale: float = trait(1, 0.965, 0.035)
    cheek_width: float = trait(0, 0, 2.2)
    jaw_scale: float = trait(1.03, 0.95, 0.06)
    chin_scale: float = trait(1.05, 0.92, 0.10)
    temple: float = trait(0, 0, 2)
    forehead_slope: float = trait(3, 0, 3)
    chin_protrusion: float = trait(1, 0, 2.5)
    depth_scale: float = trait(1, 0.98, 0.05)
    cheekbone: float = trait(1.5, 2.5, 1.6)
    cheek_fullness: float = trait(0, 1.2, 2.2)
    nasolabial: float = trait(0.8, 0.5, 0.35)
    chin_boss: float = trait(3, 2.5, 1.3)
    chin_cleft: float = trait(0.4, 0.1, 0.5)
    ear_scale: float = trait(1, 0.92, 0.08)
    ear_flare: float = trait(0.55, 0.5, 0.15)  # rad


@dataclass(frozen=True)
class EyeTraits:
    """Size and set of the eyes; `opening` is a factor, `tilt` is a slope, the rest are mm."""

    half_separation: float = trait(31.5, 30.5, 1.6)
    half_width: float = trait(15, 15, 0.8)
    opening: float = trait(1, 1.08, 0.12)
    tilt: float = trait(0.04, 0.08, 0.05)
    depth: float = trait(0, 1, 1.5)
    crease: float = trait(5.5, 6, 1.3)
    iris_radius: float = trait(5.8, 5.8, 0.2)


@dataclass(frozen=True)
class BrowTraits:
    """Bone and hair; `tilt` is a slope, `opacity` in [0, 1], the rest are mm."""

    ridge: float = trait(4, 1.5, 1.2)
    y: float = trait(19.5, 21.5, 1.8)
    arch: float = trait(2.2, 4, 1.5)
    thickness: float = trait(3.6, 2.6, 0.6)
    tilt: float = trait(0, 0.03, 0.05)
    half_length: float = trait(19, 18, 1.5)
    opacity: float = trait(0.78, 0.72, 0.1)


@dataclass(frozen=True)
class NoseTraits:
    """Shape of the nose; ``*_scale`` are factors, the rest are mm."""

    subnasale: float = trait(-46.5, -44, 2.8)
    protrusion: float = trait(20, 17.5, 2.4)
    half_width: float = trait(17.3, 15.8, 1.5)
    bridge: float = trait(0, -1, 1.6)
    bridge_scale: float = trait(1.05, 0.95, 0.12)
    tip_scale: float = trait(1.05, 0.95, 0.12)
    tip_height: float = trait(9, 10, 1.5)
    hump: float = trait(0.5, 0, 1)
    nasion: float = trait(8, 7, 2)

    @property
    def tip(self) -> float:
        """Height y of the tip."""
        return self.subnasale + self.tip_height


@dataclass(frozen=True)
class MouthTraits:
    """Size and set of the mouth, mm."""

    philtrum: float = trait(21.5, 19.5, 2)
    half_width: float = trait(26, 24.5, 1.9)
    upper_lip: float = trait(7, 7.8, 1.3)
    lower_lip: float = trait(8.8, 9.6, 1.4)
    protrusion: float = trait(0, 0.8, 1.5)
    cupid: float = trait(1, 1.1, 0.35)


@dataclass(frozen=True)
class Complexion:
    """Reflectances; the first five are albedos in [0, 1]."""

    skin: float
    hair: float
    iris: float
    lip: float
    specular: float
    age: float
    freckles: float
    beard_opacity: float
    texture_seed: int
    moles: np.ndarray  # (n, 3): x, y, radius in mm


@dataclass(frozen=True)
class Identity:
    """One person's face.

    `shape_field` (14, 14) and `albedo_field` (18, 18) are coefficients of a cosine basis, in
    mm and in logarithms of albedo.
    """

    gender: str
    head: HeadTraits
    eyes: EyeTraits
    brows: BrowTraits
    nose: NoseTraits
    mouth: MouthTraits
    complexion: Complexion
    shape_field: np.ndarray
    albedo_field: np.ndarray

    @property
    def female(self) -> bool:
        """Whether the means for women apply."""
        return self.gender == "female"

    @property
    def mouth_y(self) -> float:
        """Height y of the line between the closed lips."""
        return self.nose.subnasale - self.mouth.philtrum


def _draw_traits(cls: type[T], rng: np.random.Generator, gender: str, spread: float) -> T:
    values = {}
    for entry in fields(cls):  # type: ignore[arg-type]
        deviation = float(np.clip(rng.standard_normal(), -TRAIT_CLIP, TRAIT_CLIP))
        values[entry.name] = entry.metadata[gender] + spread * entry.metadata["sd"] * deviation
    return cls(**values)


def _draw_field(rng: np.random.Generator, size: int, fall_off: float, rms: float) -> np.ndarray:
    """Coefficients (size, size) of a cosine field with the given root mean square."""
    frequency = np.hypot(*np.mgrid[:size, :size])
    weight = 1 / (1 + (frequency / fall_off) ** 2.5)
    weight[0, 0] = 0
    coefficients = weight * rng.standard_normal((size, size))
    return (coefficients * rms / np.sqrt((weight**2).sum() / 4)).astype(np.float32)


def _around_middle(low: float, high: float, spread: float, chance: float) -> float:
    """Uniform draw whose deviation from the middle of the range is scaled by `spread`."""
    middle = (low + high) / 2
    return float(np.clip(middle + spread * (low + chance * (high - low) - middle), low, high))


def _draw_complexion(rng: np.random.Generator, gender: str, spread: float) -> Complexion:
    chances = rng.random(5)
    skin = float(np.clip(0.58 + spread * 0.10 * rng.standard_normal(), *SKIN_RANGE))
    darkest, fairest = np.log(DARK_HAIR_ALBEDO if skin < DARK_SKIN else HAIR_ALBEDO)
    lip_range = LIP_TO_SKIN[gender]
    age_mean = AGE_SHAPE[0] / sum(AGE_SHAPE)
    age = age_mean + spread * (rng.beta(*AGE_SHAPE) - age_mean)
    freckles = max(0.0, spread * (-0.2 + 0.5 * rng.standard_normal()))
    texture_seed = int(rng.integers(2**31))
    count = rng.poisson(MOLES * spread**2)
    moles = np.stack(
        [rng.uniform(-55, 55, count), rng.uniform(-95, 60, count), rng.uniform(0.7, 1.8, count)], 1
    )
    return Complexion(
        skin=skin,
        hair=float(np.exp(_around_middle(darkest, fairest, spread, chances[0]))),
        iris=_around_middle(*IRIS_ALBEDO, spread, chances[1]),
        lip=skin * _around_middle(*lip_range, spread, chances[2]),
        specular=_around_middle(*SKIN_SPECULAR, spread, chances[3]),
        age=float(np.clip(age, 0, 1)),
        freckles=freckles,
        beard_opacity=_around_middle(0.70, 0.93, spread, chances[4]),
        texture_seed=texture_seed,
        moles=moles,
    )


def draw_identity(rng: np.random.Generator, gender: str, variance: float) -> Identity:
    """Draw a face.

    Parameters
    ----------
    rng : Generator
        Used for this person's shape and reflectance only.
    gender : {"male", "female"}
        Selects the means of the traits.
    variance : float
        Factor on the variance of everything drawn here; 1 is the spread of the tables.
    """
    spread = float(np.sqrt(variance))
    return Identity(
        gender=gender,
        head=_draw_traits(HeadTraits, rng, gender, spread),
        eyes=_draw_traits(EyeTraits, rng, gender, spread),
        brows=_draw_traits(BrowTraits, rng, gender, spread),
        nose=_draw_traits(NoseTraits, rng, gender, spread),
        mouth=_draw_traits(MouthTraits, rng, gender, spread),
        shape_field=_draw_field(rng, SHAPE_BASIS, SHAPE_FALL_OFF, spread * SHAPE_RMS),
        albedo_field=_draw_field(rng, ALBEDO_BASIS, ALBEDO_FALL_OFF, spread * ALBEDO_RMS),
        complexion=_draw_complexion(rng, gender, spread),
    )


def with_fine_detail(face: Identity, rng: np.random.Generator, strength: float) -> Identity:
    """Add finer random shape and albedo to a face, with ``strength`` times the spectra of real
    ones."""
    shape_rms, albedo_rms = np.exp(FINE_SPREAD * rng.standard_normal(2)) * strength
    shape = _finer(face.shape_field, rng, shape_rms * FINE_SHAPE_RMS, FINE_SHAPE_POWER)
    albedo = _finer(face.albedo_field, rng, albedo_rms * FINE_ALBEDO_RMS, FINE_ALBEDO_POWER)
    return replace(face, shape_field=shape, albedo_field=albedo)


def _finer(coarse: np.ndarray, rng: np.random.Generator, rms: float, power: float) -> np.ndarray:
    """Coefficients of a cosine field with those of ``coarse``, and finer ones that fall off."""
    frequency = np.hypot(*np.mgrid[:FINE_BASIS, :FINE_BASIS])
    finer = (frequency >= FINEST_COARSE) & (frequency < FINE_BASIS)
    weight = np.where(finer, (np.maximum(frequency, 1) / FINEST_COARSE) ** -power, 0)
    drawn = weight * rng.standard_normal(weight.shape) * rms / np.sqrt((weight**2).sum() / 4)
    drawn[: len(coarse), : len(coarse)] += coarse
    return drawn.astype(np.float32)

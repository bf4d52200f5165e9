"""Labels of people and of captures.

The frequencies were counted over the labels of all 3159 Photoface sessions (441 people, 72 of
them women).
"""

from dataclasses import dataclass

import numpy as np

FEMALE_FREQUENCY = 72 / 441
SPECTACLES_FREQUENCY = 0.268
SPECTACLES_KEPT = 0.92  # sqrt(0.84): two captures of one person agree in 84% of cases
FACIAL_HAIR_KEPT = 0.96  # sqrt(0.92), likewise
FACIAL_HAIR_OF_MEN = {
    "none": 0.674,
    "stubble": 0.130,
    "both": 0.126,
    "moustache": 0.066,
    "beard": 0.004,
}
EMOTIONS = {"blankstare": 0.767, "positive": 0.144, "emoOther": 0.077, "negative": 0.012}

# Lower bounds of poses 2 to 5 in degrees of absolute yaw. With a standard deviation of 10
# degrees they give the counted frequencies .841 .115 .032 .006 .005.
POSE_BOUNDS = (14.0, 20.0, 25.0, 28.0)
LARGEST_YAW = 40.0


@dataclass(frozen=True)
class Habits:
    """A person's gender and usual wear; captures may deviate in the last two."""

    gender: str
    spectacles: str
    facial_hair: str

    @property
    def female(self) -> bool:
        """Whether the person is a woman."""
        return self.gender == "female"


@dataclass(frozen=True)
class Attributes:
    """Labels of one capture, named as the columns of ``metadataII.txt``."""

    gender: str
    spectacles: str
    facial_hair: str
    pose: int
    emotion: str


def pick(frequencies: dict[str, float], chance: float) -> str:
    """Return the name at the quantile `chance`, in [0, 1), of the table of frequencies."""
    bounds = np.cumsum(list(frequencies.values()))
    index = int(np.searchsorted(bounds / bounds[-1], chance, side="right"))
    return list(frequencies)[index]


def _spectacles(chance: float) -> str:
    return "yes" if chance < SPECTACLES_FREQUENCY else "no"


def _facial_hair(gender: str, chance: float) -> str:
    return "none" if gender == "female" else pick(FACIAL_HAIR_OF_MEN, chance)


def draw_habits(rng: np.random.Generator) -> Habits:
    """Draw a person's gender and habits."""
    gender_chance, spectacles_chance, hair_chance = rng.random(3)
    gender = "female" if gender_chance < FEMALE_FREQUENCY else "male"
    return Habits(gender, _spectacles(spectacles_chance), _facial_hair(gender, hair_chance))


def pose_label(yaw: float) -> int:
    """Pose 1 (frontal) to 5 of a head turned by `yaw` degrees."""
    return 1 + int(np.searchsorted(POSE_BOUNDS, abs(yaw), side="right"))


def draw_attributes(
    rng: np.random.Generator, habits: Habits, yaw_sd: float
) -> tuple[Attributes, float]:
    """Draw one capture's labels and the yaw, in degrees, behind its pose label."""
    keep_spectacles, keep_hair, fresh_spectacles, fresh_hair, emotion = rng.random(5)
    yaw = float(np.clip(yaw_sd * rng.standard_normal(), -LARGEST_YAW, LARGEST_YAW))
    spectacles, facial_hair = habits.spectacles, habits.facial_hair
    if keep_spectacles >= SPECTACLES_KEPT:
        spectacles = _spectacles(fresh_spectacles)
    if keep_hair >= FACIAL_HAIR_KEPT:
        facial_hair = _facial_hair(habits.gender, fresh_hair)
    attributes = Attributes(
        gender=habits.gender,
        spectacles=spectacles,
        facial_hair=facial_hair,
        pose=pose_label(yaw),
        emotion=pick(EMOTIONS, emotion),
    )
    return attributes, yaw

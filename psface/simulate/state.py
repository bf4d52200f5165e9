"""What varies between a person's captures: pose, light, expression, clothes, motion."""

from dataclasses import dataclass

import numpy as np

from psface.simulate.expression import Expression, draw_expression
from psface.simulate.hair import HairStyle, draw_hair
from psface.simulate.identity import Identity, draw_identity, with_fine_detail
from psface.simulate.labels import Attributes, Habits, draw_attributes, draw_habits
from psface.simulate.light import EXPOSURE, LIGHT_ANGLES, Conditions
from psface.simulate.spectacles import Frame, draw_frame

PITCH_SD, ROLL_SD = 4.0, 3.0  # degrees
SCALE_RANGE = 0.04
POSITION_SD = 6.6  # mm
GAIN_RANGE, LIGHT_GAIN_RANGE = 0.06, 0.04
AMBIENT = (0.01, 0.05)
BACKGROUND = (0.01, 0.12)
CLOTHES = (0.03, 0.50)
TAN_RANGE = 0.02
NOISE_SPREAD = 0.8  # of the logarithm; the sensor's gain is set per capture
STATE_CLIP = 2.5  # standard deviations

# Every draw below has its own stream of random numbers, so that a parameter that changes one kind
# of draw leaves all others unchanged.
(
    HABITS,
    FACE,
    HAIR,
    FRAME,
    ATTRIBUTES,
    EXPRESSION,
    STATE,
    STUBBLE,
    MOTION,
    NOISE,
    FAULTS,
    AMBIENT_FRAME,
    LAMPS,
    TARGETS,
    RIG,
    FINE,
) = range(16)


def stream(seed: int, kind: int, person: int, session: int | None = None) -> np.random.Generator:
    """Random numbers of one kind for a person, or for one capture of a person."""
    key = (person, kind) if session is None else (person, kind, session)
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def rig_stream(seed: int, kind: int, number: int = 0) -> np.random.Generator:
    """Random numbers of one kind for the rig, which no person has: their keys are shorter."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(kind, number, 0, 0)))


@dataclass(frozen=True)
class Person:
    """What one person brings to every capture."""

    habits: Habits
    face: Identity
    hair: HairStyle
    frame: Frame


@dataclass(frozen=True)
class SessionState:
    """The state of one capture.

    Angles are in degrees: `yaw` turns the face to the image's right, `pitch` up, `roll`
    clockwise as seen in the image. `position` is that of the head in mm, x right and y up;
    `shifts` (4, 2) are the frames' displacements in px, x right and y down, the first zero.
    `noise` is the sensor's, in grey levels in the middle of the range.
    """

    attributes: Attributes
    expression: Expression
    hair: HairStyle
    yaw: float
    pitch: float
    roll: float
    scale: float
    position: tuple[float, float]
    background: float
    clothes: float
    tan: float
    conditions: Conditions
    shifts: np.ndarray
    noise: float


def draw_person(
    seed: int, person: int, identity_variance: float, fine_detail: float = 0.0
) -> Person:
    """Draw a person of the population."""
    habits = draw_habits(stream(seed, HABITS, person))
    face = draw_identity(stream(seed, FACE, person), habits.gender, identity_variance)
    if fine_detail:
        face = with_fine_detail(face, stream(seed, FINE, person), fine_detail)
    return Person(
        habits=habits,
        face=face,
        hair=draw_hair(stream(seed, HAIR, person), habits.gender),
        frame=draw_frame(stream(seed, FRAME, person)),
    )


def draw_session(
    seed: int,
    number: int,
    session: int,
    person: Person,
    yaw_sd: float,
    motion: float,
    noise: float,
    redraw_hair: bool,
) -> SessionState:
    """Draw capture `session` of person `number`.

    `yaw_sd` is in degrees, `motion` the largest shift of a frame along each axis in px, and
    `noise` the median of the captures' noise.
    """
    rng = stream(seed, ATTRIBUTES, number, session)
    attributes, yaw = draw_attributes(rng, person.habits, yaw_sd)
    expression = draw_expression(stream(seed, EXPRESSION, number, session), attributes.emotion)
    hair = person.hair
    if redraw_hair:
        hair = draw_hair(stream(seed, HAIR, number, session), person.habits.gender)
    rng = stream(seed, STATE, number, session)
    normal = rng.standard_normal(4).clip(-STATE_CLIP, STATE_CLIP)
    even = rng.uniform(-1, 1, 3)
    light_gains = 1 + LIGHT_GAIN_RANGE * rng.uniform(-1, 1, len(LIGHT_ANGLES))
    ambient, background, clothes = (
        rng.uniform(*limits) for limits in (AMBIENT, BACKGROUND, CLOTHES)
    )
    shifts = motion * stream(seed, MOTION, number, session).uniform(-1, 1, (len(LIGHT_ANGLES), 2))
    shifts[0] = 0
    gain = NOISE_SPREAD * np.clip(rng.standard_normal(), -STATE_CLIP, STATE_CLIP)
    return SessionState(
        attributes=attributes,
        expression=expression,
        hair=hair,
        yaw=yaw,
        pitch=PITCH_SD * float(normal[0]),
        roll=ROLL_SD * float(normal[1]),
        scale=1 + SCALE_RANGE * float(even[0]),
        position=(POSITION_SD * float(normal[2]), POSITION_SD * float(normal[3])),
        background=background,
        clothes=clothes,
        tan=TAN_RANGE * float(even[1]),
        conditions=Conditions(
            exposure=EXPOSURE * (1 + GAIN_RANGE * float(even[2])),
            light_gains=tuple(light_gains.tolist()),
            ambient=ambient,
            specular=1.0,
            cast_shadows=True,
        ),
        shifts=shifts,
        noise=float(noise * np.exp(gain)),
    )

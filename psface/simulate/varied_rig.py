"""A rig of its own for every capture, as captures from many places have.

A capture tells the directions of its lamps alone. How strong and how near they are it does not
tell, so stereo, which takes them for distant and equal, makes smooth errors in its maps.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from psface.simulate.simulate_params import SimulateParams
from psface.simulate.state import RIG, SessionState, stream
from psface.simulate.true_rig import TrueRig, picture_scale

COUNTS = (3, 4, 4, 4, 4, 5, 6, 8)  # of lamps, equally likely
ANGLES = (15.0, 58.0)  # degrees from the camera's axis
JITTER = 0.35  # of the sector about the axis that a lamp has
LARGEST_CONDITION = 8.0  # of the lamps' directions; others are drawn again
STRENGTH_SD = (0.0, 0.12)  # of the logarithm of the lamps' strengths
NEAR = 0.5  # share of the captures with near lamps
DISTANCE_MM = (450.0, 2500.0)  # of near lamps
GLOSS = (0.2, 1.6)  # factor on highlights
EXPOSURE = (-0.5, 0.1)  # logarithm of a factor


def capture_rig(
    params: SimulateParams, seed: int, number: int, session: int, state: SessionState
) -> tuple[TrueRig, SessionState]:
    """Draw the rig of capture `session` of person `number`, and the state of the capture with it.

    Returns
    -------
    tuple of TrueRig and SessionState
        The state has a shift and a gain for each lamp, and an exposure and highlights of its own.
    """
    rng = stream(seed, RIG, number, session)
    directions = _directions(rng)
    while np.linalg.cond(directions) > LARGEST_CONDITION:
        directions = _directions(rng)
    count = len(directions)
    strengths = np.exp(rng.uniform(*STRENGTH_SD) * rng.standard_normal(count))
    near, distance = rng.random() < NEAR, float(rng.uniform(*DISTANCE_MM))
    shifts = params.motion * rng.uniform(-1, 1, (count, 2))
    shifts[0] = 0
    conditions = replace(
        state.conditions,
        exposure=state.conditions.exposure * float(np.exp(rng.uniform(*EXPOSURE))),
        light_gains=(1.0,) * count,
        specular=float(rng.uniform(*GLOSS)),
    )
    rig = TrueRig(
        params=params.rig.model_copy(update={"lamp_distance_mm": distance if near else 0.0}),
        width=params.width,
        height=params.height,
        scale=picture_scale(params.width, params.height),
        directions=directions,
        strengths=strengths,
    )
    return rig, replace(state, shifts=shifts, conditions=conditions)


def _directions(rng: np.random.Generator) -> np.ndarray:
    """Unit vectors (n, 3) to lamps all about the camera's axis, in random order."""
    count = int(rng.choice(COUNTS))
    sector = np.arange(count) + rng.uniform(-JITTER, JITTER, count)
    azimuth = 2 * np.pi * (rng.random() + sector / count)
    angle = np.radians(rng.uniform(*ANGLES, count))
    across = np.sin(angle)
    vectors = np.stack([np.cos(azimuth) * across, np.sin(azimuth) * across, np.cos(angle)], 1)
    return vectors[rng.permutation(count)]

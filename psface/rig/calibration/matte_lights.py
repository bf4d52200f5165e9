"""Lights by matte balls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from psface.rig.calibration.ball_geometry import Ball
from psface.rig.calibration.ball_pictures import BallPictures
from psface.rig.calibration.calibrated_lights import Lights, Sight
from psface.rig.calibration.calibration_score import matte_errors
from psface.rig.calibration.matte_ball import (
    MatteShading,
    calibrate_matte,
    channel_lights,
    matte_shading,
    shadow_light,
)
from psface.rig.calibration.matte_fit import MatteFit
from psface.rig.calibration.reflectance import Points, radiance

DETERMINED = 0.05  # relative error of the distance, up to which a lamp's fall-off tells it
FALL_OFF_ERROR = 0.01  # of the brightness over a ball: what shading is not as in the model
GLOW = 0.015  # of the light: what reaches the shadow side
GLOW_DEG = 40.0  # error of directions for all of the light
UNEVEN = 0.05  # of a lamp's light to several places: it has an axis
BY_FALL_OFF = 3.0  # times the ball's diameter: how far a lamp's first guess is


def lights_by_mattes(
    seen: Sequence[tuple[BallPictures, Ball]], diameter_mm: float | None
) -> tuple[Lights, MatteShading, MatteFit]:
    """Lights by matte balls: positions if several places or the fall-off of light tell them.

    Raises
    ------
    UserError
        If the shading is not that of a matte ball under one lamp.
    """
    notes = []
    places = [matte_shading([one], diameter_mm) for one in seen]
    distant = [calibrate_matte(shading) for shading in places]
    shading, fit = places[0], distant[0]
    positions, errors = None, matte_errors(fit, seen[0][1].radius)
    if len(seen) > 1 and diameter_mm is None:
        shading = matte_shading(seen)
        fit = calibrate_matte(shading)
        notes.append("directions only: for positions, give --focal-px and --ball-diameter-mm")
    elif diameter_mm is not None:
        shading = matte_shading(seen, diameter_mm)
        guess = _first_positions(seen, distant, diameter_mm)
        near = calibrate_matte(shading, guess)
        if len(seen) > 1 and _unevenness(near) <= UNEVEN:
            even = replace(shading, points=replace(shading.points, places=None))
            together = np.column_stack([near.lamps[:, :3], near.lamps[:, 3:].mean(axis=1)])
            shading, near = even, calibrate_matte(even, together)
        middle = np.mean([ball.centre_mm(diameter_mm) for _, ball in seen], axis=0)
        to_lamps = near.lamps[:, :3] - middle
        distances = np.linalg.norm(to_lamps, axis=1)
        along = to_lamps / distances[:, None]
        spread = np.einsum("na,nab,nb->n", along, near.covariances[:, :3, :3], along)
        # The fall-off over a ball is the smaller the farther the lamp, unlike the model's error.
        model = FALL_OFF_ERROR * float(np.median(distances)) / diameter_mm
        uncertain = float(np.hypot(np.sqrt(np.median(spread / distances**2)), model))
        if len(seen) > 1 or uncertain < DETERMINED:
            fit, positions = near, near.lamps[:, :3]
            if len(seen) == 1:
                notes.append(f"distances by the fall-off of light, within {uncertain:.1%}")
        else:
            shading = places[0]
            notes.append(
                "directions only: the fall-off over one ball leaves distances open (within "
                f"{min(uncertain, 9.99):.0%}); take pictures with the ball in two places or more"
            )
    glow = shadow_light(shading, fit)
    if glow > GLOW:
        errors = np.hypot(errors, GLOW_DEG * glow)
        notes.append(
            f"{glow:.1%} of the lamps' light is in the shadow side of the ball, which turns "
            "directions; darken the room, or give --ambient"
        )
    if positions is None:
        directions = fit.lamps / np.linalg.norm(fit.lamps, axis=1, keepdims=True)
        strengths = np.linalg.norm(fit.lamps, axis=1)
    else:
        directions, strengths = along, np.exp(fit.lamps[:, 3:].mean(axis=1))
        if (uneven := _unevenness(fit)) > UNEVEN:
            notes.append(
                f"lamps shine up to {np.expm1(uneven):.0%} more to one place than to another: they "
                "weaken off their axes, which is not calibrated"
            )
    intensities = strengths[:, None] * channel_lights(shading, fit)
    size = None if positions is None else diameter_mm
    sights = tuple(
        Sight(
            pictures, ball, None, None,
            _rest(pictures, ball, _at_place(fit, place), size),
        )
        for place, (pictures, ball) in enumerate(seen)
    )  # fmt: skip
    lights = Lights(directions, positions, intensities, fit.residuals, errors, sights, tuple(notes))
    return lights, shading, fit


def _first_positions(
    seen: Sequence[tuple[BallPictures, Ball]], fits: Sequence[MatteFit], diameter_mm: float
) -> np.ndarray:
    """Lamps (n, 3 + places) where the directions from balls meet, or a few diameters from one."""
    centres = np.array([ball.centre_mm(diameter_mm) for _, ball in seen])
    rays = np.array([fit.lamps / np.linalg.norm(fit.lamps, axis=1, keepdims=True) for fit in fits])
    middle = centres.mean(axis=0)
    if len(seen) == 1:
        positions = middle + rays[0] * BY_FALL_OFF * diameter_mm
    else:
        across = np.eye(3) - rays[..., :, None] * rays[..., None, :]
        left = across.sum(axis=0) + 1e-6 * np.eye(3)
        right = np.einsum("mnab,mb->na", across, centres) + 1e-6 * middle
        positions = np.linalg.solve(left, right[..., None])[..., 0]
        behind = ((positions - middle) * rays.mean(axis=0)).sum(axis=1) < diameter_mm
        positions[behind] = middle + rays.mean(axis=0)[behind] * BY_FALL_OFF * diameter_mm
    squares = ((positions - centres[0]) ** 2).sum(axis=1)
    lights = np.linalg.norm(fits[0].lamps, axis=1)
    strengths = np.log(lights * squares)
    return np.column_stack([positions, np.repeat(strengths[:, None], len(seen), axis=1)])


def _unevenness(fit: MatteFit) -> float:
    """Range of the logarithms of a near lamp's light to the places, the widest of all lamps."""
    return float(np.ptp(fit.lamps[:, 3:], axis=1).max())


def _at_place(fit: MatteFit, place: int) -> MatteFit:
    """The fit with each near lamp's light at one of the places."""
    if fit.lamps.shape[1] <= 4:
        return fit
    return replace(fit, lamps=fit.lamps[:, [0, 1, 2, 3 + place]])


def _rest(
    pictures: BallPictures, ball: Ball, fit: MatteFit, diameter_mm: float | None
) -> np.ndarray:
    """See `Sight`."""
    _, height, width = pictures.frames.shape
    y, x = np.mgrid[:height, :width]
    near = np.hypot(x - ball.x, y - ball.y) < ball.radius * 1.2
    normals, to_camera, inside = ball.surface(np.stack([x[near], y[near]], axis=1).astype(float))
    positions = None
    if diameter_mm is not None:
        positions = ball.centre_mm(diameter_mm) + normals * diameter_mm / 2
    points = Points(normals, (normals * to_camera).sum(axis=1), positions)
    rest = np.zeros(pictures.frames.shape, np.float32)
    for number in range(len(rest)):  # one by one, for memory
        seen, light, _ = radiance(fit.lamps[number : number + 1], fit.shape, points)
        rest[number][near] = inside * (pictures.frames[number][near] - seen[0]) / light[0]
    return rest

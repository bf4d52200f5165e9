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
from psface.rig.calibration.matte_fit import MatteFit, first_guess
from psface.rig.calibration.reflectance import Points, radiance
from psface.rig.calibration.response_check import check_curve

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
    shading = matte_shading(seen[:1] if diameter_mm is not None else seen)
    fit = calibrate_matte(shading)
    if "response" not in seen[0][1].camera.model_fields_set:
        check_curve(shading, fit, "give --response srgb, or --response linear if they are")
    errors = matte_errors(fit, seen[0][1].radius)
    positions = None
    if diameter_mm is not None:
        near_shading, near, uncertain = _near(seen, diameter_mm)
        if len(seen) > 1 or uncertain < DETERMINED:
            shading, fit, positions = near_shading, near, near.lamps[:, :3]
            if len(seen) == 1 or uncertain > DETERMINED:
                notes.append(f"distances of lamps within about {uncertain:.0%}")
        else:
            notes.append(
                "directions only: the fall-off over one ball leaves distances open (within "
                f"{min(uncertain, 9.99):.0%}); take pictures with the ball in two places or more"
            )
    elif len(seen) > 1:
        notes.append("directions only: for positions, give --focal-px and --ball-diameter-mm")
    glow = shadow_light(shading, fit)
    if glow > GLOW:
        errors = np.hypot(errors, GLOW_DEG * glow)
        notes.append(
            f"{glow:.1%} of the lamps' light is in the shadow side of the ball, which turns "
            "directions; darken the room, or give --ambient"
        )
    size = None
    towards, strengths = fit.lamps, np.linalg.norm(fit.lamps, axis=1)
    if positions is not None and diameter_mm is not None:
        size = diameter_mm
        towards = positions - np.mean([ball.centre_mm(size) for _, ball in seen], axis=0)
        strengths = np.exp(fit.lamps[:, 3:].mean(axis=1))
        if (uneven := _unevenness(fit)) > UNEVEN:
            notes.append(
                f"lamps shine up to {np.expm1(uneven):.0%} more to one place than to another: they "
                "weaken off their axes, which is not calibrated"
            )
    sights = tuple(
        Sight(pictures, ball, None, None, _rest(pictures, ball, _at_place(fit, place), size))
        for place, (pictures, ball) in enumerate(seen)
    )
    lights = Lights(
        towards / np.linalg.norm(towards, axis=1, keepdims=True), positions,
        strengths[:, None] * channel_lights(shading, fit), fit.residuals, errors, sights,
        tuple(notes),
    )  # fmt: skip
    return lights, shading, fit


def _near(
    seen: Sequence[tuple[BallPictures, Ball]], diameter_mm: float
) -> tuple[MatteShading, MatteFit, float]:
    """A fit of positions, and the relative error of their distances."""
    shading = matte_shading(seen, diameter_mm)
    fit = calibrate_matte(shading, _first_positions(seen, diameter_mm))
    middle = np.mean([ball.centre_mm(diameter_mm) for _, ball in seen], axis=0)
    to_lamps = fit.lamps[:, :3] - middle
    squares = (to_lamps**2).sum(axis=1)
    along = np.einsum("na,nab,nb->n", to_lamps, fit.covariances[:, :3, :3], to_lamps)
    uncertain = float(np.sqrt(np.median(along)) / np.median(squares))
    if len(seen) == 1:
        # The fall-off over a ball is the smaller the farther the lamp, unlike the model's error.
        model = FALL_OFF_ERROR * float(np.sqrt(np.median(squares))) / diameter_mm
        uncertain = float(np.hypot(uncertain, model))
    return shading, fit, uncertain


def _first_positions(seen: Sequence[tuple[BallPictures, Ball]], diameter_mm: float) -> np.ndarray:
    """Lamps (n, 3 + places) where the directions from balls meet, or a few diameters from one."""
    centres = np.array([ball.centre_mm(diameter_mm) for _, ball in seen])
    places = [matte_shading([one]) for one in seen]
    lights = np.array([first_guess(place.values, place.points) for place in places])
    rays = lights / np.linalg.norm(lights, axis=2, keepdims=True)
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
    strengths = np.log(np.linalg.norm(lights[0], axis=1) * squares)
    return np.column_stack([positions, np.repeat(strengths[:, None], len(seen), axis=1)])


def _unevenness(fit: MatteFit) -> float:
    """How differently near lamps shine to the places: the widest range of logarithms.

    What all lamps share, such as another exposure, does not count.
    """
    light = fit.lamps[:, 3:]
    return float(np.ptp(light - light.mean(axis=0), axis=1).max())


def _at_place(fit: MatteFit, place: int) -> MatteFit:
    """The fit with each near lamp's light at one of the places."""
    if fit.lamps.shape[1] == 3:
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

"""Light directions and intensities from matte balls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from psface.errors import UserError
from psface.rig.calibration.ball_geometry import Ball
from psface.rig.calibration.ball_pictures import BallPictures
from psface.rig.calibration.matte_fit import MatteFit, first_guess, fit_matte
from psface.rig.calibration.reflectance import Points, radiance

MOST_POINTS = 3000  # used of all balls together
RIM = 0.985  # of the radius: pixels beyond are partly background
SECTORS = 12  # parts of a ball, for its errors
DARK = 0.04  # of the brightest frame: a ball that a lamp does not light
SATURATED = 0.15  # of the lit points
FEWEST_LEVELS = 16  # of grey on a ball, for its shading
FEWEST_DARK = 30  # points, to tell the light in a lamp's shadow
POOR = 0.12  # relative residual
SHADOWED = 0.5  # of the points that a lamp should light


@dataclass(frozen=True)
class MatteShading:
    """Points of matte balls in their pictures.

    Attributes
    ----------
    points : Points
    values : (n, P)
    usable : (n, P) bool
        Not saturated.
    parts : (P,) int
        Number of the part of a ball.
    pixels : (P, 2) int
    places : (P,) int
        Number of the ball.
    colours : (n, P, 3) or None
    paths : tuple of Path
        Of the frames of the first ball.
    """

    points: Points
    values: np.ndarray
    usable: np.ndarray
    parts: np.ndarray
    pixels: np.ndarray
    places: np.ndarray
    colours: np.ndarray | None
    paths: tuple[object, ...]


def matte_shading(
    seen: Sequence[tuple[BallPictures, Ball]], diameter_mm: float | None = None
) -> MatteShading:
    """Sample the pictures of matte balls.

    Parameters
    ----------
    seen : sequence of (BallPictures, Ball)
        The same lamps in all.
    diameter_mm : float, optional
        If known, the points get positions.

    Raises
    ------
    UserError
        If a lamp does not light a ball.
    """
    samples = [
        _sampled(pictures, ball, number, MOST_POINTS // len(seen), diameter_mm)
        for number, (pictures, ball) in enumerate(seen)
    ]
    first = samples[0]
    if len(samples) == 1:
        return first
    joined: dict[str, Any] = {
        name: np.concatenate([getattr(s, name) for s in samples], axis=axis)
        for name, axis in (("values", 1), ("usable", 1), ("parts", 0), ("pixels", 0), ("places", 0))
    }
    of = [s.points for s in samples]
    positions = [p.positions for p in of if p.positions is not None]
    points = Points(
        np.concatenate([p.normals for p in of]),
        np.concatenate([p.cosines for p in of]),
        np.concatenate(positions) if positions else None,
        joined["places"],
    )
    colours = [s.colours for s in samples if s.colours is not None]
    coloured = np.concatenate(colours, axis=1) if len(colours) == len(samples) else None
    return replace(first, points=points, colours=coloured, **joined)


def _sampled(
    pictures: BallPictures, ball: Ball, place: int, most: int, diameter_mm: float | None
) -> MatteShading:
    _, height, width = pictures.frames.shape
    y, x = np.mgrid[:height, :width]
    near = np.hypot(x - ball.x, y - ball.y) < 1.3 * ball.radius
    pixels = np.stack([x[near], y[near]], axis=1)
    normals, to_camera, inside = ball.surface(pixels.astype(np.float64))
    cosines = (normals * to_camera).sum(axis=1)
    # The rim's pixels are blurred with the background, in a small ball more of them.
    rim = min(RIM, 1 - 1.5 / ball.radius)
    kept = np.flatnonzero(inside & (cosines > np.sqrt(1 - rim**2)))
    step = max(1, int(np.sqrt(len(kept) / most)))
    kept = kept[(pixels[kept] % step == 0).all(axis=1)]
    pixels, normals, cosines = pixels[kept], normals[kept], cosines[kept]
    turn = np.arctan2(pixels[:, 1] - ball.y, pixels[:, 0] - ball.x)
    sector = ((turn / (2 * np.pi) + 0.5) * SECTORS).astype(int) % SECTORS
    positions = None
    if diameter_mm is not None:
        positions = ball.centre_mm(diameter_mm) + normals * diameter_mm / 2
    rows, columns = pixels[:, 1], pixels[:, 0]
    values = pictures.frames[:, rows, columns].astype(np.float64)
    bright = np.percentile(values, 95, axis=1)
    for number in np.flatnonzero(bright < DARK * bright.max()):
        raise UserError(
            f"{pictures.paths[number]}: the ball at ({ball.x:.0f}, {ball.y:.0f}) is dark; is the "
            "lamp off, or the ball in shadow? take the picture again, or leave it out"
        )
    levels = np.array([len(np.unique(row)) for row in values])
    clipped = pictures.clipped[:, rows, columns].mean(axis=1) > SATURATED  # is told later
    for number in np.flatnonzero((levels < FEWEST_LEVELS) & ~clipped):
        raise UserError(
            f"{pictures.paths[number]}: only {levels[number]} levels of grey on the ball at "
            f"({ball.x:.0f}, {ball.y:.0f}), too dark for its shading; expose more, or save 16 bits"
        )
    colours = pictures.colours[:, rows, columns] if pictures.colours is not None else None
    return MatteShading(
        Points(normals, cosines, positions), values, ~pictures.clipped[:, rows, columns],
        place * SECTORS + sector, pixels, np.full(len(pixels), place), colours, pictures.paths,
    )  # fmt: skip


def calibrate_matte(shading: MatteShading, guess: np.ndarray | None = None) -> MatteFit:
    """Fit the lamps to the shading of matte balls.

    Parameters
    ----------
    guess : (n, 3) or (n, 3 + places), optional
        See `MatteFit`; distant lamps by plain least squares if not given.

    Raises
    ------
    UserError
        If a frame is saturated or half in shadow, or no lamp explains it.
    """
    points = shading.points
    if guess is None:
        guess = first_guess(shading.values, points)
    fit = fit_matte(shading.values, shading.usable, points, shading.parts, guess)
    seen, _, cosines = radiance(fit.lamps, fit.shape, points)
    for number, path in enumerate(shading.paths):
        lit = cosines[number] > 0.1
        saturated = float(np.mean(~shading.usable[number][lit])) if lit.any() else 0.0
        if saturated > SATURATED:
            raise UserError(
                f"{path}: {saturated:.0%} of the lit ball is saturated; take the pictures again "
                "with less exposure"
            )
        counted = shading.usable[number] & lit
        shadowed = counted & (shading.values[number] < 0.5 * seen[number])
        if shadowed.sum() > SHADOWED * max(counted.sum(), 1):
            raise UserError(
                f"{path}: half of the ball is in shadow, or it is not matte; take the picture "
                "again, or leave it out"
            )
        if not fit.residuals[number] < POOR:
            raise UserError(
                f"{path}: one lamp does not explain the ball's shading (residual "
                f"{fit.residuals[number]:.0%}); is it matte, of one colour, the picture linear "
                "(--response) and only one lamp on?"
            )
    return fit


def channel_lights(shading: MatteShading, fit: MatteFit) -> np.ndarray:
    """Light of each lamp in each colour channel, (n, 3), of that of the fit, by a grey ball."""
    if shading.colours is None:
        return np.ones((len(fit.lamps), 3))
    seen, light, _ = radiance(fit.lamps, fit.shape, shading.points)
    weights = fit.weights / np.maximum(seen + 0.1 * light, 1e-9) ** 2
    total = (weights * seen**2).sum(axis=1)
    return np.einsum("np,npc,np->nc", weights, shading.colours, seen) / total[:, None]


def shadow_light(shading: MatteShading, fit: MatteFit) -> float:
    """Light on the sides of balls that their lamps do not reach, as a share of the lamps'."""
    _, light, cosines = radiance(fit.lamps, fit.shape, shading.points)
    shares = [
        float(np.median((values / strength)[dark]))
        for values, strength, dark in zip(shading.values, light, cosines < -0.1, strict=True)
        if dark.sum() > FEWEST_DARK
    ]
    return float(np.median(shares)) if shares else 0.0

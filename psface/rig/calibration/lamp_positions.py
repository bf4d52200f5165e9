"""Positions of near lamps, from their reflections in balls at several places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.optimize import least_squares

from psface.errors import UserError
from psface.rig.calibration.ball_geometry import Ball, camera_rays, in_picture
from psface.rig.calibration.mirror_ball import CENTROID, Highlights

PARALLEL = 1.0  # degrees between rays to one lamp; nearer, its distance is not known
DRAWS = 30  # of the errors of outlines and highlights
FAR_OFF = 0.03  # of the radius: a highlight that the position does not explain


def positions_by_reflection(
    sights: Sequence[tuple[Ball, Highlights]], diameter_mm: float, paths: Sequence[Path]
) -> tuple[np.ndarray, np.ndarray]:
    """Find where the reflected rays of n lamps meet: positions (n, 3) in mm, residuals (n,) in px.

    The rays give a first guess by least squares; the distances between the highlights that a
    position predicts and those found, in pixels, are then minimised.

    Parameters
    ----------
    sights : sequence of (Ball, Highlights)
        At least two balls, seen by one perspective camera.
    paths : sequence of Path
        Of the lamps' pictures, for messages.

    Raises
    ------
    UserError
        If rays are parallel or do not meet.
    """
    guess = meeting_points(sights, diameter_mm)
    out, residuals = [], []
    for number, path in enumerate(paths):
        rays = np.array([found.directions[number] for _, found in sights])
        angle = np.degrees(np.arccos(np.clip((rays @ rays.T).min(), -1, 1)))
        if angle < PARALLEL:
            raise UserError(
                f"{path}: the balls see the lamp within {angle:.1f} degrees, too little for its "
                "distance; put them farther apart, or calibrate directions, without "
                "--ball-diameter-mm"
            )

        def missed(position: np.ndarray, number: int = number) -> np.ndarray:
            return np.concatenate(
                [
                    ball.reflection(position, diameter_mm) - found.points[number]
                    for ball, found in sights
                ]
            )

        best = least_squares(missed, guess[number], x_scale=100.0)
        residual = float(np.sqrt(np.mean(best.fun**2) * 2))
        smallest = min(ball.radius for ball, _ in sights)
        if not residual < max(FAR_OFF * smallest, 1.0):
            raise UserError(
                f"{path}: no position explains the highlights (residual {residual:.1f} px); was "
                "the lamp or the camera moved, or is --focal-px or --ball-diameter-mm wrong?"
            )
        out.append(best.x)
        residuals.append(residual)
    return np.array(out), np.array(residuals)


def meeting_points(sights: Sequence[tuple[Ball, Highlights]], diameter_mm: float) -> np.ndarray:
    """Points (n, 3) in mm with the least squared distance to each lamp's reflected rays."""
    count = len(sights[0][1].points)
    left, right = np.zeros((count, 3, 3)), np.zeros((count, 3))
    for ball, found in sights:
        start = ball.centre_mm(diameter_mm) + found.normals * diameter_mm / 2
        rays = found.directions
        across = np.eye(3) - rays[:, :, None] * rays[:, None, :]
        left += across
        right += np.einsum("nab,nb->na", across, start)
    left += 1e-9 * np.eye(3)  # of parallel rays, which are refused later
    return np.linalg.solve(left, right[..., None])[..., 0]


def position_errors(
    sights: Sequence[tuple[Ball, Highlights]], diameter_mm: float, outline_px: float, seed: int = 0
) -> np.ndarray:
    """Draw errors (draws, n, 3) of `meeting_points` in mm, by those of what was found.

    Parameters
    ----------
    outline_px : float
        Error of the balls' middles and radii.
    """
    rng = np.random.default_rng(seed)
    draws = []
    for _ in range(DRAWS):
        drawn = []
        for ball, found in sights:
            moved = _moved(ball, rng.normal(0, outline_px, 3))
            size = CENTROID * found.radii[:, None]
            points = found.points + rng.normal(0, 1, found.points.shape) * size
            normals, to_camera, _ = moved.surface(points)
            drawn.append(
                (moved, replace(found, points=points, normals=normals, to_camera=to_camera))
            )
        draws.append(meeting_points(drawn, diameter_mm))
    return np.array(draws) - np.mean(draws, axis=0)


def _moved(ball: Ball, shift: np.ndarray) -> Ball:
    """A ball shifted by (x, y) pixels and larger by the third number."""
    assert ball.axis is not None
    middle = in_picture(ball.axis[None], ball.camera) + shift[:2]
    sine = ball.sine * (1 + shift[2] / ball.radius)
    return replace(ball, axis=camera_rays(middle, ball.camera)[0], sine=sine)

"""Lights by mirror balls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from psface.errors import UserError
from psface.rig.calibration.ball_geometry import Ball
from psface.rig.calibration.ball_pictures import BallPictures
from psface.rig.calibration.calibrated_lights import Lights, Sight
from psface.rig.calibration.calibration_score import OUTLINE_PX
from psface.rig.calibration.lamp_positions import position_errors, positions_by_reflection
from psface.rig.calibration.mirror_ball import Highlights, find_highlights

LARGE = 1.8  # times the median area of highlights
UNCHECKED = "one mirror ball: its residual is 0 by construction; a second one or --matte checks it"


def lights_by_mirrors(
    seen: Sequence[tuple[BallPictures, Ball]], diameter_mm: float | None
) -> Lights:
    """Lights by mirror balls: positions if there are several of known size, else directions.

    Raises
    ------
    UserError
        If a highlight is missing or ambiguous, or the balls contradict each other.
    """
    found = [find_highlights(pictures, ball) for pictures, ball in seen]
    pairs = [(ball, highlights) for (_, ball), highlights in zip(seen, found, strict=True)]
    paths = seen[0][0].paths
    notes = []
    positions = None
    if diameter_mm is not None and len(seen) > 1:
        positions, residuals = positions_by_reflection(pairs, diameter_mm, paths)
        middle = np.mean([ball.centre_mm(diameter_mm) for ball, _ in pairs], axis=0)
        to_lamps = positions - middle
        spread = position_errors(pairs, diameter_mm, OUTLINE_PX)
        distances = np.linalg.norm(to_lamps, axis=1)
        directions = to_lamps / distances[:, None]
        along = (spread * directions).sum(axis=2, keepdims=True)
        across = np.linalg.norm(spread - along * directions, axis=2)
        errors = np.degrees(np.sqrt((across**2).mean(axis=0)) / distances)
    else:
        total = np.sum([highlights.directions for highlights in found], axis=0)
        directions = total / np.linalg.norm(total, axis=1, keepdims=True)
        each = [highlights.errors(ball, OUTLINE_PX) for ball, highlights in pairs]
        errors = np.sqrt(np.sum(np.square(each), axis=0)) / len(each)
        residuals = _missed(pairs, directions)
        if len(seen) == 1:
            notes.append(UNCHECKED)
            if diameter_mm is not None:
                notes.append("directions only: positions need mirror balls in two places or more")
        else:
            notes.append("directions only: for positions, give --focal-px and --ball-diameter-mm")
            _check_agreeing(residuals, pairs, seen)
    targets = directions if positions is None else positions
    size = None if positions is None else diameter_mm
    sights = tuple(
        Sight(
            pictures, ball, highlights.points,
            np.array([ball.reflection(target, size) for target in targets]),
        )
        for (pictures, ball), highlights in zip(seen, found, strict=True)
    )  # fmt: skip
    notes += _large(found, paths)
    energies = None
    if not any(highlights.saturated.any() for highlights in found):
        # A mirror ball shows all directions at one scale, so that the sum of a highlight's values
        # is the light that arrives.
        energies = np.mean([highlights.energies for highlights in found], axis=0)
        if positions is not None:
            energies = energies * distances**2
        energies = np.repeat(energies[:, None], 3, axis=1)
        notes.append("intensities by the highlights, none of which is saturated")
    return Lights(directions, positions, energies, residuals, errors, sights, tuple(notes))


def checked_by(lights: Lights, directions: np.ndarray) -> Lights:
    """Lights of one mirror ball with residuals against other directions (n, 3)."""
    [sight] = lights.sights
    predicted = np.array([sight.ball.reflection(direction) for direction in directions])
    assert sight.found is not None
    return replace(
        lights,
        residuals=np.hypot(*(predicted - sight.found).T),
        sights=(replace(sight, predicted=predicted),),
        notes=tuple(note for note in lights.notes if note != UNCHECKED),
    )


def _missed(pairs: list, directions: np.ndarray) -> np.ndarray:
    """Root mean square distance (n,) in pixels of the highlights from those of directions."""
    squares = [
        (np.array([ball.reflection(d) for d in directions]) - found.points) ** 2
        for ball, found in pairs
    ]
    return np.sqrt(np.mean([square.sum(axis=1) for square in squares], axis=0))


def _large(found: Sequence[Highlights], paths: Sequence[Path]) -> list[str]:
    """Notes on highlights that may be those of two lamps beside each other."""
    areas = np.mean([highlights.radii**2 for highlights in found], axis=0)
    times = areas / np.median(areas)
    return [
        f"the highlight of {paths[int(i)].name} is {times[i]:.1f} times as large as is usual; was "
        "another lamp on?"
        for i in np.flatnonzero(times > LARGE)
    ]


def _check_agreeing(
    residuals: np.ndarray, pairs: list, seen: Sequence[tuple[BallPictures, Ball]]
) -> None:
    worst = int(np.argmax(residuals))
    if residuals[worst] > 0.1 * min(ball.radius for ball, _ in pairs):
        raise UserError(
            f"{seen[0][0].paths[worst]}: the balls' highlights are of different directions "
            f"(residual {residuals[worst]:.1f} px): the lamp is near; give --focal-px and "
            "--ball-diameter-mm for its position"
        )

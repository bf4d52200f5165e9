"""Calibrate a rig from pictures of mirror and matte balls, one picture per lamp."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from psface.errors import UserError
from psface.rig.calibration.ball_geometry import Ball
from psface.rig.calibration.ball_outline import balls_of_mask, checked, find_balls
from psface.rig.calibration.ball_pictures import BallPictures
from psface.rig.calibration.calibrated_lights import Lights, Sight
from psface.rig.calibration.calibration_score import score
from psface.rig.calibration.matte_ball import calibrate_matte, channel_lights, matte_shading
from psface.rig.calibration.matte_lights import lights_by_mattes
from psface.rig.calibration.mirror_ball import is_mirror
from psface.rig.calibration.mirror_lights import checked_by, lights_by_mirrors
from psface.rig.calibration.reflectance import radiance
from psface.rig.rig import Rig, parse_camera, parse_rig
from psface.rig.rig_parts import Camera
from psface.vectors import angles

Kind = Literal["mirror", "matte"]
FLAT = 0.03  # of the directions' largest singular value: lamps in a plane
DISAGREEING = 10.0  # degrees between mirror and matte ball, in the median: not the same lamps
GREY = 0.01  # differences of a lamp's channels that are not given


@dataclass(frozen=True)
class Calibrated:
    """A calibrated rig, and how well each lamp fits.

    Attributes
    ----------
    rig : Rig
    residuals : (n,)
        Of the lamps; see `unit`.
    errors : (n,)
        Estimated, of the directions, in degrees.
    unit : str
        ``px`` between found and predicted highlights, or ``of light``, of matte shading.
    disagreement : (n,) or None
        Angles in degrees between the directions by mirror and matte balls.
    sights : tuple of Sight
    notes : tuple of str
        What was assumed or could not be found.
    """

    rig: Rig
    residuals: np.ndarray
    errors: np.ndarray
    unit: str
    disagreement: np.ndarray | None
    sights: tuple[Sight, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class BallSizes:
    """What is known of the balls and their place.

    Attributes
    ----------
    diameter_mm, matte_diameter_mm : float or None
        Of the balls, and of a matte one besides mirror balls.
    distance_mm : float or None
        From the camera to faces; that of the balls if not given.
    """

    diameter_mm: float | None = None
    matte_diameter_mm: float | None = None
    distance_mm: float | None = None


def calibrate_rig(
    places: Sequence[BallPictures],
    camera: Camera,
    kind: Kind | None = None,
    matte: BallPictures | None = None,
    sizes: BallSizes | None = None,
    date: str = "",
) -> Calibrated:
    """Calibrate a rig.

    Parameters
    ----------
    places : sequence of BallPictures
        One per folder: the same lamps, with balls in other places. There may be several mirror
        balls in one picture.
    camera : Camera
        Positions need its focal length.
    kind : str, optional
        Of the balls; told apart if not given.
    matte : BallPictures, optional
        Of a matte ball under the same lamps, besides mirror balls: their intensities.
    sizes : BallSizes, optional
    date : str
        YYYY-MM-DD.

    Raises
    ------
    UserError
        If something cannot be trusted; the message says what, and in which picture.
    """
    sizes = sizes or BallSizes()
    _check_folders([*places, *([matte] if matte else [])])
    camera = sized(camera, places[0])
    if sizes.diameter_mm is not None and camera.focal_px is None:
        raise UserError("--ball-diameter-mm gives positions only with --focal-px; give both")
    seen, kind = _balls(places, camera, kind)
    if kind == "matte":
        if matte is not None:
            raise UserError(f"{matte.folder}: --matte is for mirror balls; give it as a folder")
        lights, _, _ = lights_by_mattes(seen, sizes.diameter_mm)
        disagreement = None
    else:
        lights = lights_by_mirrors(seen, sizes.diameter_mm)
        disagreement = None
        if matte is not None:
            lights, disagreement = _with_matte(lights, matte, camera, sizes)
    names = places[0].names
    _check_lights(lights, places[0])
    targets = [*places, *([matte] if matte else [])]
    balls = [ball for _, ball in seen]
    method = {"mirror": "mirror ball", "matte": "matte ball"}[kind] + "s" * (len(balls) > 1)
    method += " and a matte ball" if matte else ""
    estimate = score(lights.errors, disagreement)
    description = {
        "date": date, "method": method, "score_deg": round(estimate, 3),
        "targets": [str(target.folder) for target in targets],
    }  # fmt: skip
    rig = _rig(lights, camera, names, description, _distance(lights, balls, sizes))
    notes = list(lights.notes)
    if lights.intensities is None:
        notes.append(
            "intensities are taken as equal: saturated highlights do not tell them; give --matte"
        )
    return Calibrated(
        rig, lights.residuals, lights.errors, "px" if kind == "mirror" else "of light",
        disagreement, lights.sights, tuple(notes),
    )  # fmt: skip


def sized(camera: Camera, pictures: BallPictures) -> Camera:
    """Give a camera the size of its pictures.

    Raises
    ------
    UserError
        If it has another.
    """
    height, width = pictures.frames.shape[1:]
    if camera.width_px is not None and (camera.width_px, camera.height_px) != (width, height):
        raise UserError(
            f"{pictures.paths[0]}: {width}x{height} pixels, and the camera has "
            f"{camera.width_px}x{camera.height_px}; give uncropped pictures, or another --camera"
        )
    known = camera.model_dump(exclude_unset=True) | {"width_px": width, "height_px": height}
    return parse_camera(known, Path("--focal-px"))


def _check_folders(places: Sequence[BallPictures]) -> None:
    first = places[0]
    for other in places[1:]:
        if other.folder == first.folder:
            raise UserError(f"{other.folder}: given twice")
        if other.names != first.names:
            raise UserError(
                f"{other.folder}: its pictures ({', '.join(other.names[:3])} ...; "
                f"{len(other.names)}) are not named as those of {first.folder} "
                f"({', '.join(first.names[:3])} ...; {len(first.names)}); name each after its lamp"
            )
        if other.frames.shape != first.frames.shape:
            raise UserError(f"{other.folder}: pictures of another size than in {first.folder}")


def _balls(
    places: Sequence[BallPictures], camera: Camera, kind: Kind | None
) -> tuple[list[tuple[BallPictures, Ball]], Kind]:
    """The balls of all pictures, and what they are."""
    seen: list[tuple[BallPictures, Ball]] = []
    for pictures in places:
        rough = _outlines(pictures, camera)
        if kind is None:
            told = {is_mirror(pictures, ball) for ball in rough}
            if told not in ({True}, {False}):
                raise UserError(
                    f"{pictures.folder}: mirror or matte balls? give --kind mirror or --kind matte"
                )
            kind = "mirror" if told == {True} else "matte"
        elif kind == "matte" and any(is_mirror(pictures, ball) for ball in rough):
            raise UserError(
                f"{pictures.folder}: a mirror ball by its looks; give pictures of a matte one"
            )
        for ball in rough:
            if pictures.mask_path is not None:
                ball = checked(ball, pictures.frames, kind == "mirror", pictures.mask_path)
            seen.append((pictures, ball))
    assert kind is not None
    return seen, kind


def _outlines(pictures: BallPictures, camera: Camera) -> list[Ball]:
    if pictures.mask is not None and pictures.mask_path is not None:
        return balls_of_mask(pictures.mask, camera, pictures.mask_path)
    return find_balls(pictures.frames, camera, pictures.folder)


def _with_matte(
    lights: Lights, matte: BallPictures, camera: Camera, sizes: BallSizes
) -> tuple[Lights, np.ndarray]:
    """Lights with the intensities of a matte ball, and how far it disagrees with them."""
    seen, _ = _balls([matte], camera, "matte")
    by_matte, shading, fit = lights_by_mattes(seen[:1], None)
    diameter = sizes.matte_diameter_mm or sizes.diameter_mm
    intensities, expected, found = by_matte.intensities, lights.directions, by_matte.directions
    if lights.positions is not None and diameter is not None:
        # A near lamp's strength is that of the light at the ball, undone by the distance.
        shading = matte_shading(seen[:1], diameter)
        place = seen[0][1].centre_mm(diameter)
        expected = lights.positions - place
        unit = np.column_stack([lights.positions, np.zeros(len(expected))])
        one = radiance(unit, fit.shape, shading.points)[0]
        weights = fit.weights / np.maximum(one / one.max(axis=1, keepdims=True), 0.1) ** 2
        strengths = (weights * one * shading.values).sum(axis=1) / (weights * one**2).sum(axis=1)
        guess = np.column_stack([lights.positions, np.log(strengths)])
        near = calibrate_matte(shading, guess)
        intensities = strengths[:, None] * channel_lights(shading, near)
        found = near.lamps[:, :3] - place
    apart = angles(found, expected)
    if np.median(apart) > DISAGREEING:
        raise UserError(
            f"{matte.folder}: its lamps are {np.median(apart):.0f} degrees from those of the "
            "mirror ball; take both with the same lamps, in the same order"
        )
    worst = int(np.argmax(apart))
    if apart[worst] > np.median(apart) + DISAGREEING:
        raise UserError(
            f"{matte.paths[worst]}: its lamp is {apart[worst]:.0f} degrees from that of the mirror "
            f"ball, the others {np.median(apart):.0f}; are pictures out of order, or was another "
            "lamp on? take it again, or leave it out of both"
        )
    if len(lights.sights) == 1:
        lights = checked_by(lights, by_matte.directions)
    joined = replace(lights, intensities=intensities, sights=(*lights.sights, *by_matte.sights))
    return joined, apart


def _check_lights(lights: Lights, pictures: BallPictures) -> None:
    for number in np.flatnonzero(lights.directions[:, 2] <= 0):
        raise UserError(
            f"{pictures.paths[number]}: the lamp is behind the ball; move it to the camera's side, "
            "or leave the picture out"
        )
    lengths = np.linalg.svd(lights.directions, compute_uv=False)
    if lengths[2] < FLAT * lengths[0]:
        raise UserError(
            f"{pictures.folder}: all lamps are in a plane with the ball, which leaves normals "
            "open; move one out of it"
        )


def _distance(lights: Lights, balls: list[Ball], sizes: BallSizes) -> float | None:
    if sizes.distance_mm is not None or lights.positions is None or sizes.diameter_mm is None:
        return sizes.distance_mm
    depths = [-ball.centre_mm(sizes.diameter_mm)[2] for ball in balls]
    return round(float(np.mean(depths)), 1)


def _rig(
    lights: Lights, camera: Camera, names: Sequence[str], calibration: dict, distance: float | None
) -> Rig:
    """The rig, checked as if it were read from a file."""
    strengths = np.ones((len(names), 3)) if lights.intensities is None else lights.intensities
    strengths = strengths / strengths.mean()
    coloured = float(np.ptp(strengths, axis=1).max()) > GREY
    lamps = []
    for number, name in enumerate(names):
        channels = [round(float(value), 4) for value in strengths[number]]
        mean = round(float(np.mean(strengths[number])), 4)
        lamp: dict = {"name": name, "intensity": channels if coloured else mean}
        if lights.positions is None:
            lamp["direction"] = [round(float(v), 5) for v in lights.directions[number]]
        else:
            lamp["position_mm"] = [round(float(v), 1) for v in lights.positions[number]]
        lamps.append(lamp)
    content = {
        "schema": "psface-rig-1", "camera": camera.model_dump(exclude_defaults=True),
        "lamps": lamps, "calibration": calibration, "distance_mm": distance,
    }  # fmt: skip
    return parse_rig(content, Path("calibration"))

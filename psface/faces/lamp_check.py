"""Whether a capture's lights are what they say, from the face itself.

The normals of a face are roughly known once its landmarks are. Lights in the wrong order or with
wrong signs give normals that no face has, and, with four lamps or more, frames that no surface
explains.

What one capture cannot tell: lights that are all turned together look like a turned head (normals
of real heads differ by several degrees in pitch), and lights that are all more oblique like a
flatter face, as does a camera's curve; see `psface.faces.rig_check`. What is looked at, and the
thresholds, were chosen on simulated captures and Extended Yale B, most of them on every other
person, some on all; `psface measure trust` measures what they find.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from psface.faces.alignment import face_oval
from psface.faces.lamp_hypotheses import (
    FacePixels,
    Lights,
    candidates,
    face_pixels,
    normals_under,
    seen_directions,
)
from psface.faces.mean_face import (
    ROUNDS,
    SIDE,
    MeanFace,
    fit_face,
    read_mean_face,
    turn_between,
)
from psface.stereo.trust.room_light import dim_light
from psface.stereo.trust.trust_warning import TrustWarning

FEWEST = 80  # pixels: with fewer, nothing is said
TYPICAL = 0.8  # quantile of pixels by which a hypothesis is judged: the worst are hair and shadows
MISFIT_WEIGHT, STRANGE_WEIGHT, LEAST_MISFIT = 0.4, 0.5, 0.003
SHORTLIST = 8  # hypotheses that are fitted robustly
MARGIN = 0.13  # of a score, by which other lights must explain the face better
RIVAL = 0.04  # another remedy within this of the best one is named as well
SAME = 5.0  # degrees: hypotheses whose normals differ by less are one
DARKEST = 0.01  # quantile of pixels
OUTLIER = 45.0  # degrees between a normal and the mean face's
FLAT, STEEP = 0.35, -0.85  # log of how much the normals are too flat or steep, summed over x and y
TURNED = 28.0  # degrees
# A face with such bright shadows (`DIM`) and so little contrast is flat by a camera's curve, not by
# wrong lamps; with less than `VERY_EVEN`, whatever its shape.
DIM, EVEN, VERY_EVEN = 0.085, 0.3, 0.17


@dataclass(frozen=True)
class LampTrust:
    """What the face tells about the lights.

    Attributes
    ----------
    lights : (n, 3) tuple of tuples
        As given.
    pixels : int
        Of the small crop, that were used.
    score : float
        Misfit of the lights as given: log of the normals' distance from a face's, plus log of the
        fit's residual, weighted; NaN if too little of the face is lit.
    order, flip : tuple of int, str
        The lights that explain the face best; see `Lights`.
    margin : float
        By how much they do so better than the lights as given.
    turn : (3,) tuple
        Degrees about x, y and z by which the face's normals are turned against the mean face's,
        beyond what its landmarks say.
    stretch : (2,) tuple
        Log of how much too flat the normals are along x and y: beyond 0, a mean face is steeper.
    contrast : float
        Spread of the log of albedo over the face.
    darkest : float
        The least light of any lamp in the darkest places, over their albedo.
    warnings : tuple of TrustWarning
    """

    lights: tuple[tuple[float, ...], ...]
    pixels: int
    score: float
    order: tuple[int, ...]
    flip: str
    margin: float
    turn: tuple[float, ...]
    stretch: tuple[float, ...]
    contrast: float
    darkest: float
    warnings: tuple[TrustWarning, ...]


def check_lamps(
    frames: np.ndarray,
    lights: np.ndarray,
    valid: np.ndarray | None = None,
    landmarks: np.ndarray | None = None,
    face: MeanFace | None = None,
) -> LampTrust:
    """Check a capture's lights against its face.

    Parameters
    ----------
    frames : (n, S, S) float32
        Registered, linear, cropped to the template.
    lights : (n, 3) or (n, 3, SIDE, SIDE)
        Direction times strength at the face or at each pixel of a crop of `SIDE`, turned into the
        crop (`psface.faces.crop_lights`).
    valid : (S, S) bool, optional
        Where the frames show the face; where any is above 0, if not given.
    landmarks : (5, 2), optional
        In pixels of the crop: they tell a turned head from turned lights.
    face : MeanFace, optional
        Another than the package's.
    """
    face = face or read_mean_face()
    size = frames.shape[-1]
    inside = frames.max(axis=0) > 0 if valid is None else valid
    small = np.stack([_shrunk(frame) for frame in frames])
    covered = (_shrunk(inside) > 0.99) & face_oval(SIDE) & face.seen
    pixels = face_pixels(small, covered)
    given = np.asarray(lights, dtype=np.float64)
    middle = given if given.ndim == 2 else given[:, :, covered].mean(axis=2)
    as_given = Lights(tuple(range(len(given))))
    if pixels.places.size < FEWEST:
        nan = float("nan")
        return LampTrust(
            _plain(middle), pixels.places.size, nan, as_given.order, "", 0.0, (nan,) * 3,
            (nan, nan), nan, nan, (),
        )  # fmt: skip
    tried, scores, normals = _scored(pixels, given, middle, face)
    best = int(np.argmin(scores))
    turn, stretch = _shape(normals[0], pixels, face)
    if landmarks is not None:
        known = np.append((np.asarray(landmarks) / size).ravel(), 1.0)
        turn[:2] -= face.turn @ known
    margin = float(scores[0] - scores[best])
    if _angle(normals[best], normals[0]) < SAME:
        best, margin = 0, 0.0
    contrast, darkest = _contrast(pixels, given, normals[0])
    warnings = _order_warnings(tried, scores, normals, best, margin)
    if not warnings:
        warnings = _shape_warnings(turn, stretch, contrast if darkest > DIM else np.inf)
    return LampTrust(
        lights=_plain(middle),
        pixels=pixels.places.size,
        score=float(scores[0]),
        order=tried[best].order,
        flip=tried[best].flip,
        margin=margin,
        turn=tuple(turn.tolist()),
        stretch=tuple(stretch.tolist()),
        contrast=contrast,
        darkest=darkest,
        warnings=tuple(warnings),
    )


def _shrunk(plane: np.ndarray) -> np.ndarray:
    return cv2.resize(
        np.ascontiguousarray(plane, dtype=np.float32), (SIDE, SIDE), interpolation=cv2.INTER_AREA
    )


def _plain(lights: np.ndarray) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(x) for x in light) for light in lights)


def _scored(
    pixels: FacePixels, given: np.ndarray, middle: np.ndarray, face: MeanFace
) -> tuple[list[Lights], np.ndarray, np.ndarray]:
    """Hypotheses, their scores (h,) and their normals (h, 3, P).

    Lights that differ between pixels cost more: only the likeliest hypotheses by the lights in the
    ``middle`` (n, 3) are solved with them.
    """
    mean = face.mean.reshape(3, -1)[:, pixels.places].astype(np.float64)
    tried = candidates(middle, seen_directions(pixels, mean, middle.sum(axis=0)))
    normals, misfit = normals_under(pixels, np.stack([h.vectors(middle) for h in tried]))
    scores = _scores(normals, misfit, pixels, face, 1)
    first = np.unique(np.append(np.argsort(scores)[:SHORTLIST], 0))
    if given.ndim > 2:
        lights = np.stack([tried[i].vectors(given) for i in first])
        normals[first], misfit[first] = normals_under(pixels, lights)
    refined = np.full(len(tried), np.inf)
    refined[first] = _scores(normals[first], misfit[first], pixels, face, ROUNDS)
    return tried, refined, normals


def _scores(
    normals: np.ndarray, misfit: np.ndarray, pixels: FacePixels, face: MeanFace, rounds: int
) -> np.ndarray:
    fit = fit_face(normals, pixels.places, face, rounds)
    score = np.log(np.quantile(fit.distance, TYPICAL, axis=1)) + STRANGE_WEIGHT * fit.strangeness
    spare = np.isfinite(misfit[0])
    if spare.sum() >= FEWEST // 2:
        typical = np.quantile(misfit[:, spare], TYPICAL, axis=1)
        score = score + MISFIT_WEIGHT * np.log(typical + LEAST_MISFIT)
    return score


def _angle(first: np.ndarray, second: np.ndarray) -> float:
    """Mean angle in degrees between normals (3, P)."""
    cosine = np.clip((first * second).sum(axis=0), -1, 1)
    return float(np.degrees(np.arccos(cosine)).mean())


def _order_warnings(
    tried: list[Lights], scores: np.ndarray, normals: np.ndarray, best: int, margin: float
) -> list[TrustWarning]:
    if best == 0 or margin < MARGIN:
        return []
    near = np.flatnonzero((scores < scores[best] + RIVAL) & (np.arange(len(scores)) != 0))
    equal = [tried[best].remedy()]
    rivals: list[str] = []
    for i in near[np.argsort(scores[near])]:
        if i == best:
            continue
        same = _angle(normals[i], normals[best]) < SAME
        (equal if same else rivals).append(tried[i].remedy())
    equal.sort(key=len)
    remedy = " (or, which is the same here: ".join(equal[:2]) + ")" * (len(equal) > 1)
    if rivals:
        remedy += f"; hardly less likely: {rivals[0]}"
    flipped = bool(tried[best].flip)
    return [
        TrustWarning(
            "lamps-flipped" if flipped else "lamps-order",
            f"the lights do not fit the face: its normals would be those of a face, "
            f"{_angle(normals[best], normals[0]):.0f} degrees away, with other lights",
            remedy,
        )
    ]


def _shape(
    normals: np.ndarray, pixels: FacePixels, face: MeanFace
) -> tuple[np.ndarray, np.ndarray]:
    """Turn (3,) of the mean face to these normals (3, P), and how much steeper it is, (2,)."""
    mean = face.mean.reshape(3, -1)[:, pixels.places].astype(np.float64)
    mean /= np.maximum(np.linalg.norm(mean, axis=0), 1e-6)
    near = (normals * mean).sum(axis=0) > np.cos(np.radians(OUTLIER))
    if near.sum() < FEWEST // 2:
        return np.full(3, np.nan), np.full(2, np.nan)
    seen, mean = normals[:, near], mean[:, near]
    u, _, vt = np.linalg.svd(mean @ seen.T)
    upright = (u @ np.diag([1, 1, np.sign(np.linalg.det(u @ vt))]) @ vt) @ seen
    root = [np.linalg.cholesky(n @ n.T / n.shape[1]) for n in (mean, upright)]
    steeper = np.diag(root[0] @ np.linalg.inv(root[1]))
    return turn_between(mean, seen), np.log(steeper[:2] / steeper[2])


def _contrast(pixels: FacePixels, given: np.ndarray, normals: np.ndarray) -> tuple[float, float]:
    """Contrast and darkest places under the given lights; a camera's curve halves the one, since
    brows and lips are then hardly darker than skin, and lifts the other."""
    light = given[..., None] if given.ndim == 2 else _at(given, pixels)
    shading = np.maximum((light * normals).sum(axis=1), 0) * pixels.used
    albedo = (pixels.intensity * shading).sum(axis=0) / np.maximum((shading**2).sum(axis=0), 1e-9)
    albedo = np.maximum(albedo, 1e-9)
    least = dim_light((pixels.intensity / np.linalg.norm(light, axis=1)).T)
    return float(np.log(albedo).std()), float(np.quantile(least / albedo, DARKEST))


def _at(lights: np.ndarray, pixels: FacePixels) -> np.ndarray:
    """Lights (n, 3, S, S) at the pixels, (n, 3, P)."""
    return lights.reshape(*lights.shape[:2], -1)[..., pixels.places]


def _shape_warnings(turn: np.ndarray, stretch: np.ndarray, contrast: float) -> list[TrustWarning]:
    total = float(stretch.sum())
    times = f"{np.exp(abs(total) / 2):.1f} times too"
    if total > FLAT or contrast < VERY_EVEN:
        message = f"the face is {times} flat" if total > FLAT else "the face has little contrast"
        curve = "set the rig's camera.response (srgb for most) or record linear frames"
        if contrast < EVEN:
            remedy = f"{curve}; if they are linear, calibrate the rig again"
            return [TrustWarning("not-linear", message, remedy)]
        remedy = f"calibrate the rig again: its lamps seem nearer to the axis; or {curve}"
        return [TrustWarning("lamps-stale", message, remedy)]
    if total < STEEP:
        remedy = "calibrate the rig again: its lamps seem farther from the camera's axis"
        return [TrustWarning("lamps-stale", f"the face is {times} steep", remedy)]
    if np.abs(turn).max() > TURNED:
        message = f"the face's normals are turned by {np.abs(turn).max():.0f} degrees"
        remedy = "calibrate the rig again, unless the head is turned or bowed that far"
        return [TrustWarning("lamps-stale", message, remedy)]
    return []

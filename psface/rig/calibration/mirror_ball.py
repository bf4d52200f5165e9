"""Light directions from a mirror ball: where each lamp is reflected."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from psface.errors import UserError
from psface.rig.calibration.ball_geometry import Ball
from psface.rig.calibration.ball_pictures import CLIPPED, BallPictures

FAINTEST = 0.02  # of the range: the peak of a highlight
CLEAR = 12.0  # times the noise
COMPACT = 0.03  # of the ball's area: the largest highlight
RIVAL = 0.6  # of a highlight's peak and area: another one as likely
INCIDENCE_LIMIT = np.cos(np.radians(45.0))  # beyond, a lamp is behind the ball
CENTROID = 0.05  # of a highlight's radius: error of its middle, by blooming and lens flare


@dataclass(frozen=True)
class Highlights:
    """The reflections of n lamps in one ball.

    Attributes
    ----------
    points : (n, 2)
        In pixels.
    radii : (n,)
        Of discs of the highlights' areas, in pixels.
    energies : (n,)
        Sum of values; of no use where saturated.
    saturated : (n,) bool
    normals, to_camera : (n, 3)
        At the points.
    """

    points: np.ndarray
    radii: np.ndarray
    energies: np.ndarray
    saturated: np.ndarray
    normals: np.ndarray
    to_camera: np.ndarray

    @property
    def directions(self) -> np.ndarray:
        """Unit vectors (n, 3) to the lamps."""
        cosine = (self.normals * self.to_camera).sum(axis=1, keepdims=True)
        return 2 * cosine * self.normals - self.to_camera

    def errors(self, ball: Ball, outline_px: float) -> np.ndarray:
        """Estimated errors (n,) of the directions in degrees.

        A normal turns with 1 / (radius cosine of incidence) per pixel, the reflection twice as
        fast.

        Parameters
        ----------
        outline_px : float
            Error of the ball's middle and radius.
        """
        cosine = (self.normals * self.to_camera).sum(axis=1)
        pixels = np.hypot(outline_px, CENTROID * self.radii)
        return np.degrees(2 * pixels / (ball.radius * cosine))


def find_highlights(pictures: BallPictures, ball: Ball) -> Highlights:
    """Find each lamp's highlight on a mirror ball.

    What all frames share, such as the reflection of a window, is subtracted first.

    Parameters
    ----------
    pictures : BallPictures
        A frame per lamp.
    ball : Ball

    Raises
    ------
    UserError
        If a frame has no highlight, several, one that is too large, or that of a lamp behind.

    Notes
    -----
    The middle of a highlight is that of its values over half its peak, less that level. For a
    distant lamp of any size it is exact to the second order of its size.
    """
    x0, x1, y0, y1 = _box(ball, pictures.frames.shape)
    cut = pictures.frames[:, y0:y1, x0:x1]
    y, x = np.mgrid[y0:y1, x0:x1]
    _, _, inside = ball.surface(np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float64))
    mask = cv2.erode(inside.reshape(x.shape).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    still = cut.min(axis=0)
    found = [
        _highlight(np.where(mask, frame - still, 0), mask, path)
        for frame, path in zip(cut, pictures.paths, strict=True)
    ]
    points = np.array([point for point, _, _ in found]) + (x0, y0)
    areas, energies = (np.array([item[k] for item in found]) for k in (1, 2))
    normals, to_camera, _ = ball.surface(points)
    nearest = np.round(points).astype(int)
    saturated = pictures.clipped[np.arange(len(found)), nearest[:, 1], nearest[:, 0]]
    cosine = (normals * to_camera).sum(axis=1)
    for number in np.flatnonzero(cosine < INCIDENCE_LIMIT):
        share = np.sqrt(1 - cosine[number] ** 2)
        raise UserError(
            f"{pictures.paths[number]}: the highlight is at {share:.2f} of the ball's radius, so "
            "the lamp is behind the ball; move it to the camera's side, or leave the picture out"
        )
    return Highlights(points, np.sqrt(areas / np.pi), energies, saturated, normals, to_camera)


def _box(ball: Ball, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    x0, y0 = (max(int(value - ball.radius), 0) for value in (ball.x, ball.y))
    x1 = min(int(ball.x + ball.radius) + 2, shape[2])
    y1 = min(int(ball.y + ball.radius) + 2, shape[1])
    return x0, x1, y0, y1


def _highlight(
    change: np.ndarray, mask: np.ndarray, path: object
) -> tuple[tuple[float, float], float, float]:
    """Middle (x, y), area and energy of the highlight in a ball's part of a frame."""
    smooth = cv2.GaussianBlur(change.astype(np.float32), (0, 0), 1.0)
    peak = float(smooth[mask].max())
    noise = 1.4826 * float(np.median(np.abs(smooth[mask] - np.median(smooth[mask]))))
    if peak < max(FAINTEST, CLEAR * noise):
        raise UserError(
            f"{path}: no highlight on the ball; is the lamp off, in shadow or below the ball's "
            "rim? leave the picture out"
        )
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        ((smooth > 0.5 * peak) & mask).astype(np.uint8), connectivity=8
    )
    peaks = np.array([smooth[labels == k].max() for k in range(1, count)])
    areas = stats[1:, cv2.CC_STAT_AREA]
    best = int(np.argmax(np.where(peaks > 0.9 * peak, areas, 0)))
    area = float(areas[best])
    if area > COMPACT * mask.sum():
        raise UserError(
            f"{path}: the highlight covers {area / mask.sum():.0%} of the ball, which is not that "
            "of a lamp on a mirror; give --kind matte if the ball is matte"
        )
    others = np.delete(np.arange(count - 1), best)
    if any(areas[k] > RIVAL * area and peaks[k] > RIVAL * peak for k in others):
        raise UserError(
            f"{path}: two highlights alike on the ball; light one lamp at a time, and cover other "
            "lights"
        )
    y, x = np.nonzero(labels == best + 1)
    excess = smooth[y, x] - 0.5 * peak
    middle = (float(np.average(x, weights=excess)), float(np.average(y, weights=excess)))
    grown = cv2.dilate((labels == best + 1).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    return middle, area, float(change[grown].sum())


def is_mirror(pictures: BallPictures, ball: Ball) -> bool | None:
    """Tell a mirror ball from a matte one by how much of it is bright; None if unclear."""
    x0, x1, y0, y1 = _box(ball, pictures.frames.shape)
    y, x = np.mgrid[y0:y1, x0:x1]
    within = np.hypot(x - ball.x, y - ball.y) < 0.95 * ball.radius
    values = pictures.frames[:, y0:y1, x0:x1][:, within]
    # The highlight of a glossy matte ball may be thirty times brighter than its surface.
    top = np.minimum(np.percentile(values, 99.95, axis=1), CLIPPED)
    share = float(np.median((values > 0.03 * top[:, None]).mean(axis=1)))
    return True if share < 0.1 else False if share > 0.4 else None

"""A ball as a camera sees it: its outline, the normals of its points, and what it reflects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from psface.rig.rig_parts import Camera

REFLECTIONS = 30  # steps to where a lamp is reflected; each gains a factor of over 3


@dataclass(frozen=True)
class Ball:
    """A ball in a picture.

    Attributes
    ----------
    x, y, radius : float
        Its circle in pixels, x right and y down from the centre of the first pixel.
    axis : (3,) float64 or None
        Unit vector from a perspective camera to its centre; None if the camera is orthographic.
    sine : float
        Sine of half the angle under which it is seen.
    camera : Camera
    """

    x: float
    y: float
    radius: float
    camera: Camera
    axis: np.ndarray | None = None
    sine: float = 0.0

    def surface(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return what is seen at points (P, 2) of the picture.

        Returns
        -------
        normals : (P, 3)
            Unit vectors; those outside of the ball are of its rim.
        to_camera : (P, 3)
            Unit vectors from the surface to the camera.
        inside : (P,) bool
        """
        if self.axis is None:
            flat = (points - (self.x, self.y)) / (self.radius, -self.radius)
            rest = 1 - (flat**2).sum(axis=1)
            flat = flat / np.sqrt(np.maximum((flat**2).sum(axis=1), 1))[:, None]
            normals = np.column_stack([flat, np.sqrt(np.maximum(rest, 0))])
            return normals, np.tile([0.0, 0.0, 1.0], (len(points), 1)), rest > 0
        rays = camera_rays(points, self.camera)
        centre = self.axis / self.sine  # in units of the radius
        along = rays @ centre
        rest = along**2 - centre @ centre + 1
        point = (along - np.sqrt(np.maximum(rest, 0)))[:, None] * rays
        normals = point - centre
        return normals / np.linalg.norm(normals, axis=1, keepdims=True), -rays, rest > 0

    def centre_mm(self, diameter_mm: float) -> np.ndarray:
        """Where the centre of a ball of known diameter is, (3,); the camera is perspective."""
        assert self.axis is not None
        return self.axis / self.sine * diameter_mm / 2

    def reflection(self, lamp: np.ndarray, diameter_mm: float | None = None) -> np.ndarray:
        """Where in the picture (2,) a lamp is reflected.

        Parameters
        ----------
        lamp : (3,)
            Unit vector to it; with a diameter, its position in mm.
        """
        if self.axis is None:
            half = lamp + (0, 0, 1)
            half = half / np.linalg.norm(half)
            return np.array([self.x + self.radius * half[0], self.y - self.radius * half[1]])
        centre = self.axis / self.sine
        normal = -self.axis
        for _ in range(REFLECTIONS):
            point = centre + normal
            to_lamp = lamp if diameter_mm is None else lamp / (diameter_mm / 2) - point
            normal = to_lamp / np.linalg.norm(to_lamp) - point / np.linalg.norm(point)
            normal = normal / np.linalg.norm(normal)
        return in_picture((centre + normal)[None], self.camera)[0]


def principal_point(camera: Camera) -> np.ndarray:
    """Principal point (2,) in pixels; the middle of the picture if it is not known."""
    if camera.centre_px is not None:
        return np.array(camera.centre_px)
    return np.array([((camera.width_px or 1) - 1) / 2, ((camera.height_px or 1) - 1) / 2])


def camera_rays(points: np.ndarray, camera: Camera) -> np.ndarray:
    """Unit vectors (P, 3) from a perspective camera through points (P, 2) of its picture."""
    assert camera.focal_px is not None
    flat = (points - principal_point(camera)) / (camera.focal_px[0], -camera.focal_px[1])
    rays = np.column_stack([flat, np.full(len(points), -1.0)])
    return rays / np.linalg.norm(rays, axis=1, keepdims=True)


def in_picture(positions: np.ndarray, camera: Camera) -> np.ndarray:
    """Where positions (P, 3) are in a perspective camera's picture, (P, 2)."""
    assert camera.focal_px is not None
    flat = positions[:, :2] / -positions[:, 2:]
    return principal_point(camera) + flat * (camera.focal_px[0], -camera.focal_px[1])


def fitted_ball(outline: np.ndarray, camera: Camera) -> tuple[Ball, np.ndarray]:
    """Fit a ball to points of its outline, some of which may be of other things.

    The outline is a circle under an orthographic camera, and under a perspective one where a cone
    about the ball's centre meets the picture: d . q = 1 for the rays d of all its points.

    Parameters
    ----------
    outline : (P, 2)
        In pixels.

    Returns
    -------
    ball : Ball
    distances : (P,)
        From each point to the circle, in pixels; positive outside.

    Examples
    --------
    >>> turn = np.linspace(0, 6, 50)
    >>> outline = np.stack([40 + 20 * np.cos(turn), 30 + 20 * np.sin(turn)], axis=1)
    >>> ball, _ = fitted_ball(outline, Camera())
    >>> round(ball.x, 6), round(ball.y, 6), round(ball.radius, 6)
    (40.0, 30.0, 20.0)
    """
    weights = np.ones(len(outline))
    for _ in range(20):
        x, y, radius = _circle(outline, weights)
        distances = np.hypot(*(outline - (x, y)).T) - radius
        spread = max(1.4826 * float(np.median(np.abs(distances))), 0.05)
        weights = 1 / (1 + (distances / (2.5 * spread)) ** 2) ** 2
    ball = Ball(x, y, radius, camera)
    if camera.focal_px is None:
        return ball, distances
    rays = camera_rays(outline, camera)
    root = np.sqrt(weights)
    cone = np.linalg.lstsq(rays * root[:, None], root, rcond=None)[0]
    length = float(np.linalg.norm(cone))  # 1 / the cosine of the half angle
    sine = float(np.sqrt(1 - 1 / length**2))
    return Ball(x, y, radius, camera, cone / length, sine), distances


def _circle(points: np.ndarray, weights: np.ndarray) -> tuple[float, float, float]:
    """Algebraic fit (Kasa 1976), about the points' mean for numerical reasons."""
    mean = points.mean(axis=0)
    near = points - mean
    root = np.sqrt(weights)[:, None]
    left = np.column_stack([2 * near, np.ones(len(near))])
    right = (near**2).sum(axis=1, keepdims=True)
    x, y, rest = np.linalg.lstsq(left * root, right * root, rcond=None)[0].ravel()
    radius = np.sqrt(max(rest + x * x + y * y, 0))
    return float(x + mean[0]), float(y + mean[1]), float(radius)

"""Estimate the pose of a head from five landmarks.

The landmarks are taken as the projection of a generic face under scaled orthography (DeMenthon &
Davis, "Model-Based Object Pose in 25 Lines of Code", IJCV 15, 1995; for eyes, nose and mouth as in
Gee & Cipolla, "Determining the Gaze of Faces in Images", Image and Vision Computing 12(10), 1994).
For a given yaw and pitch, the best scale, roll and position are a linear problem in complex
numbers, so a search over the two angles finds the best fit.

`psface.commands.measure.audit_accuracy` measures the error. It comes from faces unlike the generic
one and from the landmarks, and is larger in pitch, where a long nose and a raised head look alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Means over simulated people, mm, from between the pupils: x right, y up, z towards the camera.
GENERIC = np.array(
    [[-31.3, 0, 0], [31.3, 0, 0], [0, -37.3, 32.2], [-26.8, -66.4, 3.5], [26.8, -66.4, 3.5]]
)
# The corners of the mouth count for little: a smile lifts them as bowing the head does.
WEIGHTS = np.array([1, 1, 1, 0.1, 0.1])
# MTCNN places the tip of the nose too high, less so when the head is raised: on simulated heads of
# known pitch, by 6.3 degrees and a factor of 0.70. On ORL's faces, which look ahead on average, the
# median is 5.0 degrees.
PITCH_OFFSET, PITCH_GAIN = 6.0, 0.7
STEP = 0.5  # degrees
YAWS, PITCHES = np.arange(-90, 90 + STEP, STEP), np.arange(-60, 60 + STEP, STEP)


@dataclass(frozen=True)
class Pose:
    """Angles of a head in degrees: ``yaw`` turns the face to the image's right, ``pitch`` up."""

    yaw: float
    pitch: float


def head_pose(landmarks: np.ndarray) -> Pose:
    """Return the head pose that best explains MTCNN's landmarks.

    Parameters
    ----------
    landmarks : (5, 2)
        Pixels, x right and y down, in the order of `psface.captures.capture.LANDMARKS`.
    """
    pose = fit_pose(landmarks)
    return Pose(pose.yaw, (pose.pitch - PITCH_OFFSET) / PITCH_GAIN)


def fit_pose(landmarks: np.ndarray) -> Pose:
    """Fit the generic face to ``landmarks`` (5, 2) by least squares with `WEIGHTS`."""
    points = landmarks[:, 0] - 1j * landmarks[:, 1]
    # For z and a model m, min over f of |z - f m|^2 is |z|^2 - |<m, z>|^2 / |m|^2.
    explained = np.abs(_VIEWS.conj() @ _centred(points))
    best = int(np.argmax(explained))
    yaw, pitch = divmod(best, len(PITCHES))
    return Pose(float(YAWS[yaw]), float(PITCHES[pitch]))


def project(points: np.ndarray, yaw: np.ndarray, pitch: np.ndarray) -> np.ndarray:
    """Project points (n, 3) of a head turned by angles (...), degrees: complex (..., n), x + iy."""
    x, y, z = points.T
    yaw, pitch = np.radians(yaw)[..., None], np.radians(pitch)[..., None]
    across = x * np.cos(yaw) + z * np.sin(yaw)
    depth = z * np.cos(yaw) - x * np.sin(yaw)
    return across + 1j * (y * np.cos(pitch) + depth * np.sin(pitch))


def _centred(points: np.ndarray) -> np.ndarray:
    """Subtract the weighted mean from points (..., 5), and scale by the roots of the weights."""
    mean = (points * WEIGHTS).sum(axis=-1, keepdims=True) / WEIGHTS.sum()
    return (points - mean) * np.sqrt(WEIGHTS)


def _views() -> np.ndarray:
    """The generic face at all angles, (yaws * pitches, 5), each centred and of unit length."""
    views = project(GENERIC, *np.meshgrid(YAWS, PITCHES, indexing="ij")).reshape(-1, len(GENERIC))
    views = _centred(views)
    return views / np.linalg.norm(views, axis=1, keepdims=True)


_VIEWS = _views()

"""Controlled degradations of a capture, in units that do not depend on its size.

Each alters all frames alike, relative to the face's landmarks, before detection, so that the whole
path from a bad capture to a score is measured.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from psface.captures.capture import Pixels
from psface.captures.images import as_jpeg, to_uint8
from psface.faces.alignment import TEMPLATE, face_oval, similarity

READ_NOISE = 2 / 255  # of the sensor, in low light
MASK_COLOUR = np.array([0.75, 0.85, 0.9])  # surgical mask, relative to the face's bright parts
FRAME_WIDTH = 0.07  # of spectacles, share of the eye distance
SIDE = 224  # px, template on which masks and spectacles are drawn

Alter = Callable[[np.ndarray, np.ndarray, float], np.ndarray]


@dataclass(frozen=True)
class Degradation:
    """One kind of degradation.

    Attributes
    ----------
    alter : callable
        Takes an image (H, W) or (H, W, 3) float32 in [0, 1], landmarks (5, 2) and a severity.
    severities : tuple of float
        From mild to severe.
    unit : str
    """

    alter: Alter
    severities: tuple[float, ...]
    unit: str

    def apply(self, capture: Pixels, landmarks: np.ndarray, severity: float) -> Pixels:
        """Return the degraded capture; a rotation also turns its lights."""
        frames = np.stack([self.alter(frame, landmarks, severity) for frame in capture.grey])
        colour = capture.colour
        if colour is not None:
            colour = self.alter(colour, landmarks, severity)
        lights, points = capture.lights, capture.landmarks
        if self.alter is rotated:
            cos, sin = np.cos(np.radians(severity)), np.sin(np.radians(severity))
            lights = lights @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])
            if points is not None:
                points = (
                    points @ _turn(landmarks, severity)[:, :2].T + _turn(landmarks, severity)[:, 2]
                )
        return replace(capture, grey=frames, colour=colour, lights=lights, landmarks=points)


def eye_distance(landmarks: np.ndarray) -> float:
    """The distance between the eyes in px."""
    return float(np.hypot(*(landmarks[1] - landmarks[0])))


def blurred(image: np.ndarray, landmarks: np.ndarray, severity: float) -> np.ndarray:
    """Blur with a Gaussian of ``severity`` times the distance between the eyes."""
    return cv2.GaussianBlur(image, (0, 0), severity * eye_distance(landmarks))


def noisy(image: np.ndarray, landmarks: np.ndarray, severity: float) -> np.ndarray:
    """Add Gaussian noise of ``severity`` grey levels of 255."""
    return _quantised(image + severity / 255 * _noise(image))


def darkened(image: np.ndarray, landmarks: np.ndarray, severity: float) -> np.ndarray:
    """Keep 1 / ``severity`` of the light, with sensor noise and 8-bit quantisation."""
    return _quantised(image / severity + READ_NOISE * _noise(image))


def compressed(image: np.ndarray, landmarks: np.ndarray, severity: float) -> np.ndarray:
    """Compress as JPEG of quality ``severity``."""
    return as_jpeg(to_uint8(image), round(severity)).astype(np.float32) / np.float32(255)


def rotated(image: np.ndarray, landmarks: np.ndarray, severity: float) -> np.ndarray:
    """Rotate by ``severity`` degrees counter-clockwise about the face."""
    size = image.shape[1::-1]
    return cv2.warpAffine(image, _turn(landmarks, severity), size, borderMode=cv2.BORDER_REPLICATE)


def small(image: np.ndarray, landmarks: np.ndarray, severity: float) -> np.ndarray:
    """Reduce to ``severity`` px between the eyes, then enlarge again."""
    factor = severity / eye_distance(landmarks)
    if factor >= 1:
        return image
    height, width = image.shape[:2]
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    reduced = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return np.clip(cv2.resize(reduced, (width, height), interpolation=cv2.INTER_CUBIC), 0, 1)


def masked(image: np.ndarray, landmarks: np.ndarray, severity: float) -> np.ndarray:
    """Cover the lower part of the face, ``severity`` of its height."""
    rows = np.arange(SIDE)[:, None] / SIDE
    bottom = 1.02
    cover = (face_oval(SIDE) & (rows > bottom - severity)).astype(np.float32)
    return _painted(image, landmarks, cover, MASK_COLOUR)


def bespectacled(image: np.ndarray, landmarks: np.ndarray, severity: float) -> np.ndarray:
    """Draw spectacles with a dark frame, whose lenses block ``severity`` of the light."""
    left, right = TEMPLATE[:2] * SIDE
    between = right[0] - left[0]
    width = max(1, round(FRAME_WIDTH * between))
    cover = np.zeros((SIDE, SIDE), np.float32)
    axes = (round(0.40 * between), round(0.32 * between))
    centres = [(round(float(x)), round(float(y) + 0.03 * between)) for x, y in (left, right)]
    for centre in centres:
        cv2.ellipse(cover, centre, axes, 0, 0, 360, severity, -1)
    for centre in centres:
        cv2.ellipse(cover, centre, axes, 0, 0, 360, 1.0, width)
    (x0, y0), (x1, y1) = centres
    cv2.line(cover, (x0 + axes[0], y0), (x1 - axes[0], y1), 1.0, width)
    cv2.line(cover, (x0 - axes[0], y0), (0, y0 - width), 1.0, width)
    cv2.line(cover, (x1 + axes[0], y1), (SIDE, y1 - width), 1.0, width)
    return _painted(image, landmarks, cover, np.full(3, 0.08))


DEGRADATIONS = {
    "blur": Degradation(blurred, (0.03, 0.06, 0.12, 0.24), "share of the eye distance"),
    "noise": Degradation(noisy, (5, 10, 20, 40), "grey levels of 255"),
    "low light": Degradation(darkened, (2, 4, 8, 16), "times darker"),
    "JPEG": Degradation(compressed, (50, 20, 10, 5), "quality"),
    "rotation": Degradation(rotated, (10, 20, 30, 45), "degrees"),
    "lower-face mask": Degradation(masked, (0.2, 0.3, 0.4, 0.5), "share of the face's height"),
    "spectacles": Degradation(bespectacled, (0.0, 0.3, 0.6, 1.0), "darkness of the lenses"),
    "low resolution": Degradation(small, (20, 14, 10, 7), "px between the eyes"),
}


def _noise(image: np.ndarray) -> np.ndarray:
    # Equal in all runs, different for each image.
    seed = zlib.crc32(np.ascontiguousarray(image).tobytes())
    return np.random.default_rng(seed).standard_normal(image.shape, np.float32)


def _quantised(image: np.ndarray) -> np.ndarray:
    return to_uint8(image).astype(np.float32) / np.float32(255)


def _turn(landmarks: np.ndarray, degrees: float) -> np.ndarray:
    x, y = landmarks.mean(axis=0)
    return cv2.getRotationMatrix2D((float(x), float(y)), degrees, 1.0)


def _painted(
    image: np.ndarray, landmarks: np.ndarray, cover: np.ndarray, colour: np.ndarray
) -> np.ndarray:
    """Paint the face with a colour; ``cover`` (SIDE, SIDE) is its opacity on the template.

    The colour is as bright as the face in the frame, so that both look equally lit.
    """
    height, width = image.shape[:2]
    to_image = cv2.invertAffineTransform(similarity(landmarks, SIDE))
    opacity = cv2.warpAffine(cover, to_image, (width, height), flags=cv2.INTER_LINEAR)
    face = cv2.warpAffine(face_oval(SIDE).astype(np.float32), to_image, (width, height)) > 0.5
    brightness = float(np.percentile(image[face], 90)) if face.any() else 1.0
    shade = brightness * (colour if image.ndim == 3 else colour.mean())
    opacity = opacity[..., None] if image.ndim == 3 else opacity
    return (image * (1 - opacity) + shade * opacity).astype(np.float32)

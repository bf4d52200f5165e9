"""Brightness, contrast, colour and sharpness of a face, measured in the aligned crop.

In the crop (`psface.faces.alignment`) every face has the same size and position, so neither the
picture's size nor its background matters. A face smaller than the crop is not enlarged.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from psface.captures.images import rgb
from psface.faces.alignment import crop_image, similarity

SIDE = 112  # px, of the crop
MARGIN = 1.0  # cut out around the landmarks first, as a share of their extent
# The face in a crop of side 1: an ellipse from the forehead to the chin.
CENTRE, AXES = (0.5, 0.62), (0.29, 0.36)
# Gaussians, px of the crop: the first removes noise, the second shows how sharp the edges are.
FINE, COARSE = 0.7, 1.4
EDGES = 0.1  # share of the face's pixels: those with the steepest edges
SHARPEST = 75  # percentile of the edges' sharpness: a face also has soft edges


@dataclass(frozen=True)
class Appearance:
    """How a face looks.

    Attributes
    ----------
    brightness : float
        Median luma of the face as stored, [0, 1].
    contrast : float
        Range of luma from the 2nd to the 98th percentile, [0, 1]. ISO/IEC 19794-5 requires the
        grey levels of a face to span 7 of 8 bits, 0.5 here.
    colour : float
        Mean CIELAB chroma; 0 is grey.
    blur : float
        Blur of the sharpest edges: the standard deviation of a Gaussian, in pixels of the crop.
    """

    brightness: float
    contrast: float
    colour: float
    blur: float


def appearance(image: np.ndarray, landmarks: np.ndarray) -> Appearance:
    """Measure the appearance of a face.

    Parameters
    ----------
    image : (H, W, 3) uint8 or uint16
        RGB.
    landmarks : (5, 2)
        Pixels.
    """
    crop = face_crop(image, landmarks)
    inside = face_mask(len(crop))
    luma = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    low, middle, high = np.percentile(luma[inside], [2, 50, 98])
    chroma = np.hypot(*np.moveaxis(cv2.cvtColor(crop, cv2.COLOR_RGB2LAB)[inside][:, 1:], 1, 0))
    return Appearance(float(middle), float(high - low), float(chroma.mean()), blur(luma, inside))


def face_crop(image: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Cut out the aligned crop, (side, side, 3) float32 in [0, 1].

    ``side`` is `SIDE`, or less for a smaller face.
    """
    low, high = landmarks.min(axis=0), landmarks.max(axis=0)
    reach = MARGIN * (high - low).max() + 2
    x1, y1 = np.maximum(np.floor(low - reach), 0).astype(int)
    x2, y2 = np.ceil(high + reach).astype(int)
    points = landmarks - [x1, y1]
    matrix = similarity(points, SIDE)
    enlarged = max(1.0, float(np.hypot(matrix[0, 0], matrix[1, 0])))
    side = max(8, round(SIDE / enlarged))
    return crop_image(rgb(image[y1:y2, x1:x2]), similarity(points, side), side)


def face_mask(side: int) -> np.ndarray:
    """Mask of the face in a crop, (side, side) bool."""
    y, x = (np.indices((side, side)) + 0.5) / side
    return np.hypot((x - CENTRE[0]) / AXES[0], (y - CENTRE[1]) / AXES[1]) < 1


def blur(luma: np.ndarray, inside: np.ndarray) -> float:
    """Measure the blur of the sharpest edges in a region, px.

    At a step edge blurred by s, a further blur by a leaves a slope of 1/sqrt(s^2 + a^2), so the
    ratio of the slopes after two such blurs gives s (Zhuo & Sim, "Defocus map estimation from a
    single image", Pattern Recognition 44(9), 2011; both images are blurred here, against noise).

    Parameters
    ----------
    luma : (H, W) float32
    inside : (H, W) bool
    """
    fine, coarse = (_slope(cv2.GaussianBlur(luma, (0, 0), sigma)) for sigma in (FINE, COARSE))
    edges = inside & (fine >= np.quantile(fine[inside], 1 - EDGES)) & (fine > 0)
    if not edges.any():
        return float("inf")
    ratio = np.percentile((fine[edges] / np.maximum(coarse[edges], 1e-6)) ** 2, SHARPEST)
    if ratio <= 1:
        return float("inf")
    return float(np.sqrt(max(0.0, (COARSE**2 - ratio * FINE**2) / (ratio - 1))))


def _slope(image: np.ndarray) -> np.ndarray:
    return cv2.magnitude(*(cv2.Sobel(image, cv2.CV_32F, dx, 1 - dx) for dx in (1, 0)))

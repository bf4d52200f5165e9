"""Detect the periodic patterns of a photographed print or screen.

A halftone print and the pixels of a screen leave peaks in the spectrum that faces do not have
(Garcia & de Queiroz, "Face-Spoofing 2D-Detection Based on Moire-Pattern Analysis", IEEE TIFS 10(4),
2015). Here the spectrum is averaged over tiles of the face, which suppresses whatever is not the
same everywhere, and a peak is measured against the spectrum around it. A print without a halftone
screen, or one whose screen the picture does not resolve, leaves no peak.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import median_filter, uniform_filter

TILES = (256, 128, 64)  # px: the largest is used that fits twice, overlapping by half
MOST_TILES = 6  # along each side
LOWEST = 0.08  # cycles per pixel: lower frequencies are the face's own
NEIGHBOURS = 11  # bins: side of the square that a peak is compared with
# Bins ignored around the peaks of JPEG's blocks, at multiples of 1/8 on the axes, and of a colour
# sensor's mosaic, at 1/2 along either axis or both.
OWN_PEAKS = 3.5


def pattern(luma: np.ndarray) -> float | None:
    """Measure the height of the spectrum's highest peak over its surroundings, dB.

    Parameters
    ----------
    luma : (H, W) float32
        The face, at the picture's resolution.

    Returns
    -------
    float or None
        None if the face is too small: under 1.5 times the smallest of `TILES`.
    """
    side = next((side for side in TILES if min(luma.shape) >= 1.5 * side), None)
    if side is None:
        return None
    power = uniform_filter(_mean_power(luma, side), 3, mode="wrap")
    level = 10 * np.log10(power + 1e-12)
    above = level - median_filter(level, NEIGHBOURS, mode="wrap")
    return float(above[_searched_bins(side)].max())


def _mean_power(luma: np.ndarray, side: int) -> np.ndarray:
    """Mean power spectrum of the tiles, (side, side)."""
    window = np.hanning(side + 1)[:side]
    total = np.zeros((side, side))
    places = [_places(length, side) for length in luma.shape]
    for y in places[0]:
        for x in places[1]:
            tile = luma[y : y + side, x : x + side]
            tile = (tile - tile.mean()) * np.outer(window, window)
            total += np.abs(np.fft.fft2(tile)) ** 2
    return total / (len(places[0]) * len(places[1]))


def _places(length: int, side: int) -> np.ndarray:
    count = min(MOST_TILES, 1 + 2 * (length - side) // side)
    return np.linspace(0, length - side, count).astype(int)


def _searched_bins(side: int) -> np.ndarray:
    """Bins in which a peak counts, (side, side) bool."""
    frequency = np.fft.fftfreq(side)
    near = OWN_PEAKS / side
    zero = np.abs(frequency) <= near
    half = np.abs(frequency) >= 0.5 - near
    blocks = np.abs(frequency - np.round(8 * frequency) / 8) <= near
    ignored = _both(zero, blocks) | _both(blocks, zero) | _both(half, half)
    return (np.hypot(frequency[:, None], frequency) >= LOWEST) & ~ignored


def _both(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    return rows[:, None] & columns

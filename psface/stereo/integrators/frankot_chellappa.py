"""Frankot and Chellappa's integrator, on a domain mirrored at its borders."""

from __future__ import annotations

import numpy as np
from scipy import fft

from psface.stereo.integrators.slopes import centred, slopes


def frankot_chellappa(normal: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Project the slopes onto integrable surfaces (Frankot & Chellappa, PAMI 10(4), 1988).

    The original's complex exponentials assume a periodic domain, which bends a surface whose
    opposite borders differ. Here the surface is expanded in cosines, i.e. mirrored at its
    borders, and its slopes in the matching sines (their eq. 21 in another basis).

    Parameters
    ----------
    normal : (3, H, W)
        Unit vectors.
    mask : (H, W) bool
        Slopes outside count as zero.

    Returns
    -------
    (H, W) float32
        Depth in pixels towards the camera, median zero inside the mask, zero outside.

    Examples
    --------
    >>> normal = np.stack([np.zeros((4, 4)), np.zeros((4, 4)), np.ones((4, 4))])
    >>> bool((frankot_chellappa(normal, np.ones((4, 4), bool)) == 0).all())  # a plane is flat
    True
    """
    slope_x, slope_row = slopes(normal, mask)
    height, width = mask.shape
    along_x = np.zeros((height, width), dtype=np.float32)
    along_row = np.zeros((height, width), dtype=np.float32)
    # DST-II holds the sines 1..N, DCT-II the cosines 0..N-1: shift by one to pair them.
    along_x[:, 1:] = fft.dct(fft.dst(slope_x, type=2, axis=1), type=2, axis=0)[:, :-1]
    along_row[1:] = fft.dct(fft.dst(slope_row, type=2, axis=0), type=2, axis=1)[:-1]
    u = (np.pi / width * np.arange(width, dtype=np.float32))[None, :]
    v = (np.pi / height * np.arange(height, dtype=np.float32))[:, None]
    power = u * u + v * v
    power[0, 0] = 1
    coefficients = -(u * along_x + v * along_row) / power
    coefficients[0, 0] = 0
    return centred(fft.idctn(coefficients, type=2), mask)

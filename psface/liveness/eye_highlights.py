"""Highlights in the eyes that move with the lamps.

Wet eyes mirror each lamp at a place of its own; printed and painted ones do not. Spectacles and
lids hide them, and masks may have holes for the eyes of who wears them: this is shown beside the
score and is no part of it.
"""

from __future__ import annotations

import numpy as np

from psface.faces.alignment import TEMPLATE

RADIUS = 0.07  # of an eye, as a share of the crop's side


def eye_highlights(frames: np.ndarray) -> float:
    """How much brighter a spot of an eye is under its lamp than under any other.

    Parameters
    ----------
    frames : (n, S, S)
        Aligned crop, one frame per lamp; n is at least 2.

    Returns
    -------
    float
        Median over eyes and lamps of the brightest such difference in the eye, over the eye's
        typical brightness under its best lamp; NaN if the eyes are dark.

    Examples
    --------
    Two lamps with a spot each in every eye, and without:

    >>> frames = np.full((2, 96, 96), 0.2)
    >>> round(eye_highlights(frames), 2)
    0.0
    >>> for lamp in range(2):
    ...     for x, y in np.round(TEMPLATE[:2] * 96).astype(int):
    ...         frames[lamp, y, x + 2 * lamp] = 0.6
    >>> round(eye_highlights(frames), 2)
    2.0
    """
    size = frames.shape[-1]
    rows, columns = np.indices((size, size))
    found = []
    for x, y in TEMPLATE[:2] * size:
        eye = frames[:, np.hypot(columns - x, rows - y) < RADIUS * size].astype(np.float64)
        level = np.median(eye.max(axis=0))
        if level <= 0:
            return float("nan")
        for lamp, seen in enumerate(eye):
            others = np.delete(eye, lamp, axis=0).max(axis=0)
            found.append((seen - others).max() / level)
    return float(np.median(found))

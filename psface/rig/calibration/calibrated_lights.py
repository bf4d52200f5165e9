"""What balls say of lamps, in the same terms for mirror balls and matte ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from psface.rig.calibration.ball_geometry import Ball
from psface.rig.calibration.ball_pictures import BallPictures


@dataclass(frozen=True)
class Sight:
    """A ball in one folder's pictures, and what was made of it.

    Attributes
    ----------
    pictures : BallPictures
    ball : Ball
    found : (n, 2) or None
        The highlights, in pixels.
    predicted : (n, 2) or None
        Where the calibrated lamps would be reflected.
    rest : (n, H, W) float32 or None
        What lamps do not explain of a matte ball's shading, relative to their light.
    """

    pictures: BallPictures
    ball: Ball
    found: np.ndarray | None = None
    predicted: np.ndarray | None = None
    rest: np.ndarray | None = None


@dataclass(frozen=True)
class Lights:
    """What balls say of n lamps.

    Attributes
    ----------
    directions : (n, 3)
        Unit vectors from the balls.
    positions : (n, 3) or None
        In mm.
    intensities : (n, 3) or None
        In each colour channel, on any scale.
    residuals : (n,)
        In pixels for mirror balls; relative to the light for matte ones.
    errors : (n,)
        Estimated, of the directions, in degrees.
    sights : tuple of Sight
    notes : tuple of str
    """

    directions: np.ndarray
    positions: np.ndarray | None
    intensities: np.ndarray | None
    residuals: np.ndarray
    errors: np.ndarray
    sights: tuple[Sight, ...]
    notes: tuple[str, ...] = ()

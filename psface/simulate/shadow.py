"""Cast shadows: a march through the depth map towards a lamp.

It sees only surfaces that the camera sees. A ray to a lamp crosses the image along a straight line
that leads to the lamp's image, and heights (`psface.simulate.raster.Camera`) are linear along it.
So one step of all rays is an affine map of the image, for near lamps and a perspective camera too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from psface.simulate.canvas import smoothstep
from psface.simulate.raster import FAR, Camera

STEPS = np.geomspace(2, 75, 26)  # mm along the trace in the image of a ray from the middle
SOFTNESS = (1.0, 3.5)  # mm of penetration at which nothing and everything is shadowed
LONGEST = 0.9  # of the way to a lamp


@dataclass(frozen=True)
class Step:
    """One step along all rays, in an image of half the size.

    The ray of pixel p is above pixel `shrink` p + (`right`, `down`), at `shrink` times its first
    height plus `rise` mm.
    """

    shrink: float
    right: float
    down: float
    rise: float


def distant_steps(light: np.ndarray, scale: float) -> Iterator[Step]:
    """Steps towards a distant lamp, a unit vector (3,), by an orthographic camera."""
    flat = float(np.hypot(light[0], light[1]))
    across = np.array([light[0], -light[1]]) / flat * scale / 2
    for distance in STEPS:
        right, down = across * distance
        yield Step(1.0, right, down, float(light[2]) / flat * distance)


def steps(lamp: np.ndarray, near: bool, camera: Camera) -> Iterator[Step]:
    """Steps towards a lamp.

    In homogeneous coordinates the ray of a point X is X + r L, where L is the lamp: its position
    with a fourth coordinate of 1, or its direction with 0.

    Parameters
    ----------
    lamp : (3,)
        Position in mm from where the optical axis meets the plane z = 0, or direction.
    near : bool
        Which of the two.
    """
    flat = float(np.hypot(lamp[0], lamp[1]))
    column, row = camera.middle
    for distance in STEPS:
        way = distance / flat
        if near and way > LONGEST:
            return
        r = way / (1 - way) if near else way
        shrink = 1 / (1 + near * r - r * camera.nearness * lamp[2])
        across = shrink * r * camera.scale * np.array([lamp[0], -lamp[1]])
        right, down = ((1 - shrink) * np.array([column, row]) + across) / 2
        yield Step(shrink, right, down, shrink * r * lamp[2])


def cast_shadow(heights: np.ndarray, march: Iterable[Step]) -> np.ndarray:
    """Share of a light, in [0, 1], that reaches each pixel (H, W) past the visible surface.

    `heights` (H, W), in mm, are those of what casts and receives shadows.
    """
    height, width = heights.shape
    half = (width // 2, height // 2)
    ground = np.ascontiguousarray(heights[: half[1] * 2 : 2, : half[0] * 2 : 2])
    blocked = np.zeros_like(ground)
    for step in march:
        shifted: np.ndarray = cv2.warpAffine(
            ground,
            np.array([[step.shrink, 0, step.right], [0, step.shrink, step.down]]),
            half,
            flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=float(FAR),
        )
        shifted -= ground if step.shrink == 1 else np.float32(step.shrink) * ground
        shifted -= float(step.rise)
        np.maximum(blocked, shifted, out=blocked)
    reach = 1 - smoothstep(*SOFTNESS, blocked)
    reach = cv2.GaussianBlur(reach, (0, 0), 1)
    return cv2.resize(reach, (width, height), interpolation=cv2.INTER_LINEAR)

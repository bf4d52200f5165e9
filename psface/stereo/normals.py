"""Least-squares photometric stereo (Woodham, Optical Engineering 19(1), 1980).

A Lambertian pixel of albedo rho and normal n has ``I_i = rho n . l_i`` under light i, so
``g = rho n`` is the least-squares solution of ``L g = I``.
"""

from __future__ import annotations

import numpy as np

SATURATED = 0.99  # of the sensor's range
SHADOW = 0.1  # of the pixel's brightest frame; below, the light does not reach the surface
MIN_LIGHTS = 3
# The remaining lights must still span space: smallest determinant of their normal equations,
# per light used, as a share of that of all lights.
MIN_SPAN = 0.2


def photometric_stereo(
    frames: np.ndarray, lights: np.ndarray, exclude_shadows: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Estimate the normal and albedo of every pixel.

    With ``exclude_shadows``, lights under which a pixel is shadowed or saturated are left out of
    its least squares, as long as three lights that span space remain. With four lights this is the
    useful part of robust photometric stereo: one extra light is all the redundancy there is.

    Parameters
    ----------
    frames : (n, H, W) float32 in [0, 1]
    lights : (n, 3) float64
        Unit vectors from the surface to the light.

    Returns
    -------
    normal : (3, H, W) float32
        Unit vectors; (0, 0, 1) where all frames are black.
    albedo : (H, W) float32
        On the scale in which a frame is ``albedo * max(0, n.l)``.

    Examples
    --------
    A plane of albedo 0.5, tilted to the right, under three lights:

    >>> lights = np.array([[0.5, 0, 1], [-0.5, 0.5, 1], [-0.5, -0.5, 1]])
    >>> lights /= np.linalg.norm(lights, axis=1, keepdims=True)
    >>> tilted = np.array([0.28, 0, 0.96])
    >>> frames = np.ones((3, 2, 2), np.float32) * 0.5 * (lights @ tilted)[:, None, None]
    >>> normal, albedo = photometric_stereo(frames.astype(np.float32), lights)
    >>> bool(np.allclose(normal[:, 0, 0], tilted)), float(albedo[0, 0].round(2))
    (True, 0.5)
    """
    n, height, width = frames.shape
    intensity = frames.reshape(n, -1).T.astype(np.float32)  # (P, n)
    scaled = intensity @ np.linalg.pinv(lights).T.astype(np.float32)  # (P, 3)
    if exclude_shadows and n > MIN_LIGHTS:
        used = usable_lights(intensity)
        fewer = np.flatnonzero(~used.all(axis=1))
        fewer = fewer[_spans(used[fewer], lights)]
        scaled[fewer] = _solve(intensity[fewer], lights, used[fewer])
    albedo = np.linalg.norm(scaled, axis=1)
    normal = scaled / np.maximum(albedo, 1e-12)[:, None]
    normal[albedo == 0] = (0, 0, 1)
    return normal.T.reshape(3, height, width), albedo.reshape(height, width)


def usable_lights(intensity: np.ndarray) -> np.ndarray:
    """Select lights that are neither shadowed nor saturated, (P, n) bool, three or more per pixel.

    If fewer than three qualify, the brightest of the others are put back: a saturated light
    still shows that the surface faces it, a shadow shows little.
    """
    brightest = intensity.max(axis=1, keepdims=True)
    used = (intensity < SATURATED) & (intensity >= SHADOW * brightest)
    short = used.sum(axis=1) < MIN_LIGHTS
    preference = intensity[short] + used[short]
    best = np.argpartition(-preference, MIN_LIGHTS - 1, axis=1)[:, :MIN_LIGHTS]
    kept = np.zeros_like(preference, dtype=bool)
    np.put_along_axis(kept, best, True, axis=1)
    used[short] = kept
    return used


def _spans(used: np.ndarray, lights: np.ndarray) -> np.ndarray:
    """Whether the used lights are far enough from coplanar, (P,) bool."""
    full = np.linalg.det(lights.T @ lights) / len(lights) ** 3
    determinant = _determinant(_normal_matrix(used, lights))
    return determinant > MIN_SPAN * full * used.sum(axis=1) ** 3


def _normal_matrix(used: np.ndarray, lights: np.ndarray) -> np.ndarray:
    """The six distinct entries xx xy xz yy yz zz of sum_i w_i l_i l_i^T, (P, 6)."""
    x, y, z = lights.T
    products = np.stack([x * x, x * y, x * z, y * y, y * z, z * z], axis=-1)
    return used.astype(np.float32) @ products.astype(np.float32)


def _determinant(matrix: np.ndarray) -> np.ndarray:
    xx, xy, xz, yy, yz, zz = matrix.T
    return xx * (yy * zz - yz * yz) - xy * (xy * zz - yz * xz) + xz * (xy * yz - yy * xz)


def _solve(intensity: np.ndarray, lights: np.ndarray, used: np.ndarray) -> np.ndarray:
    """Solve each pixel's least squares over its used lights, (P, 3), by the 3x3 adjugate."""
    matrix = _normal_matrix(used, lights)
    xx, xy, xz, yy, yz, zz = matrix.T
    bx, by, bz = ((used * intensity) @ lights.astype(np.float32)).T
    cxx, cxy, cxz = yy * zz - yz * yz, xz * yz - xy * zz, xy * yz - xz * yy
    cyy, cyz, czz = xx * zz - xz * xz, xy * xz - xx * yz, xx * yy - xy * xy
    solution = np.stack(
        [
            cxx * bx + cxy * by + cxz * bz,
            cxy * bx + cyy * by + cyz * bz,
            cxz * bx + cyz * by + czz * bz,
        ],
        axis=-1,
    )
    return solution / np.maximum(_determinant(matrix), 1e-12)[:, None]

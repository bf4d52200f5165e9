"""Least-squares photometric stereo (Woodham, Optical Engineering 19(1), 1980).

A Lambertian pixel of albedo rho and normal n has ``I_i = rho n . l_i`` under light i, so
``g = rho n`` is the least-squares solution of ``L g = I``. A lamp's strength, and the direction and
fall-off of a near lamp at each pixel (`psface.stereo.lighting`), are in the length of ``l_i``.
"""

from __future__ import annotations

import numpy as np

SATURATED = 0.99  # of the sensor's range
SHADOW = 0.1  # of the pixel's brightest frame; below, the light does not reach the surface
MIN_LIGHTS = 3
ROBUST_LIGHTS = 6  # from here on, outliers can be told from the fit of the others
ROUNDS = 5  # of reweighting
TOLERATED = 0.05  # of the pixel's mean brightness: a residual that halves a light's weight
BLOCK = 1 << 15  # pixels solved at once: few enough for the processor's cache
# The remaining lights must still span space: smallest determinant of their normal equations,
# per light used, as a share of that of all lights.
MIN_SPAN = 0.2


def photometric_stereo(
    frames: np.ndarray,
    light: np.ndarray,
    exclude_shadows: bool = True,
    robust: bool = False,
    saturated: np.ndarray | None = None,
    where: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Estimate the normal and albedo of every pixel.

    With ``exclude_shadows``, lights under which a pixel is shadowed or saturated are left out of
    its least squares, as long as three lights that span space remain. With four lights this is the
    useful part of robust photometric stereo: one extra light is all the redundancy there is. With
    ``robust``, pixels of which at least `ROBUST_LIGHTS` lights remain are reweighted by their
    residuals.

    Parameters
    ----------
    frames : (n, H, W) float32 in [0, 1]
        Linear in the light.
    light : (n, 3) or (n, 3, H, W)
        Vectors from the surface to the light, as long as the light is strong; about 1.
    saturated : (n, H, W) bool, optional
        Where a frame is saturated; where it is brighter than `SATURATED`, if not given.
    where : (H, W) bool, optional
        Pixels that matter; at others the result is (0, 0, 1) and 0.

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
    >>> bool(np.allclose(normal[:, 0, 0], tilted, atol=1e-6)), float(albedo[0, 0].round(2))
    (True, 0.5)
    """
    n, height, width = frames.shape
    every = np.arange(height * width) if where is None else np.flatnonzero(where)
    normal = np.zeros((3, height * width), np.float32)
    normal[2] = 1
    albedo = np.zeros(height * width, np.float32)
    for start in range(0, len(every), BLOCK):
        block = every[start : start + BLOCK]
        # Pixels run along the last axis, as in memory: sums over the lights are of long rows.
        intensity = frames.reshape(n, -1).take(block, axis=1).astype(np.float32, copy=False)
        if saturated is None:
            clipped = intensity >= SATURATED
        else:
            clipped = saturated.reshape(n, -1).take(block, axis=1)
        at_pixels = light.astype(np.float32, copy=False)
        if light.ndim > 2:
            at_pixels = at_pixels.reshape(n, 3, -1).take(block, axis=2)
        scaled = _solved(intensity, clipped, at_pixels, exclude_shadows, robust)
        length = np.sqrt(np.einsum("ip,ip->p", scaled, scaled))
        scaled /= np.maximum(length, 1e-12)
        scaled[:, length == 0] = np.array([[0], [0], [1]])
        for plane, values in zip((*normal, albedo), (*scaled, length), strict=True):
            plane[block] = values  # one at a time: numpy places rows of many planes slowly
    return normal.reshape(3, height, width), albedo.reshape(height, width)


def _solved(
    intensity: np.ndarray, clipped: np.ndarray, light: np.ndarray, exclude: bool, robust: bool
) -> np.ndarray:
    """Solve for rho n of P pixels, (3, P), under lights (n, 3) or (n, 3, P)."""
    n = len(intensity)
    used = np.ones(intensity.shape, bool)
    if exclude and n > MIN_LIGHTS:
        strength = np.sqrt(np.einsum("ic...,ic...->i...", light, light))
        relative = _relative(intensity, strength.reshape(n, -1))
        used = usable_lights(relative.T, clipped.T).T
        fewer = np.flatnonzero(~used.all(axis=0))
        flat = fewer[~_spans(used.take(fewer, axis=1), _at(light, fewer))]
        used[:, flat] = True
    if light.ndim == 2:
        scaled = np.linalg.pinv(light).astype(np.float32) @ intensity
        fewer = np.flatnonzero(~used.all(axis=0))
        scaled[:, fewer] = _solve(intensity[:, fewer], light, used[:, fewer])
    else:
        scaled = _solve(intensity, light, used)
    if robust and len(many := np.flatnonzero(used.sum(axis=0) >= ROBUST_LIGHTS)):
        scaled[:, many] = _reweighted(
            intensity[:, many], _at(light, many), used[:, many], scaled[:, many]
        )
    return scaled


def _at(light: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    return light if light.ndim == 2 else light.take(pixels, axis=2)


def _reweighted(
    intensity: np.ndarray, light: np.ndarray, used: np.ndarray, scaled: np.ndarray
) -> np.ndarray:
    """Solve again with Cauchy weights of the residuals (Holland & Welsch, 1977)."""
    tolerated = TOLERATED * intensity.mean(axis=0) + 1e-6
    for _ in range(ROUNDS):
        shading = light @ scaled if light.ndim == 2 else np.einsum("icp,cp->ip", light, scaled)
        residual = intensity - np.maximum(shading, 0)
        scaled = _solve(intensity, light, used / (1 + (residual / tolerated) ** 2))
    return scaled


def colour_albedo(
    colours: np.ndarray, normal: np.ndarray, light: np.ndarray, used: np.ndarray
) -> np.ndarray:
    """Albedo of each channel under known normals: the least squares of I = rho max(0, n.l).

    Parameters
    ----------
    colours : (n, 3, H, W) float32
    normal : (3, H, W) float32
    light : (n, 3) or (n, 3, H, W)
    used : (n, H, W) bool

    Returns
    -------
    (3, H, W) float32
        In red, green and blue, on the scale of `photometric_stereo`'s albedo.
    """
    if light.ndim == 2:
        shading = np.tensordot(light.astype(np.float32), normal, 1)
    else:
        shading = (light * normal).sum(axis=1)
    shading = np.maximum(shading, 0) * used
    return (colours * shading[:, None]).sum(axis=0) / np.maximum((shading**2).sum(axis=0), 1e-6)


def usable(frames: np.ndarray, light: np.ndarray, saturated: np.ndarray) -> np.ndarray:
    """`usable_lights` of frames (n, H, W), as (n, H, W) bool."""
    n = len(frames)
    strength = np.sqrt(np.einsum("ic...,ic...->i...", light, light)).astype(np.float32)
    relative = _relative(frames, strength.reshape(n, *(strength.shape[1:] or (1, 1))))
    used = usable_lights(relative.reshape(n, -1).T, saturated.reshape(n, -1).T)
    return used.T.reshape(frames.shape)


def _relative(intensity: np.ndarray, strength: np.ndarray) -> np.ndarray:
    """Intensities over the strengths of the lights; 0 where a light does not reach."""
    if strength.all():
        return intensity / strength
    return np.where(strength > 0, intensity / np.maximum(strength, 1e-12), 0)


def usable_lights(relative: np.ndarray, saturated: np.ndarray) -> np.ndarray:
    """Select lights that are neither shadowed nor saturated, (P, n) bool, three or more per pixel.

    If fewer than three qualify, the brightest of the others are put back: a saturated light
    still shows that the surface faces it, a shadow shows little. ``relative`` are the intensities
    over the strengths of the lights.
    """
    relative, used = relative.T, ~saturated.T  # of long rows, as `photometric_stereo` has them
    brightest = relative.max(axis=0)
    used &= relative >= SHADOW * brightest
    short = np.flatnonzero(used.sum(axis=0) < MIN_LIGHTS)
    preference = used.take(short, axis=1) * np.maximum(brightest.take(short), 1)
    preference += relative.take(short, axis=1)
    best = np.argpartition(-preference.T, MIN_LIGHTS - 1, axis=1)[:, :MIN_LIGHTS]
    best = np.ascontiguousarray(best.T)
    for lamp, chosen in enumerate(used):
        chosen[short] = (best == lamp).any(axis=0)
    return used.T


def _spans(used: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Whether the used lights are far enough from coplanar, (P,) bool.

    If their lengths differ, they need not replace a stronger light that is left out: it is enough
    that they span space as well for their own lengths.
    """
    full, matrix = _normal_matrix(np.ones_like(used), light), _normal_matrix(used, light)
    (squares_of_all, squares) = (m[0] + m[3] + m[5] for m in (full, matrix))
    per_light = used.sum(axis=0) / len(light)
    per_square = squares / np.maximum(squares_of_all, 1e-12)
    share = np.minimum(per_light, per_square)
    return _determinant(matrix) > MIN_SPAN * _determinant(full) * share**3


def _normal_matrix(weight: np.ndarray, light: np.ndarray) -> np.ndarray:
    """The six distinct entries xx xy xz yy yz zz of sum_i w_i l_i l_i^T, (6, P)."""
    x, y, z = light.swapaxes(0, 1)
    weight = weight.astype(np.float32, copy=False)
    if light.ndim == 2:
        return np.stack([x * x, x * y, x * z, y * y, y * z, z * z]) @ weight
    out = np.empty((6, weight.shape[1]), np.float32)
    weighted_x, weighted_y, weighted_z = weight * x, weight * y, weight * z
    pairs = (
        (weighted_x, x), (weighted_x, y), (weighted_x, z),
        (weighted_y, y), (weighted_y, z), (weighted_z, z),
    )  # fmt: skip
    for (one, other), entry in zip(pairs, out, strict=True):
        np.einsum("ip,ip->p", one, other, out=entry)
    return out


def _determinant(matrix: np.ndarray) -> np.ndarray:
    xx, xy, xz, yy, yz, zz = matrix
    return xx * (yy * zz - yz * yz) - xy * (xy * zz - yz * xz) + xz * (xy * yz - yy * xz)


def _solve(intensity: np.ndarray, light: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Solve each pixel's weighted least squares, (3, P), by the 3x3 adjugate."""
    matrix = _normal_matrix(weight, light)
    xx, xy, xz, yy, yz, zz = matrix
    weighted = weight * intensity
    if light.ndim == 2:
        bx, by, bz = light.T @ weighted.astype(np.float32, copy=False)
    else:
        bx, by, bz = (np.einsum("ip,ip->p", weighted, axis) for axis in light.swapaxes(0, 1))
    cxx, cxy, cxz = yy * zz - yz * yz, xz * yz - xy * zz, xy * yz - xz * yy
    cyy, cyz, czz = xx * zz - xz * xz, xy * xz - xx * yz, xx * yy - xy * xy
    solution = np.stack(
        [
            cxx * bx + cxy * by + cxz * bz,
            cxy * bx + cyy * by + cyz * bz,
            cxz * bx + cyz * by + czz * bz,
        ]
    )
    determinant = xx * cxx + xy * cxy + xz * cxz
    return solution / np.maximum(determinant, 1e-12)

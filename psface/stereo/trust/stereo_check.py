"""Checks of one capture that need its frames and maps, but no landmarks.

What is looked at, and the thresholds, were chosen on simulated captures and Extended Yale B, most
of them on every other person, some on all; `psface measure trust` says what they find, and how
often they are wrong. Those of clipping, darkness, motion and missing lamps are above what these
captures show, and no faults were planted for them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from psface.stereo.trust.fit_quality import fit_of
from psface.stereo.trust.lit_cells import DARK, LitCells, lit_cells
from psface.stereo.trust.room_light import ambient_bound, ambient_light
from psface.stereo.trust.strengths import disagreeing, free_scales, strength_warning
from psface.stereo.trust.trust_warning import TrustWarning

FAILED = 0.12  # of the other frames' brightness
BRIGHT = 0.9  # quantile of a frame's brightness; a lamp from the side leaves half of a face dark
TWIN = 0.2  # difference of two frames per angle between their lights, over that of other pairs
TWIN_ANGLE = np.radians(4)  # between the lights of two frames that should look different
EVEN = 0.008  # spread of the frames' mean brightness over its mean: a camera evens them out
AMBIENT = 0.038  # of a lamp's light, in places it cannot reach, which see half of the room
MOSTLY_DARK = 0.5  # share of the face
CLIPPED, FEW_LAMPS, MOTION = 0.3, 0.7, 0.085


@dataclass(frozen=True)
class StereoTrust:
    """What the checks found; shares are of 1, and NaN where the frames do not tell.

    Attributes
    ----------
    residual : float
        Of the least squares, over the pixel's brightness; needs four usable lamps.
    left_out : (n,) tuple
        Error of each lamp's brightness as predicted by the others.
    left_out_mean : float
    scales, scale_errors : (n,) tuples
        Strength of each lamp over what the rig says, of geometric mean 1, and the standard errors
        of their logarithms.
    unexplained : (n, n) tuple of tuples
        What strengths would leave of the brightness; see `FreeScales`.
    disagreeing : tuple of int
        Lamps whose strength is not what the rig says.
    few_lamps : float
        Share of the mask with fewer than three usable lamps.
    motion_px, motion : float
        Largest shift of a frame, in pixels and of the shorter side.
    clipped : float
        Share of pixels at the sensor's limit, over all frames.
    ambient : float
        Light in places that a lamp cannot reach, over that of a lamp which shines straight on
        them; NaN if there are too few such places, or if they disagree.
    ambient_bound : float
        Ambient light is at most about this: the darkest places that any lamp leaves.
    evenness : float
        Spread of the frames' mean brightness over its mean.
    warnings : tuple of TrustWarning
    """

    residual: float
    left_out: tuple[float, ...]
    left_out_mean: float
    scales: tuple[float, ...]
    scale_errors: tuple[float, ...]
    unexplained: tuple[tuple[float, ...], ...]
    disagreeing: tuple[int, ...]
    few_lamps: float
    motion_px: float
    motion: float
    clipped: float
    ambient: float
    ambient_bound: float
    evenness: float
    warnings: tuple[TrustWarning, ...]


def check_stereo(
    frames: np.ndarray,
    saturated: np.ndarray | None,
    vectors: np.ndarray,
    mask: np.ndarray,
    shifts: np.ndarray,
) -> StereoTrust:
    """Check a capture's frames against its lights.

    Parameters
    ----------
    frames : (n, H, W) float32
        Aligned, linear, in [0, 1].
    saturated : (n, H, W) bool or None
    vectors : (n, 3) or (n, 3, H, W)
        Light direction times relative strength; unit vectors for lamps of equal strength.
    mask : (H, W) bool
        The face, as stereo found it.
    shifts : (n, 2)
        Of the frames, in pixels.

    Examples
    --------
    A sphere under four lamps of which the last is dark:

    >>> y, x = np.mgrid[1:-1:60j, -1:1:60j]
    >>> normal = np.stack([x, y, np.sqrt(np.clip(1 - x**2 - y**2, 0, 1))])
    >>> lights = np.array([[3, 3, 6], [-3, 3, 6], [-3, -3, 6], [3, -3, 6]]) / 54**0.5
    >>> frames = np.clip(np.tensordot(lights, normal, 1), 0, 1) * 0.8
    >>> frames[3] *= 0.01
    >>> trust = check_stereo(frames, None, lights, x**2 + y**2 < 0.6, np.zeros((4, 2)))
    >>> [warning.code for warning in trust.warnings]
    ['failed-lamp']
    """
    n = len(frames)
    cells = lit_cells(frames, saturated, vectors, mask)
    enough = cells.used.sum(axis=1) > 2
    reached = cells.chosen(enough)
    few = 1 - float(enough.mean()) if len(cells) else 1.0
    motion_px = float(np.hypot(*np.asarray(shifts).T).max(initial=0))
    motion = motion_px / min(mask.shape)
    if len(reached) < 4 * n:
        none = (float("nan"),) * n
        nan = float("nan")
        unlit = _too_dark(cells) or [_few(few)]
        warnings = [*_failed(cells), *unlit] if len(cells) else unlit
        return StereoTrust(
            nan, none, nan, none, none, (none,) * n, (), few, motion_px, motion, cells.saturated,
            nan, nan, nan, tuple(warnings),
        )  # fmt: skip
    fit, free = fit_of(reached), free_scales(cells)
    known = fit.left_out[np.isfinite(fit.left_out)]
    ambient, bound = ambient_light(cells), ambient_bound(reached, fit.scaled)
    means = np.array([frame[mask].mean() for frame in frames])
    whole = frames.mean(axis=(1, 2))
    evenness = min(float(m.std() / max(m.mean(), 1e-9)) for m in (means, whole))
    trust = StereoTrust(
        residual=fit.residual,
        left_out=tuple(fit.left_out.tolist()),
        left_out_mean=float(known.mean()) if len(known) else float("nan"),
        scales=tuple(free.scales.tolist()),
        scale_errors=tuple(free.errors.tolist()),
        unexplained=tuple(tuple(row) for row in free.unexplained.tolist()),
        disagreeing=disagreeing(free, np.zeros(n)),
        few_lamps=few,
        motion_px=motion_px,
        motion=motion,
        clipped=cells.saturated,
        ambient=min(ambient, bound) if np.isfinite(ambient) else ambient,
        ambient_bound=bound,
        evenness=evenness,
        warnings=(),
    )
    return _with_warnings(trust, cells, means / free.scales)


def _with_warnings(trust: StereoTrust, cells: LitCells, given: np.ndarray) -> StereoTrust:
    found: list[TrustWarning] = []
    dead, twins = _failed(cells), _twins(cells)
    found += dead or twins
    if not found:
        # Lamps that surround a symmetric shape give even frames without a camera's doing, and
        # three lamps on any shape may.
        symmetric = len(given) < 4 or given.std() / given.mean() < EVEN
        if trust.evenness < EVEN and not symmetric:
            found.append(
                TrustWarning(
                    "auto-exposure",
                    f"the frames' mean brightness is the same within {trust.evenness:.1%}",
                    "switch auto-exposure off, or set stereo.semi_calibrated",
                )
            )
        elif trust.disagreeing:
            found.append(strength_warning(trust.scales, trust.disagreeing))
    if trust.ambient > AMBIENT:
        found.append(
            TrustWarning(
                "ambient",
                f"places that a lamp cannot reach get {trust.ambient:.0%} of its light",
                "darken the room, or record a frame with all lamps off as ambient; if the files "
                "are not linear, set the rig's camera.response",
            )
        )
    if trust.clipped > CLIPPED:
        found.append(
            TrustWarning("clipped", f"{trust.clipped:.0%} of the face is saturated", "expose less")
        )
    found += _too_dark(cells)
    if trust.few_lamps > FEW_LAMPS:
        found.append(_few(trust.few_lamps))
    if trust.motion > MOTION:
        found.append(
            TrustWarning(
                "motion",
                f"a frame moved by {trust.motion_px:.0f} px, which registration barely follows",
                "record again, faster",
            )
        )
    return StereoTrust(**{**trust.__dict__, "warnings": tuple(found)})


def _too_dark(cells: LitCells) -> list[TrustWarning]:
    if cells.dark < MOSTLY_DARK:
        return []
    return [
        TrustWarning(
            "too-dark",
            f"{cells.dark:.0%} of the face is under {DARK:.0%} of full brightness in every frame",
            "expose more, or set the rig's camera.channel_weights to channels that the lamps light",
        )
    ]


def _few(share: float) -> TrustWarning:
    return TrustWarning(
        "few-lamps",
        f"{share:.0%} of the face has fewer than three lamps that reach it unsaturated",
        "move the lamps nearer to the camera's axis, or add some",
    )


def _failed(cells: LitCells) -> list[TrustWarning]:
    brightness = np.quantile(cells.intensity, BRIGHT, axis=0)
    dark = np.flatnonzero(brightness < FAILED * np.median(brightness))
    return [
        TrustWarning(
            "failed-lamp",
            f"frame {i} (from 0) has {brightness[i] / np.median(brightness):.0%} of the other "
            "frames' brightness",
            "check its lamp, and record again or leave the frame out",
        )
        for i in dark
    ]


def _twins(cells: LitCells) -> list[TrustWarning]:
    """Two frames that differ by much less than others with lights as far apart: one lamp twice."""
    n = cells.intensity.shape[1]
    unit = cells.intensity / np.maximum(np.linalg.norm(cells.intensity, axis=0), 1e-9)
    light = cells.light.mean(axis=0)
    light = light / np.linalg.norm(light, axis=1, keepdims=True)
    first, second = np.triu_indices(n, 1)
    apart = np.sqrt(np.clip(1 - (unit.T @ unit)[first, second] ** 2, 0, 1))
    angle = np.arccos(np.clip((light @ light.T)[first, second], -1, 1))
    far = angle > TWIN_ANGLE
    if far.sum() < 3:
        return []
    ratio = apart / np.maximum(angle, TWIN_ANGLE)
    same = far & (ratio < TWIN * np.median(ratio[far]))
    return [
        TrustWarning(
            "same-lamp",
            f"frames {i} and {j} (from 0) show the same light",
            "restore the frame that is missing, or record again",
        )
        for i, j in zip(first[same], second[same], strict=True)
    ]

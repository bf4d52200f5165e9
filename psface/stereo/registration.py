"""Sub-pixel registration, by translation, of frames lit from different sides.

Shading gradients reverse when the light changes sides, so correlating intensities fails. What
stays is the *line* along which the image changes at eyes, brows, lips and nostrils. Each frame
therefore becomes a complex field of doubled gradient angles, the same for a gradient and its
negative, and the fields are compared by cross-correlation. This is the orientation correlation of
Fitch et al. (BMVC 2002) with the angle doubled, applied groupwise: every frame is registered
against the sum of all the others, as aligned so far.
"""

from __future__ import annotations

import cv2
import numpy as np
from scipy import fft, ndimage

SMOOTHING = 1.0  # px, of the derivative; well below the size of an eye's details
NEIGHBOURHOOD = 6.0  # px, of the local brightness that gradients are relative to
CONTRAST = 0.05  # relative gradient per px at which an edge counts half
FLOOR = 0.02  # of the sensor's range; in darker places, gradients are noise
DIM = 0.3  # of a frame's bright level; brightness at which an edge counts half
MAX_SHIFT = 0.1  # of the frame's shorter side
ROUNDS = 8  # the sum of fields sharpens as the frames fall into place
SETTLED = 0.02  # px


def register(frames: np.ndarray) -> np.ndarray:
    """Estimate how far each frame's content has moved from its position in frame 0.

    Parameters
    ----------
    frames : (n, H, W) float32 in [0, 1]

    Returns
    -------
    (n, 2) float64
        dx (right) and dy (down) in pixels; the first row is zero.
    """
    spectra = [fft.fft2(orientation_field(frame), workers=1) for frame in frames]
    aligned = list(spectra)
    total = np.sum(aligned, axis=0)
    reach = max(1, int(MAX_SHIFT * min(frames.shape[1:])))
    shifts = np.zeros((len(frames), 2))
    for _ in range(ROUNDS):
        before = shifts.copy()
        for index, spectrum in enumerate(spectra):
            total -= aligned[index]
            shifts[index] = _peak(spectrum, total, reach)
            aligned[index] = _translated(spectrum, -shifts[index])
            total += aligned[index]
        if np.abs(shifts - before).max() < SETTLED:
            break
    return shifts - shifts[0]


def align(frames: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Move every frame back by its shift, (n, H, W); cubic interpolation, replicated borders."""
    height, width = frames.shape[1:]
    out = np.empty_like(frames)
    for index, (frame, (dx, dy)) in enumerate(zip(frames, shifts, strict=True)):
        if dx == 0 and dy == 0:
            out[index] = frame
            continue
        matrix = np.array([[1, 0, dx], [0, 1, dy]], dtype=np.float64)
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        moved = cv2.warpAffine(
            frame, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE
        )
        # Cubic weights overshoot at edges.
        out[index] = np.clip(moved, 0, max(1.0, float(frame.max())))
    return out


def orientation_field(frame: np.ndarray) -> np.ndarray:
    """Return a frame's doubled-angle gradient field, (H, W) complex64 of magnitude 0 to 1.

    Gradients are relative to the local brightness and saturate, so that no single edge dominates;
    shadows count less, since their edges are noise. The field fades out towards the border, where
    the periodic domain of the Fourier transform is discontinuous.
    """
    smooth = ndimage.gaussian_filter(frame, SMOOTHING, truncate=3)
    gradient_y, gradient_x = np.gradient(smooth)
    local = cv2.GaussianBlur(frame, (0, 0), NEIGHBOURHOOD)
    gradient = (gradient_x + 1j * gradient_y) / (local + np.float32(FLOOR))
    squared = gradient**2
    field = squared / (np.abs(squared) + CONTRAST**2)
    field *= local / (local + DIM * np.percentile(frame, 90) + 1e-6)
    height, width = frame.shape
    return (field * np.outer(_taper(height), _taper(width))).astype(np.complex64)


def _taper(length: int) -> np.ndarray:
    ramp = np.linspace(0, 1, length, dtype=np.float32)
    return np.clip(np.minimum(ramp, 1 - ramp) * 8, 0, 1)


def _translated(spectrum: np.ndarray, shift: np.ndarray) -> np.ndarray:
    height, width = spectrum.shape
    along_y = np.exp(-2j * np.pi * fft.fftfreq(height) * shift[1])
    along_x = np.exp(-2j * np.pi * fft.fftfreq(width) * shift[0])
    return spectrum * np.outer(along_y, along_x).astype(np.complex64)


def _peak(moved: np.ndarray, fixed: np.ndarray, reach: int) -> np.ndarray:
    """Return the shift (dx, dy) of the correlation peak within ``reach``, refined by a parabola.

    Of peaks of similar height, the nearer is likelier: heads sway, they do not jump.
    """
    correlation = fft.ifft2(moved * np.conj(fixed), workers=1).real
    steps = np.arange(-reach, reach + 1)
    window = correlation[np.ix_(steps, steps)]  # negative indices wrap, as the shifts do
    nearness = np.exp(-2 * (steps / reach) ** 2)
    likely = (window * np.outer(nearness, nearness))[1:-1, 1:-1]
    y, x = np.unravel_index(np.argmax(likely), likely.shape)
    offset = _parabola_peak(window[y : y + 3, x : x + 3])
    return np.array([x + 1 - reach + offset[0], y + 1 - reach + offset[1]])


def _parabola_peak(patch: np.ndarray) -> np.ndarray:
    """Peak (x, y), relative to the centre, of the quadratic fitted to a (3, 3) patch."""
    b = (patch[:, 2] - patch[:, 0]).sum() / 6
    c = (patch[2] - patch[0]).sum() / 6
    d = (patch[:, 2] + patch[:, 0] - 2 * patch[:, 1]).sum() / 6
    e = (patch[2] + patch[0] - 2 * patch[1]).sum() / 6
    f = (patch[2, 2] + patch[0, 0] - patch[0, 2] - patch[2, 0]) / 4
    determinant = 4 * d * e - f * f
    if d >= 0 or e >= 0 or determinant <= 0:
        return np.zeros(2)
    peak = np.array([f * c - 2 * e * b, f * b - 2 * d * c]) / determinant
    return np.clip(peak, -1, 1)

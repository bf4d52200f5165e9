"""Sub-pixel registration, by translation, of frames lit from different sides.

Shading gradients reverse when the light changes sides, so correlating intensities fails. What
stays is the *line* along which the image changes at eyes, brows, lips and nostrils. Each frame
therefore becomes a complex field of doubled gradient angles, the same for a gradient and its
negative, and the fields are compared by cross-correlation. This is the orientation correlation of
Fitch et al. (BMVC 2002) with the angle doubled, applied groupwise: every frame is registered
against the sum of all the others, as aligned so far.

Low frequencies find the peaks. Around them, the correlations of all pairs are computed once, and
sum to those of the groups: the shifts settle without another look at the frames.
"""

from __future__ import annotations

import cv2
import numpy as np
from scipy import fft

from psface.percentiles import percentile

SMOOTHING = 1.0  # px, of the derivative; well below the size of an eye's details
NEIGHBOURHOOD = 6.0  # px, of the local brightness that gradients are relative to
SHRINK = 4  # of the picture whose local brightness is taken
CONTRAST = 0.05  # relative gradient per px at which an edge counts half
FLOOR = 0.02  # of the sensor's range; in darker places, gradients are noise
DIM = 0.3  # of a frame's bright level; brightness at which an edge counts half
MAX_SHIFT = 0.1  # of the frame's shorter side
COARSE = 180  # px of the shorter side, or more, where peaks are looked for
ROUNDS = 8  # the sum of fields sharpens as the frames fall into place
FINE_ROUNDS = 30
SETTLED = 0.005  # px
LOBES = 4  # of the sinc by which correlations are interpolated


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
    height, width = frames.shape[1:]
    size = (fft.next_fast_len(height), fft.next_fast_len(width))
    spectra = [fft.fft2(orientation_field(frame), size, workers=1) for frame in frames]
    reach = max(1, int(MAX_SHIFT * min(height, width)))
    factor = max(1, min(size) // COARSE)
    rough = _rough_shifts(spectra, reach, factor)
    middle = rough.round()
    window = np.arange(-LOBES - 2 - factor, LOBES + 3 + factor)
    pairs = _pair_correlations(spectra, middle, window)
    shifts = middle + _settled(pairs, rough - middle, window, factor / 2)
    return shifts - shifts[0]


def orientation_field(frame: np.ndarray) -> np.ndarray:
    """Return a frame's doubled-angle gradient field, (H, W) complex64 of magnitude 0 to 1.

    Gradients are relative to the local brightness and saturate, so that no single edge dominates;
    shadows count less, since their edges are noise. The field fades out towards the border, where
    the periodic domain of the Fourier transform is discontinuous.
    """
    height, width = frame.shape
    side = 2 * round(3 * SMOOTHING) + 1
    smooth = cv2.GaussianBlur(frame, (side, side), SMOOTHING)
    gradient_x: np.ndarray = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=1, scale=0.5)
    gradient_y: np.ndarray = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=1, scale=0.5)
    small = cv2.resize(
        frame,
        (max(1, width // SHRINK), max(1, height // SHRINK)),
        interpolation=cv2.INTER_AREA,
    )
    small = cv2.GaussianBlur(small, (0, 0), NEIGHBOURHOOD / SHRINK)
    local = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    bright = percentile(frame[::SHRINK, ::SHRINK], 90)
    relative = local + np.float32(FLOOR)
    gradient_x /= relative
    gradient_y /= relative
    # The square of the gradient as a complex number has twice its angle.
    real, imaginary = gradient_x * gradient_x, gradient_x * gradient_y
    gradient_y *= gradient_y
    length = real + gradient_y
    weight = local / (
        (local + np.float32(DIM * bright + 1e-6)) * (length + np.float32(CONTRAST**2))
    )
    weight *= _taper(height)[:, None]
    weight *= _taper(width)
    field = np.empty((height, width), np.complex64)
    real -= gradient_y
    np.multiply(real, weight, out=field.real)
    imaginary *= 2
    np.multiply(imaginary, weight, out=field.imag)
    return field


def _taper(length: int) -> np.ndarray:
    ramp = np.linspace(0, 1, length, dtype=np.float32)
    return np.clip(np.minimum(ramp, 1 - ramp) * 8, 0, 1)


def _rough_shifts(spectra: list[np.ndarray], reach: int, factor: int) -> np.ndarray:
    """Find the shifts (n, 2) by the frequencies that a picture ``factor`` times smaller has, to
    less than half a pixel of it."""
    height, width = spectra[0].shape
    size = (height // factor, width // factor)
    low = [_low_frequencies(spectrum, size) for spectrum in spectra]
    aligned = list(low)
    total = np.sum(aligned, axis=0)
    shifts = np.zeros((len(low), 2))
    for _ in range(ROUNDS):
        before = shifts.copy()
        for index, spectrum in enumerate(low):
            total -= aligned[index]
            shifts[index] = _peak(spectrum, total, max(1, reach // factor))
            aligned[index] = _translated(spectrum, -shifts[index])
            total += aligned[index]
        if _change(shifts, before) < 0.1:
            break
    return shifts * (width / size[1], height / size[0])


def _low_frequencies(spectrum: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The spectrum of the picture at a smaller size."""
    rows, columns = (
        np.r_[: (kept + 1) // 2, length - kept // 2 : length]
        for length, kept in zip(spectrum.shape, size, strict=True)
    )
    return spectrum[np.ix_(rows, columns)]


def _change(shifts: np.ndarray, before: np.ndarray) -> float:
    """Largest change, in pixels; it does not count if all frames move together."""
    change = shifts - before
    return float(np.abs(change - change[0]).max())


def _translated(spectrum: np.ndarray, shift: np.ndarray) -> np.ndarray:
    height, width = spectrum.shape
    along_y = np.exp(-2j * np.pi * fft.fftfreq(height) * shift[1])
    along_x = np.exp(-2j * np.pi * fft.fftfreq(width) * shift[0])
    return spectrum * np.outer(along_y, along_x).astype(np.complex64)


def _peak(moved: np.ndarray, fixed: np.ndarray, reach: int) -> np.ndarray:
    """Return the shift (dx, dy) of the correlation peak within ``reach``, refined by a parabola.

    Of peaks of similar height, the nearer is likelier: heads sway, they do not jump. Without a
    peak, as of a frame without features, there is no shift.
    """
    correlation = fft.ifft2(moved * np.conj(fixed), workers=1).real
    steps = np.arange(-reach, reach + 1)
    window = correlation[np.ix_(steps, steps)]  # negative indices wrap, as the shifts do
    nearness = np.exp(-2 * (steps / reach) ** 2)
    likely = (window * np.outer(nearness, nearness))[1:-1, 1:-1]
    y, x = np.unravel_index(np.argmax(likely), likely.shape)
    if likely[y, x] <= 0:
        return np.zeros(2)
    offset = _parabola_peak(window[y : y + 3, x : x + 3])
    return np.array([x + 1 - reach + offset[0], y + 1 - reach + offset[1]])


def _pair_correlations(
    spectra: list[np.ndarray], middle: np.ndarray, window: np.ndarray
) -> np.ndarray:
    """Correlate every two fields at shifts ``window`` (K,) about the difference of their ``middle``
    (n, 2), the only values of the inverse Fourier transform that are computed.

    Returns
    -------
    (n, n, K, K) float64
        By row and column of the shift; zero for a field with itself.
    """
    n, size = len(spectra), len(window)
    farthest = int(np.ptp(middle, axis=0).max()) - window[0]
    lags = np.arange(-farthest, farthest + 1)
    down, right = (
        np.exp(2j * np.pi * np.outer(fft.fftfreq(length), lags)).astype(np.complex64)
        for length in spectra[0].shape
    )
    out = np.zeros((n, n, size, size))
    for j in range(n):
        fixed = np.conj(spectra[j])
        for i in range(j + 1, n):
            x, y = (middle[i] - middle[j]).astype(int) + window[0] + farthest
            product = (spectra[i] * fixed) @ right[:, x : x + size]
            out[i, j] = (down[:, y : y + size].T @ product).real
            out[j, i] = out[i, j, ::-1, ::-1]
    return out


def _settled(pairs: np.ndarray, start: np.ndarray, window: np.ndarray, bound: float) -> np.ndarray:
    """Move each frame (n, 2) to the peak of its correlation with all others, until none moves.

    One that moves by more than ``bound`` px has no peak near its start, where it is put back: a
    smooth surface has lines that only follow the light.
    """
    offsets, lost = start.copy(), np.zeros(len(start), bool)
    for _ in range(FINE_ROUNDS):
        before = offsets.copy()
        for i in np.flatnonzero(~lost):
            columns, rows = (_weights(part, window) for part in (offsets[i] - offsets).T)
            patch = (rows @ pairs[i] @ columns.swapaxes(1, 2)).sum(axis=0)
            offsets[i] += _parabola_peak(patch)
            lost[i] = np.abs(offsets[i] - start[i]).max() > bound
            if lost[i]:
                offsets[i] = start[i]
        if _change(offsets, before) < SETTLED:
            break
    return offsets


def _weights(shift: np.ndarray, window: np.ndarray) -> np.ndarray:
    """Weights of the values at ``window`` (K,) for those at -1, 0 and 1 about each shift (n,), by
    Lanczos's sinc, (n, 3, K)."""
    distance = shift[:, None, None] + np.arange(-1, 2)[:, None] - window
    return np.sinc(distance) * np.sinc(np.clip(distance / LOBES, -1, 1))


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

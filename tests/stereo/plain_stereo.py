"""What the quick ways of stereo compute, in the plain and slow way."""

import cv2
import numpy as np
from scipy import fft, ndimage, sparse
from scipy.sparse.linalg import lsqr

from psface.stereo.compute import FOREGROUND, MIN_REGION, REACH
from psface.stereo.registration import (
    CONTRAST,
    DIM,
    FLOOR,
    MAX_SHIFT,
    NEIGHBOURHOOD,
    ROUNDS,
    SMOOTHING,
)


def plain_register(frames: np.ndarray) -> np.ndarray:
    """Shifts (n, 2) by the whole correlation of every frame with the sum of the others, anew in
    every round, until no frame moves."""
    spectra = [fft.fft2(plain_field(frame)) for frame in frames]
    reach = int(MAX_SHIFT * min(frames.shape[1:]))
    steps = np.arange(-reach, reach + 1)
    nearness = np.exp(-2 * (steps / reach) ** 2)
    shifts = np.zeros((len(frames), 2))
    aligned = list(spectra)
    for number in range(100):
        before = shifts.copy()
        for i, spectrum in enumerate(spectra):
            others = sum(aligned[j] for j in range(len(frames)) if j != i)
            if number < ROUNDS:  # look for the highest peak
                correlation = fft.ifft2(spectrum * np.conj(others)).real[np.ix_(steps, steps)]
                likely = (correlation * np.outer(nearness, nearness))[1:-1, 1:-1]
                y, x = np.unravel_index(np.argmax(likely), likely.shape)
                shifts[i] = x + 1 - reach, y + 1 - reach
            for _ in range(2 if number < ROUNDS else 1):
                moved = moved_spectrum(spectrum, -shifts[i])
                correlation = fft.ifft2(moved * np.conj(others)).real
                shifts[i] += parabola_peak(correlation[np.ix_([-1, 0, 1], [-1, 0, 1])])
            aligned[i] = moved_spectrum(spectrum, -shifts[i])
        change = shifts - before
        if number >= ROUNDS and np.abs(change - change[0]).max() < 1e-3:
            break
    return shifts - shifts[0]


def plain_field(frame: np.ndarray) -> np.ndarray:
    """A frame's doubled gradient angles, (H, W) complex."""
    smooth = ndimage.gaussian_filter(frame.astype(float), SMOOTHING, truncate=3)
    down, right = np.gradient(smooth)
    local = ndimage.gaussian_filter(frame.astype(float), NEIGHBOURHOOD, mode="mirror")
    squared = ((right + 1j * down) / (local + FLOOR)) ** 2
    field = squared / (np.abs(squared) + CONTRAST**2)
    field *= local / (local + DIM * np.percentile(frame, 90) + 1e-6)
    taper = (np.minimum(ramp := np.linspace(0, 1, n), 1 - ramp) * 8 for n in frame.shape)
    return field * np.outer(*(np.clip(part, 0, 1) for part in taper))


def moved_spectrum(spectrum: np.ndarray, shift: np.ndarray) -> np.ndarray:
    down, right = (fft.fftfreq(length) for length in spectrum.shape)
    return spectrum * np.exp(-2j * np.pi * (down[:, None] * shift[1] + right * shift[0]))


def parabola_peak(patch: np.ndarray) -> np.ndarray:
    """Peak (x, y) of the quadratic fitted to a (3, 3) patch; zero if it has none."""
    y, x = (axis.ravel() for axis in np.mgrid[-1:2, -1:2])
    design = np.stack([np.ones(9), x, y, x * x, x * y, y * y], axis=1)
    _, a, b, c, d, e = np.linalg.lstsq(design, patch.ravel(), rcond=None)[0]
    hessian = np.array([[2 * c, d], [d, 2 * e]])
    if np.linalg.eigvalsh(hessian).max() >= 0:
        return np.zeros(2)
    return np.clip(np.linalg.solve(hessian, [-a, -b]), -1, 1)


def plain_integration(slope_x: np.ndarray, slope_row: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Depth (H, W) whose differences between neighbours are nearest to their mean slopes."""
    number = np.full(mask.shape, -1)
    number[mask] = np.arange(mask.sum())
    rows, columns, values, rises = [], [], [], []
    for y, x in np.argwhere(mask):
        for down, right, slope in ((0, 1, slope_x), (1, 0, slope_row)):
            other = y + down, x + right
            if other[0] < mask.shape[0] and other[1] < mask.shape[1] and mask[other]:
                rows += [len(rises)] * 2
                columns += [number[other], number[y, x]]
                values += [1, -1]
                rises.append((slope[y, x] + slope[other]) / 2)
    equations = sparse.csr_array((values, (rows, columns)), shape=(len(rises), int(mask.sum())))
    depth = np.zeros(mask.shape)
    depth[mask] = lsqr(equations, np.array(rises), atol=1e-12, btol=1e-12, iter_lim=10_000)[0]
    return depth


def plain_foreground(frames: np.ndarray) -> np.ndarray:
    """`foreground` by OpenCV's and SciPy's morphology."""
    mean = frames.mean(axis=0)
    level = np.percentile(mean, 99) + 1e-6
    grey = np.clip(mean / level * 255, 0, 255).astype(np.uint8)
    otsu, _ = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    lit = cv2.morphologyEx((grey > FOREGROUND * otsu).astype(np.uint8), cv2.MORPH_OPEN, disc(2))
    lit = cv2.morphologyEx(lit, cv2.MORPH_CLOSE, disc(int(REACH * min(mean.shape))))
    labels, count = ndimage.label(lit, np.ones((3, 3)))
    areas = np.bincount(labels.ravel(), minlength=count + 1)
    large = [k for k in range(1, count + 1) if areas[k] > MIN_REGION * areas[1:].max()]
    return ndimage.binary_fill_holes(np.isin(labels, large))


def disc(radius: int) -> np.ndarray:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))

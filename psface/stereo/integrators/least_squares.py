"""Integration by least squares over the mask alone."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from scipy import fft
from scipy.sparse.linalg import LinearOperator, cg

from psface.errors import UserError
from psface.stereo.integrators.slopes import centred, slopes

TOLERANCE = 3e-4  # of the residual; a thousandth of a pixel
MAX_ITERATIONS = 300


def least_squares(normal: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Integrate by least squares over the mask (Horn & Brooks, CVGIP 33(2), 1986, discretised).

    Each pair of neighbours inside the mask gives one equation: their depths differ by the mean of
    their slopes. Nothing is assumed at the outline. The normal equations, a Laplacian on the mask,
    are solved by conjugate gradients, preconditioned with the cosine-transform solution on the
    rectangle around the mask.

    Parameters and return value are those of `frankot_chellappa`.

    Examples
    --------
    A plane that rises half a pixel per pixel to the right:

    >>> slope = np.full((4, 5), 0.5)
    >>> normal = np.stack([-slope, 0 * slope, 1 + 0 * slope]) / np.sqrt(1.25)
    >>> least_squares(normal, np.ones((4, 5), bool))[0].round(2).tolist()
    [-1.0, -0.5, 0.0, 0.5, 1.0]

    Raises
    ------
    UserError
        If the iterations do not converge.
    """
    depth = np.zeros(mask.shape, np.float32)
    left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
    if not width:
        return depth
    box = np.s_[top : top + height, left : left + width]
    size = (fft.next_fast_len(height, real=True), fft.next_fast_len(width, real=True))
    inside = np.zeros(size, np.float32)
    inside[:height, :width] = mask[box]
    right, down = inside[:, :-1] * inside[:, 1:], inside[:-1] * inside[1:]
    slope_x, slope_row = np.zeros((2, *size), np.float32)
    slope_x[:height, :width], slope_row[:height, :width] = slopes(normal[:, *box], mask[box])
    rise = _sources(
        (slope_x[:, :-1] + slope_x[:, 1:]) / 2 * right, (slope_row[:-1] + slope_row[1:]) / 2 * down
    )

    def laplacian(z: np.ndarray) -> np.ndarray:
        z = z.reshape(size)
        return _sources((z[:, 1:] - z[:, :-1]) * right, (z[1:] - z[:-1]) * down).ravel()

    solution, info = cg(
        _operator(laplacian, inside.size),
        rise.ravel(),
        rtol=TOLERANCE,
        maxiter=MAX_ITERATIONS,
        M=_operator(_poisson_solver(inside), inside.size),
    )
    if info or not np.isfinite(solution).all():
        raise UserError(
            f"depth: conjugate gradients did not converge in {MAX_ITERATIONS} iterations; set "
            "stereo.integrator=frankot-chellappa"
        )
    depth[box] = solution.reshape(size)[:height, :width]
    return centred(depth, mask)


def _sources(rise_right: np.ndarray, rise_down: np.ndarray) -> np.ndarray:
    """How much is higher than its neighbours, given how much each pixel's right and lower neighbour
    is higher than it, (H, W - 1) and (H - 1, W)."""
    out = np.zeros((len(rise_right), rise_down.shape[1]), np.float32)
    out[:, 1:] = rise_right
    out[:, :-1] -= rise_right
    out[1:] += rise_down
    out[:-1] -= rise_down
    return out


def _poisson_solver(inside: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Solve for heights in the whole rectangle, (H, W), and leave those ``inside``."""
    along_rows, along_columns = (
        2 - 2 * np.cos(np.pi * np.arange(length) / length) for length in inside.shape
    )
    eigenvalues = along_rows[:, None] + along_columns
    eigenvalues[0, 0] = 1
    inverse = (1 / eigenvalues).astype(np.float32)

    def solve(sources: np.ndarray) -> np.ndarray:
        coefficients = fft.dctn(sources.reshape(inside.shape), type=2, workers=1) * inverse
        return (fft.idctn(coefficients, type=2, overwrite_x=True, workers=1) * inside).ravel()

    return solve


def _operator(function: Callable[[np.ndarray], np.ndarray], size: int) -> LinearOperator:
    return LinearOperator((size, size), matvec=function, dtype=np.float32)

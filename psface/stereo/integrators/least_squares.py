"""Integration by least squares over the mask alone."""

from __future__ import annotations

import numpy as np
from scipy import fft, sparse
from scipy.sparse.linalg import LinearOperator, cg

from psface.errors import UserError
from psface.stereo.integrators.frankot_chellappa import frankot_chellappa
from psface.stereo.integrators.slopes import centred, slopes

TOLERANCE = 1e-3  # of the residual; a few thousandths of a pixel
MAX_ITERATIONS = 300


def least_squares(normal: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Integrate by least squares over the mask (Horn & Brooks, CVGIP 33(2), 1986, discretised).

    Each pair of neighbours inside the mask gives one equation: their depths differ by the mean of
    their slopes. Nothing is assumed at the outline. The normal equations, a Laplacian on the mask,
    are solved by conjugate gradients, preconditioned with the cosine-transform solution on the
    full rectangle.

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
    slope_x, slope_row = slopes(normal, mask)
    index = np.full(mask.shape, -1)
    index[mask] = np.arange(mask.sum())
    right = mask[:, :-1] & mask[:, 1:]
    down = mask[:-1] & mask[1:]
    start = np.concatenate([index[:, :-1][right], index[:-1][down]])
    end = np.concatenate([index[:, 1:][right], index[1:][down]])
    rise = np.concatenate(
        [
            ((slope_x[:, :-1] + slope_x[:, 1:]) / 2)[right],
            ((slope_row[:-1] + slope_row[1:]) / 2)[down],
        ]
    ).astype(np.float64)
    equations = np.arange(len(rise))
    ones = np.ones(len(rise))
    difference = sparse.csr_array(
        (
            np.concatenate([ones, -ones]),
            (np.concatenate([equations, equations]), np.concatenate([end, start])),
        ),
        shape=(len(rise), int(mask.sum())),
    )
    laplacian = (difference.T @ difference).tocsr()
    solution, info = cg(
        laplacian,
        difference.T @ rise,
        x0=frankot_chellappa(normal, mask)[mask].astype(np.float64),
        rtol=TOLERANCE,
        maxiter=MAX_ITERATIONS,
        M=_poisson_preconditioner(mask),
    )
    if info or not np.isfinite(solution).all():
        raise UserError(
            f"depth: conjugate gradients did not converge in {MAX_ITERATIONS} iterations; set "
            "stereo.integrator=frankot-chellappa"
        )
    depth = np.zeros(mask.shape, dtype=np.float32)
    depth[mask] = solution
    return centred(depth, mask)


def _poisson_preconditioner(mask: np.ndarray) -> LinearOperator:
    height, width = mask.shape
    eigenvalues = (2 - 2 * np.cos(np.pi * np.arange(height) / height))[:, None] + (
        2 - 2 * np.cos(np.pi * np.arange(width) / width)
    )[None, :]
    eigenvalues[0, 0] = 1
    size = int(mask.sum())

    def apply(residual: np.ndarray) -> np.ndarray:
        full = np.zeros(mask.shape)
        full[mask] = residual.ravel()
        return fft.idctn(fft.dctn(full, type=2) / eigenvalues, type=2)[mask]

    return LinearOperator((size, size), matvec=apply, dtype=np.float64)

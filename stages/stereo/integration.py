"""From normals to depth: two integrators with one signature.

Depth z(x, y), with y up and z towards the camera, has the slopes ``p = dz/dx = -n_x / n_z`` and
``q = dz/dy = -n_y / n_z``. Rows run downwards, so along the rows the slope is ``-q``.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import fft, sparse
from scipy.sparse.linalg import LinearOperator, cg

from stages.errors import UserError

MIN_NZ = 0.15  # steeper than about 81 degrees a slope says more about noise than about shape
TOLERANCE = 1e-3  # of the residual: some thousandths of a pixel
MAX_ITERATIONS = 300


def frankot_chellappa(normal: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Project the slopes onto integrable surfaces (Frankot & Chellappa, PAMI 10(4), 1988).

    The original's complex exponentials take the domain for periodic, which bows a surface whose
    opposite borders differ. Here the surface is expanded in cosines, that is mirrored at its
    borders, and its slopes in the matching sines (their eq. 21 with another basis).

    Parameters
    ----------
    normal : (3, H, W)
        Unit vectors.
    mask : (H, W) bool
        Slopes outside count as zero.

    Returns
    -------
    (H, W) float32
        Depth in pixels towards the camera, median zero inside the mask, zero outside.
    """
    slope_x, slope_row = _slopes(normal, mask)
    height, width = mask.shape
    along_x = np.zeros((height, width), dtype=np.float32)
    along_row = np.zeros((height, width), dtype=np.float32)
    # DST-II holds the sines 1..N, DCT-II the cosines 0..N-1: shift by one to pair them.
    along_x[:, 1:] = fft.dct(fft.dst(slope_x, type=2, axis=1), type=2, axis=0)[:, :-1]
    along_row[1:] = fft.dct(fft.dst(slope_row, type=2, axis=0), type=2, axis=1)[:-1]
    u = (np.pi / width * np.arange(width, dtype=np.float32))[None, :]
    v = (np.pi / height * np.arange(height, dtype=np.float32))[:, None]
    power = u * u + v * v
    power[0, 0] = 1
    coefficients = -(u * along_x + v * along_row) / power
    coefficients[0, 0] = 0
    return _centred(fft.idctn(coefficients, type=2), mask)


def least_squares(normal: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Least squares over the mask alone (Horn & Brooks, CVGIP 33(2), 1986, discretised).

    Each pair of neighbours inside the mask contributes one equation, their difference in depth
    being the mean of their slopes, so that nothing is assumed at the outline. The normal
    equations, a Laplacian on the mask, are solved by conjugate gradients preconditioned with the
    cosine-transform solution on the whole rectangle.

    Parameters and result are those of `frankot_chellappa`.

    Raises
    ------
    UserError
        If the iterations do not converge.
    """
    slope_x, slope_row = _slopes(normal, mask)
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
    solution, left = cg(
        laplacian,
        difference.T @ rise,
        x0=frankot_chellappa(normal, mask)[mask].astype(np.float64),
        rtol=TOLERANCE,
        maxiter=MAX_ITERATIONS,
        M=_poisson_preconditioner(mask),
    )
    if left or not np.isfinite(solution).all():
        raise UserError(
            f"depth: conjugate gradients did not converge in {MAX_ITERATIONS} iterations; set "
            "stereo.integrator=frankot-chellappa"
        )
    depth = np.zeros(mask.shape, dtype=np.float32)
    depth[mask] = solution
    return _centred(depth, mask)


INTEGRATORS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "frankot-chellappa": frankot_chellappa,
    "least-squares": least_squares,
}


def _slopes(normal: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slopes along the columns and down the rows, (H, W) float32, zero outside the mask."""
    nz = np.maximum(normal[2], MIN_NZ)
    slope_x = np.where(mask, -normal[0] / nz, 0).astype(np.float32)
    slope_row = np.where(mask, normal[1] / nz, 0).astype(np.float32)
    return slope_x, slope_row


def _centred(depth: np.ndarray, mask: np.ndarray) -> np.ndarray:
    offset = np.median(depth[mask]) if mask.any() else 0
    return np.where(mask, depth - offset, 0).astype(np.float32)


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

"""How much of a face's relief the normals of an aligned crop have.

A picture of a face has its colours and not its shape. Under known lamps stereo tells the two apart:
the images of a Lambertian surface under all distant lamps span three dimensions, its albedo times
the components of its normals, and those of a plane only one (Belhumeur & Kriegman, "What is the set
of images of an object under all possible illumination conditions?", IJCV 28(3), 1998, prop. 1).
Near lamps, whose light differs from place to place, make no difference to normals that were solved
under the light at each pixel. So a flat print has one normal all over, whatever is printed; a bent
sheet has normals that change smoothly; a face has, beyond that, a nose, lips and eye sockets where
its landmarks say.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from psface.faces.alignment import face_oval
from psface.faces.mean_face import SIDE, MeanFace, read_mean_face

SHEET_DEGREE = 3  # of the polynomials in x and y that the normals of a bent sheet follow
INSIDE = 0.6  # length of the mean normal of a small pixel: below, most of it shows no face
FEWEST = 120  # small pixels, of some 560 in the oval: with fewer, nothing is said


@dataclass(frozen=True)
class Relief:
    """The relief of a crop beside that of a mean face; all NaN if too little of it is seen.

    Attributes
    ----------
    places : int
        Pixels of a crop of `SIDE` that were compared.
    outside_rank_1 : float
        Share of the normals' energy outside their first principal direction: of the frames', if
        its albedo were even and no shadow fell. 0 for a plane, half for a ball seen whole.
    beyond_sheet : float
        Root mean square of the normals' x and y beyond a bent sheet's, over the mean face's.
    strength : float
        Of the mean face's relief in the normals, by least squares: 1 for the mean face, 0 for a
        sheet.
    agreement : float
        Concordance with the mean face's relief, in [-1, 1]; see `concordance`.
    """

    places: int
    outside_rank_1: float
    beyond_sheet: float
    strength: float
    agreement: float


def concordance(first: np.ndarray, second: np.ndarray) -> float:
    """Lin's concordance of values of mean zero, two arrays of a shape: 1 only if they are equal.

    ``2 sum(a b) / (sum(a^2) + sum(b^2))`` (Lin, "A concordance correlation coefficient to evaluate
    reproducibility", Biometrics 45(1), 1989, eq. 4): unlike a correlation, it is near 0 where one
    has little of what the other has, however alike they are, and unlike a slope, where one has much
    that the other has not.

    Examples
    --------
    >>> face, noise = np.array([1.0, -1.0, 2.0, -2.0]), np.array([3.0, 3.0, -3.0, -3.0])
    >>> [round(concordance(face, other), 2) for other in (face, face / 20, face + noise)]
    [1.0, 0.1, 0.36]
    """
    return float(2 * (first * second).sum() / ((first**2 + second**2).sum() + 1e-12))


def measure_relief(normal: np.ndarray, face: MeanFace | None = None) -> Relief:
    """Compare the normals of an aligned crop with a mean face's.

    Parameters
    ----------
    normal : (3, S, S)
        Unit vectors, zero where there is no face; S is at least `SIDE`.
    face : MeanFace, optional
        Another than the package's.

    Examples
    --------
    The mean face itself, and a plane:

    >>> face = read_mean_face()
    >>> mean = face.mean / np.maximum(np.linalg.norm(face.mean, axis=0), 1e-6)
    >>> round(measure_relief(mean).strength, 1)
    1.0
    >>> plane = np.zeros((3, 32, 32)) + np.array([0.0, 0.0, 1.0])[:, None, None]
    >>> measure_relief(plane).agreement
    0.0
    """
    face = face or read_mean_face()
    small = np.stack([_shrunk(plane) for plane in normal])
    length = np.linalg.norm(small, axis=0)
    seen = (length > INSIDE) & face_oval(SIDE) & face.seen
    places = int(seen.sum())
    if places < FEWEST:
        nan = float("nan")
        return Relief(places, nan, nan, nan, nan)
    normals = (small[:, seen] / length[seen]).astype(np.float64)
    energy = np.linalg.svd(normals, compute_uv=False) ** 2
    sheet = _sheet(seen)
    own, mean = (_beyond(sheet, of[:2].T) for of in (normals, face.mean[:, seen]))
    return Relief(
        places,
        float(energy[1:].sum() / energy.sum()),
        float(np.sqrt((own**2).sum() / (mean**2).sum())),
        float((own * mean).sum() / (mean**2).sum()),
        concordance(own, mean),
    )


def _shrunk(plane: np.ndarray) -> np.ndarray:
    values = np.ascontiguousarray(plane, dtype=np.float32)
    return cv2.resize(values, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def _sheet(seen: np.ndarray) -> np.ndarray:
    """Polynomials (P, k) at the seen places: the normals of planes, and nearly those of cylinders
    and cones, which bend along straight lines, but not sharply."""
    rows, columns = np.nonzero(seen)
    x, y = (2 * (columns + 0.5) / SIDE - 1, 1 - 2 * (rows + 0.5) / SIDE)
    powers = [(i, j) for i in range(SHEET_DEGREE + 1) for j in range(SHEET_DEGREE + 1 - i)]
    return np.stack([x**i * y**j for i, j in powers], axis=1)


def _beyond(sheet: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Values (P, 2) less what a sheet explains."""
    values = values.astype(np.float64)
    return values - sheet @ np.linalg.lstsq(sheet, values, rcond=None)[0]

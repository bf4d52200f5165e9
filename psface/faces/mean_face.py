"""The normals of a face in an aligned crop, and how they vary.

`psface measure mean-face` makes the asset from simulated people with known normals, or from the
crops of a data set whose lights are known to be right.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from psface.files import replacing

ASSET = Path(__file__).with_name("mean_normals.npz")
# SHA-256 of the asset, so that the digest of code changes with it.
ASSET_DIGEST = "5542aff77c6709dfdd3e07152976e0a58196dab107a564fd8de6925b2f7d14a6"
SIDE = 32  # px
COMPONENTS = 10
SEEN = 0.5  # share of the faces that show a surface at a pixel
TILT = np.radians(8)  # how much whole heads are turned beyond what the components hold
NOISE = 0.25  # of a normal, beyond the components: people, cast shadows, gloss
INDEPENDENT = 100  # pixels' worth of noise in a crop: neighbours are wrong together
ROUNDS, TAIL = 3, 3.0  # of reweighting, by Student's t with so many degrees of freedom


@dataclass(frozen=True)
class MeanFace:
    """A linear model of the normals of faces in crops of `SIDE`.

    Attributes
    ----------
    mean : (3, SIDE, SIDE) float32
    components : (K, 3, SIDE, SIDE) float32
        Principal components, each as long as its standard deviation.
    seen : (SIDE, SIDE) bool
    turn : (2, 11) float32
        Tilt of the face against ``mean`` about x and y in degrees, from the five landmarks in
        crop coordinates (x and y of each) and 1.
    """

    mean: np.ndarray
    components: np.ndarray
    seen: np.ndarray
    turn: np.ndarray

    def write(self, path: Path) -> None:
        """Write to a file of some 40 kB: components as bytes, on a scale each."""
        scale = np.abs(self.components).max(axis=(1, 2, 3)) / 127
        steps = np.round(self.components / scale[:, None, None, None]).astype(np.int8)
        with replacing(path) as partial, partial.open("wb") as file:
            np.savez_compressed(
                file,
                mean=(self.mean * self.seen).astype(np.float16),
                components=steps * self.seen.astype(np.int8),
                scale=scale.astype(np.float32),
                seen=self.seen,
                turn=self.turn.astype(np.float32),
            )

    def variations(self) -> np.ndarray:
        """The components, and small turns about x and y, (K + 2, 3, SIDE, SIDE)."""
        turns = [np.cross(axis, self.mean, axisb=0, axisc=0) * TILT for axis in np.eye(3)[:2]]
        return np.concatenate([self.components, np.stack(turns)]).astype(np.float64)


@lru_cache(maxsize=2)
def read_mean_face(path: Path = ASSET) -> MeanFace:
    """Read a file of `MeanFace.write`."""
    with np.load(path, allow_pickle=False) as file:
        components = file["components"].astype(np.float32) * file["scale"][:, None, None, None]
        mean = file["mean"].astype(np.float32)
        return MeanFace(mean, components, file["seen"], file["turn"])


def learn_mean_face(normals: np.ndarray, valid: np.ndarray, landmarks: np.ndarray) -> MeanFace:
    """Learn the model.

    Parameters
    ----------
    normals : (N, 3, SIDE, SIDE)
        Unit vectors of N faces, of which more than `COMPONENTS`.
    valid : (N, SIDE, SIDE) bool
    landmarks : (N, 5, 2)
        In crop coordinates, as shares of the side.
    """
    weight = valid[:, None].astype(np.float64)
    mean = (normals * weight).sum(axis=0) / np.maximum(weight.sum(axis=0), 1)
    apart = ((normals - mean) * weight).reshape(len(normals), -1)
    _, deviation, axes = np.linalg.svd(apart, full_matrices=False)
    sizes = deviation[:COMPONENTS] / np.sqrt(len(normals))
    components = axes[:COMPONENTS].reshape(-1, 3, SIDE, SIDE) * sizes[:, None, None, None]
    seen = valid.mean(axis=0) > SEEN
    tilts = [
        turn_between(mean[:, seen & ok], face[:, seen & ok])[:2]
        for face, ok in zip(normals, valid, strict=True)
    ]
    known = np.column_stack([landmarks.reshape(len(landmarks), -1), np.ones(len(landmarks))])
    shrink = 1e-3 * np.eye(known.shape[1])  # the aligned landmarks have four dependent coordinates
    turn = np.linalg.solve(known.T @ known + shrink, known.T @ np.array(tilts)).T
    return MeanFace(mean, components, seen, turn)


def turn_between(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The rotation that best takes normals (3, P) to others, about x, y and z in degrees.

    Examples
    --------
    >>> normals = np.random.default_rng(0).normal(size=(3, 50))
    >>> cos, sin = np.cos(0.1), np.sin(0.1)
    >>> about_y = np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])
    >>> np.degrees(np.sin(0.1)).round(2), turn_between(normals, about_y @ normals).round(2) + 0.0
    (np.float64(5.72), array([0.  , 5.72, 0.  ]))
    """
    u, _, vt = np.linalg.svd(second @ first.T)
    turn = u @ np.diag([1, 1, np.sign(np.linalg.det(u @ vt))]) @ vt
    skew = [turn[2, 1] - turn[1, 2], turn[0, 2] - turn[2, 0], turn[1, 0] - turn[0, 1]]
    return np.degrees(skew) / 2


@dataclass(frozen=True)
class FaceFit:
    """How far normals are from those of a face.

    Attributes
    ----------
    distance : (h, P)
        Of each normal from the nearest face's, as the length of their difference.
    strangeness : (h,)
        Half the squared distance of that face from the mean, in standard deviations, per
        independent pixel.
    """

    distance: np.ndarray
    strangeness: np.ndarray


def fit_face(normals: np.ndarray, places: np.ndarray, face: MeanFace, rounds: int) -> FaceFit:
    """Fit the model to several candidates for the normals of one crop.

    Parameters
    ----------
    normals : (h, 3, P) float64
        Unit vectors.
    places : (P,) int
        Their pixels in the crop, counted row by row.
    rounds : int
        Of reweighting; 1 is plain ridge regression.
    """
    mean = face.mean.reshape(3, -1)[:, places]
    parts = face.variations().reshape(-1, 3, face.mean[0].size)[:, :, places]
    count = len(parts)
    scale = INDEPENDENT / len(places) / NOISE**2
    apart = normals - mean
    weight = np.ones((len(normals), len(places)))
    for _ in range(rounds):
        if rounds == 1:
            flat = parts.reshape(count, -1)
            gram = np.broadcast_to(flat @ flat.T, (len(normals), count, count))
            target = apart.reshape(len(normals), -1) @ flat.T
        else:
            weighted = parts[None] * weight[:, None, None]
            gram = np.einsum("hkip,lip->hkl", weighted, parts, optimize=True)
            target = np.einsum("hkip,hip->hk", weighted, apart, optimize=True)
        system = gram * scale + np.eye(count)
        amounts = np.linalg.solve(system, scale * target[..., None])[..., 0]
        rest = apart - np.tensordot(amounts, parts, 1)
        squared = (rest**2).sum(axis=1)
        weight = (TAIL + 2) / (TAIL + squared / NOISE**2)
    return FaceFit(np.sqrt(squared), (amounts**2).sum(axis=1) / 2 / INDEPENDENT)

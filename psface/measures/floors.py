"""Untrained floors: recognition by pixels and by their principal components."""

from __future__ import annotations

import cv2
import numpy as np
from sklearn.decomposition import PCA

from psface.faces.arrays import Faces
from psface.measures.pairs import cosine_auc
from psface.measures.verification import Metrics
from psface.model.scale import Scale

PIXELS = 32  # side of the shrunk crops
COMPONENTS = 64  # of the PCA
PCA_CAPTURES = 5000  # at most, of the training people, to fit it
TESTED = 20_000  # captures, about: of more, those of evenly spaced people


def floor_metrics(
    faces: Faces, scale: Scale, rows: np.ndarray, train_rows: np.ndarray, identity: np.ndarray
) -> Metrics:
    """``pixel_auc`` and ``pca_auc``: identity AUC without a network.

    Parameters
    ----------
    rows, train_rows : (N,), (M,) int
        Crops of the test captures, and those that the principal components are fitted to.
    identity : (N,) str
    """
    person = np.unique(identity, return_inverse=True)[1]
    tested = person % -(-len(rows) // TESTED) == 0
    rows, identity = rows[tested], identity[tested]
    train_rows = train_rows[:: -(-len(train_rows) // PCA_CAPTURES)]
    # Batch by batch: all crops at once may not fit in memory.
    small, small_train = (
        np.concatenate([small_faces(b, scale.mean, scale.std) for b in faces.batches(part)])
        for part in (rows, train_rows)
    )
    return {
        "pixel_auc": cosine_auc(small, identity),
        "pca_auc": cosine_auc(project(small_train, small), identity),
    }


def small_faces(
    stored: np.ndarray, mean: list[float], std: list[float], side: int = PIXELS
) -> np.ndarray:
    """Standardise and shrink (N, C, S, S) crops to (N, C * side * side), whose cosine is the
    untrained floor."""
    standard = (stored - np.array(mean)[:, None, None]) / np.array(std)[:, None, None]
    small = [
        [cv2.resize(plane, (side, side), interpolation=cv2.INTER_AREA) for plane in face]
        for face in standard.astype(np.float32)
    ]
    return np.reshape(small, (len(stored), -1))


def project(train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Project ``test`` (N, D) on the whitened principal components of ``train``: the
    eigenfaces of Turk & Pentland, "Face recognition using eigenfaces", CVPR 1991."""
    count = min(COMPONENTS, len(train) - 1)
    return PCA(count, whiten=True, random_state=0).fit(train).transform(test)

"""Untrained floors: recognition by pixels and by their principal components."""

from __future__ import annotations

import math

import cv2
import numpy as np
from sklearn.decomposition import PCA

from psface.faces.arrays import Faces
from psface.measures.intervals import interval
from psface.measures.pairs import compared
from psface.measures.verification import Metrics
from psface.model.scale import Scale

PIXELS = 32  # side of the shrunk crops
COMPONENTS = 64  # of the PCA
PCA_CAPTURES = 5000  # at most, of the training people, to fit it
TESTED = 20_000  # captures, about: of more, those of evenly spaced people
IMPOSTORS = 500_000  # pairs of two people, at most, of each resample
ABOVE = ("above_floor", "above_floor_low", "above_floor_high")


def floor_metrics(
    faces: Faces,
    scale: Scale,
    rows: np.ndarray,
    train_rows: np.ndarray,
    identity: np.ndarray,
    embeddings: np.ndarray,
    draws: np.ndarray,
) -> Metrics:
    """``pixel_auc`` and ``pca_auc``: identity AUC without a network; and ``above_floor``: how much
    higher the network's is than the better of the two, with ``_low`` and ``_high`` of its 95%
    interval, all on the same resampled people.

    Parameters
    ----------
    rows, train_rows : (N,), (M,) int
        Crops of the test captures, and those that the principal components are fitted to.
    identity : (N,) str
    embeddings : (N, D)
        The network's.
    draws : (resamples, people) int
        How often each person counts; see `draw_people`.
    """
    person = np.unique(identity, return_inverse=True)[1]
    step = -(-len(rows) // TESTED)
    tested = person % step == 0
    rows, person, draws = rows[tested], person[tested] // step, draws[:, ::step]
    train_rows = train_rows[:: -(-len(train_rows) // PCA_CAPTURES)]
    # Batch by batch: all crops at once may not fit in memory.
    small, small_train = (
        np.concatenate([small_faces(b, scale.mean, scale.std) for b in faces.batches(part)])
        for part in (rows, train_rows)
    )
    network, pixels, components = (
        compared(vectors, person, IMPOSTORS)
        for vectors in (embeddings[tested], small, project(small_train, small))
    )
    if math.isnan(network.auc):  # all pairs are of one kind
        return dict.fromkeys(["pixel_auc", "pca_auc", *ABOVE])
    best = max(pixels, components, key=lambda pairs: pairs.auc)
    higher = network.resampled_aucs(draws) - best.resampled_aucs(draws)
    above = dict(zip(ABOVE, (network.auc - best.auc, *interval(higher)), strict=True))
    return {"pixel_auc": pixels.auc, "pca_auc": components.auc, **above}


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

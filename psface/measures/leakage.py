"""How much an identity embedding still reveals of the attributes it should be free of.

A probe is trained on the embeddings of half of the test people and scored on the other half, so
that it cannot succeed by memorising people. 0.5 is clean; the network's own attribute heads show
what could have leaked. Alain & Bengio, "Understanding intermediate layers using linear classifier
probes", 2016; Elazar & Goldberg, EMNLP 2018, on why an adversary fooled in training does not
prove the absence of leaks.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from psface.measures.attribute_scores import attribute_scores
from psface.measures.scores import Scores
from psface.tasks import UNKNOWN
from psface.vectors import unit

HALVINGS = 5  # of the test people, each used both ways
PROBES: dict[str, Callable[[int], Any]] = {
    "linear": lambda seed: LogisticRegression(C=0.1, class_weight="balanced", max_iter=500),
    "mlp": lambda seed: MLPClassifier(
        (64,), solver="lbfgs", alpha=1.0, max_iter=100, random_state=seed
    ),
}


def leakage(embeddings: np.ndarray, scores: Scores, seed: int) -> pd.DataFrame:
    """AUC of probes by attribute: columns ``attribute``, ``probe``, ``auc``.

    Means over random halvings of the people, without those in which a half lacks a class; an
    attribute with no other halving is left out.

    Parameters
    ----------
    embeddings : (N, D)
        Of the captures of ``scores``; their norm is not used.
    """
    faces = unit(embeddings)
    people, person = np.unique(scores.identity, return_inverse=True)
    rng = np.random.default_rng(seed)
    halves = [rng.permutation(len(people)) < len(people) // 2 for _ in range(HALVINGS)]
    rows = []
    # On problems this small, threads cost more than they save.
    with warnings.catch_warnings(), threadpool_limits(1):
        # The MLP is stopped early on purpose: it would memorise its few people.
        warnings.simplefilter("ignore", ConvergenceWarning)
        for name, labels in scores.labels.items():
            areas = [
                areas
                for half in halves
                for trained in (half, ~half)
                if (areas := _areas(faces, labels, trained[person], seed)) is not None
            ]
            for probe in PROBES if areas else ():
                mean = float(np.mean([of[probe] for of in areas]))
                rows.append({"attribute": name, "probe": probe, "auc": mean})
    return pd.DataFrame(rows, columns=["attribute", "probe", "auc"])


def _areas(
    faces: np.ndarray, labels: np.ndarray, trained: np.ndarray, seed: int
) -> dict[str, float] | None:
    """AUC of each probe that learns from the ``trained`` captures (N,) bool, on the others; None if
    these are all of one class, or of one that was not learnt."""
    known = labels != UNKNOWN
    fit, test = known & trained, known & ~trained
    classes, tested = np.unique(labels[fit]), np.unique(labels[test])
    if len(tested) < 2 or not np.isin(tested, classes).all():
        return None
    # The PCA only rotates, and drops nothing: half the people do not span all dimensions.
    rotation = make_pipeline(StandardScaler(), PCA())
    seen, unseen = rotation.fit_transform(faces[fit]), rotation.transform(faces[test])
    local = np.searchsorted(classes, labels[test])
    areas = {}
    for name, probe in PROBES.items():
        predicted = probe(seed).fit(seen, labels[fit]).predict_proba(unseen)
        area = attribute_scores(predicted, local)["auc"]
        assert area is not None  # of two classes or more
        areas[name] = area
    return areas

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
PROBES: dict[str, Callable[[int], object]] = {
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
    for name, labels in scores.labels.items():
        known = labels != UNKNOWN
        for probe in PROBES:
            areas = [
                area
                for half in halves
                for trained in (half, ~half)
                if (area := _score(faces, labels, known, trained[person], probe, seed)) is not None
            ]
            if areas:
                rows.append({"attribute": name, "probe": probe, "auc": float(np.mean(areas))})
    return pd.DataFrame(rows, columns=["attribute", "probe", "auc"])


def _score(
    faces: np.ndarray,
    labels: np.ndarray,
    known: np.ndarray,
    trained: np.ndarray,
    probe: str,
    seed: int,
) -> float | None:
    fit, test = known & trained, known & ~trained
    classes = np.unique(labels[fit])
    if len(classes) < 2 or not np.isin(labels[test], classes).all():
        return None
    # The PCA only rotates, and drops nothing: half the people do not span all dimensions.
    model = make_pipeline(StandardScaler(), PCA(), PROBES[probe](seed))
    # On problems this small, threads cost more than they save.
    with warnings.catch_warnings(), threadpool_limits(1):
        # The MLP is stopped early on purpose: it would memorise its few people.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(faces[fit], labels[fit])
    local = np.searchsorted(classes, labels[test])
    return attribute_scores(model.predict_proba(faces[test]), local)["auc"]

"""Attribute recognition on unseen people."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from psface.tasks import UNKNOWN


def attribute_scores(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float | None]:
    """AUC and balanced accuracy of one task.

    The AUC ranks captures by p(class) against "is of that class": one class against the rest,
    averaged over the classes with both positives and negatives in the test set. It is not the
    probability of the true class against "was it correct", which a coin flip passes with 1.0.

    Parameters
    ----------
    probabilities : (N, classes)
    labels : (N,) int
        `UNKNOWN` rows are left out.
    """
    known = labels != UNKNOWN
    p, y = probabilities[known], labels[known]
    areas = [
        roc_auc_score(y == index, p[:, index])
        for index in range(p.shape[1])
        if 0 < (y == index).sum() < len(y)
    ]
    if not areas:
        return {"auc": None, "balanced_accuracy": None}
    return {
        "auc": float(np.mean(areas)),
        "balanced_accuracy": float(balanced_accuracy_score(y, p.argmax(axis=1))),
    }

"""LFW's protocol: the accuracy on each fold, with the threshold that is best on the others."""

from __future__ import annotations

import numpy as np

NEVER = -1.0  # score of a pair with an unusable capture, which is rejected


def best_threshold(cosine: np.ndarray, same: np.ndarray) -> float:
    """The threshold of the best accuracy; scores above it are accepted.

    If several gaps between scores are equally good, the middle of the median one.
    """
    order = np.argsort(cosine, kind="stable")
    scores, genuine = cosine[order].astype(np.float64), same[order]
    # With the first k pairs rejected, their impostors and the other genuine pairs are correct.
    rejected = np.concatenate([[0], np.cumsum(~genuine)])
    accepted = genuine.sum() - np.concatenate([[0], np.cumsum(genuine)])
    cuts = np.concatenate([[NEVER], (scores[1:] + scores[:-1]) / 2, [scores[-1] + 1]])
    # Equal scores stay together, and unusable pairs are never accepted.
    valid = np.concatenate([[scores[0] > NEVER], scores[1:] > scores[:-1], [True]])
    correct = np.where(valid, rejected + accepted, -1)
    best = np.flatnonzero(correct == correct.max())
    return float(cuts[best[len(best) // 2]])


def fold_accuracies(cosine: np.ndarray, same: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """The share of correct decisions on each fold, (folds,).

    Huang et al., "Labeled Faces in the Wild", 2007, section 3: a fold must not influence its own
    threshold.
    """
    accuracies = []
    for number in np.unique(fold):
        held_out = fold == number
        threshold = best_threshold(cosine[~held_out], same[~held_out])
        accuracies.append(((cosine[held_out] > threshold) == same[held_out]).mean())
    return np.array(accuracies)

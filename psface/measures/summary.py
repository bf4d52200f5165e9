"""All figures of an evaluation, from the scores and the network's output."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from psface.captures.capture import Capture
from psface.measures.attribute_scores import attribute_scores
from psface.measures.conditions import by_condition
from psface.measures.identification import Ranking, rank_gallery
from psface.measures.intervals import draw_people
from psface.measures.leakage import leakage
from psface.measures.quality import assess_quality
from psface.measures.scores import Scores
from psface.measures.verification import Metrics

FARS = (1e-1, 1e-2, 1e-3)


@dataclass(frozen=True)
class Summary:
    """Results of an evaluation.

    Attributes
    ----------
    metrics : dict
        Figures that runs are compared by, rounded.
    details : dict
        Other figures, rounded.
    tables : dict of str to DataFrame
        ``roc``, ``conditions``, ``leakage``, ``quality`` and ``reject``.
    ranking : Ranking
    """

    metrics: Metrics
    details: Metrics
    tables: dict[str, pd.DataFrame]
    ranking: Ranking


def summarise(
    scores: Scores,
    embeddings: np.ndarray,
    probabilities: Mapping[str, np.ndarray],
    floors: Metrics,
    captures: Iterable[Capture],
    doubts: np.ndarray,
    resamples: int,
    seed: int,
) -> Summary:
    """Compute all figures.

    Parameters
    ----------
    embeddings : (N, D)
        Of the captures of ``scores``.
    probabilities : mapping of str to (N, classes)
        The network's output for each attribute.
    floors : dict
        Metrics of recognition without training.
    captures : iterable of Capture
        Including those of ``scores``, for their true conditions if known.
    doubts : (N,) str
        Codes of what the checks of stereo and crop found in each capture, empty if nothing.
    resamples : int
        Of people, for the intervals.
    """
    ranking = rank_gallery(scores)
    leaks = leakage(embeddings, scores, seed)
    metrics: Metrics = recognition_metrics(scores, ranking, resamples, seed)
    draws = draw_people(int(scores.gallery.sum()), resamples, seed)
    quality = assess_quality(scores, captures)
    for task, predicted in probabilities.items():
        task_scores = attribute_scores(predicted, scores.labels[task])
        metrics |= {f"{task}_{name}": value for name, value in task_scores.items()}
    mean_leaks = leaks.groupby("attribute", sort=False)["auc"].mean()
    metrics |= {f"{name}_leak": float(area) for name, area in mean_leaks.items()}
    details: Metrics = {
        "test_people": int(scores.gallery.sum()),
        "test_captures": len(scores.identity),
        "doubted_captures": int((doubts != "").sum()),
        **quality.details,
    }
    tables = {
        "roc": scores.verification.roc.table,
        "conditions": by_condition(scores, ranking, doubts != "", draws),
        "leakage": leaks,
        "quality": quality.captures.assign(doubts=doubts),
        "reject": quality.rejects,
    }
    return Summary(_rounded({**metrics, **floors}), _rounded(details), tables, ranking)


def recognition_metrics(scores: Scores, ranking: Ranking, resamples: int, seed: int) -> Metrics:
    """Verification and identification, from the scores alone."""
    people = len(np.unique(scores.identity))
    euclidean = scores.euclidean.auc  # first: the curve of the cosines will take much memory
    pairs = scores.verification.metrics(FARS, draw_people(people, resamples, seed))
    return {
        "identity_auc": pairs.pop("auc"),
        "identity_auc_low": pairs.pop("auc_low"),
        "identity_auc_high": pairs.pop("auc_high"),
        "identity_auc_euclidean": euclidean,
        **pairs,
        "rank1": ranking.rate(1),
        "rank5": ranking.rate(5),
    }


def _rounded(values: Metrics) -> Metrics:
    return {name: round(v, 4) if isinstance(v, float) else v for name, v in values.items()}

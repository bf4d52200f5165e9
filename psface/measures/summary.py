"""All figures of an evaluation, from the scores and what the network said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from psface.captures.capture import Capture
from psface.measures.attribute_scores import attribute_scores
from psface.measures.conditions import by_condition
from psface.measures.identification import Ranking, rank_gallery
from psface.measures.leakage import leakage
from psface.measures.quality import (
    correlation_within_people,
    curves_table,
    reject_curve,
    true_conditions,
)
from psface.measures.scores import Scores
from psface.measures.verification import Metrics, draw_people, rate_name

FARS = (1e-1, 1e-2, 1e-3)
QUALITY_FMRS = (1e-2, 1e-3)


@dataclass(frozen=True)
class Summary:
    """What an evaluation found.

    Attributes
    ----------
    metrics : dict
        What runs are compared by, rounded.
    details : dict
        What else is worth a number.
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
    resamples: int,
    seed: int,
) -> Summary:
    """Measure everything.

    Parameters
    ----------
    embeddings : (N, D)
        Of the captures of ``scores``.
    probabilities : mapping of str to (N, classes)
        What the network says of each attribute.
    floors : dict
        Metrics of recognition without training.
    captures : iterable of Capture
        Among which those of ``scores`` are, for what is known of how they were taken.
    resamples : int
        Of people, for the intervals.
    """
    ranking = rank_gallery(scores)
    leaks = leakage(embeddings, scores, seed)
    rejects = [c for fmr in QUALITY_FMRS if (c := reject_curve(scores, fmr)) is not None]
    truth = true_conditions(scores, captures)
    metrics: Metrics = recognition_metrics(scores, ranking, resamples, seed)
    for task, predicted in probabilities.items():
        found = attribute_scores(predicted, scores.labels[task])
        metrics |= {f"{task}_{name}": value for name, value in found.items()}
    mean_leaks = leaks.groupby("attribute", sort=False)["auc"].mean()
    metrics |= {f"{name}_leak": float(area) for name, area in mean_leaks.items()}
    details: Metrics = {
        "test_people": int(scores.gallery.sum()),
        "test_captures": len(scores.identity),
        **{f"quality_gain_{rate_name(reject.fmr)}": reject.gain for reject in rejects},
        **{
            f"magnitude_vs_{name}": correlation_within_people(
                scores.magnitude, truth[name].to_numpy(float), scores.identity
            )
            for name in ("noise", "yaw")
        },
    }
    own = {"identity": scores.identity, "session": scores.session, "magnitude": scores.magnitude}
    tables = {
        "roc": scores.verification.roc.table,
        "conditions": by_condition(scores, ranking),
        "leakage": leaks,
        "quality": pd.concat([pd.DataFrame(own), truth], axis=1),
        "reject": curves_table(rejects),
    }
    return Summary(_rounded({**metrics, **floors}), _rounded(details), tables, ranking)


def recognition_metrics(scores: Scores, ranking: Ranking, resamples: int, seed: int) -> Metrics:
    """Verification and identification, from the scores alone."""
    people = len(np.unique(scores.identity))
    found = scores.verification.metrics(FARS, draw_people(people, resamples, seed))
    return {
        "identity_auc": found.pop("auc"),
        "identity_auc_low": found.pop("auc_low"),
        "identity_auc_high": found.pop("auc_high"),
        "identity_auc_euclidean": scores.euclidean.auc,
        **found,
        "rank1": ranking.rate(1),
        "rank5": ranking.rate(5),
    }


def _rounded(values: Metrics) -> Metrics:
    return {name: round(v, 4) if isinstance(v, float) else v for name, v in values.items()}

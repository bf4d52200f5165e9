"""Recognition where an attribute differs between two captures, and where it agrees."""

from __future__ import annotations

import numpy as np
import pandas as pd

from psface.measures.identification import Ranking
from psface.measures.scores import Scores
from psface.tasks import UNKNOWN

FAR = 1e-2


def by_condition(scores: Scores, ranking: Ranking) -> pd.DataFrame:
    """Compare, for each attribute, pairs that agree in it with pairs that differ.

    Columns: ``genuine`` and ``impostors`` (numbers of pairs), ``auc`` among these pairs alone,
    ``tar`` at the threshold that gives FAR 1e-2 over *all* pairs, as in a deployed system, and
    ``probes`` and ``rank1`` of those whose own gallery capture agrees or differs. A value is
    missing where it cannot be computed: nobody's gender differs between two captures.
    """
    same = scores.same
    pairs = scores.verification
    threshold = pairs.threshold_at(FAR)
    rows = []
    for name, labels in scores.labels.items():
        a, b = labels[scores.first], labels[scores.second]
        pairs_known = (a != UNKNOWN) & (b != UNKNOWN)
        probe, enrolled = labels[~scores.gallery], own_gallery_labels(scores, labels)
        probes_known = (probe != UNKNOWN) & (enrolled != UNKNOWN)
        for condition in ("agrees", "differs"):
            selected = pairs_known & ((a == b) == (condition == "agrees"))
            chosen = probes_known & ((probe == enrolled) == (condition == "agrees"))
            genuine, impostors = int((selected & same).sum()), int((selected & ~same).sum())
            accepted = scores.cosine[selected & same]
            rows.append(
                {
                    "attribute": name,
                    "condition": condition,
                    "genuine": genuine,
                    "impostors": impostors,
                    "auc": pairs.among(selected).auc if genuine and impostors else None,
                    "tar": float((accepted >= threshold).mean())
                    if genuine and threshold is not None
                    else None,
                    "probes": int(chosen.sum()),
                    "rank1": float(ranking.hits[chosen].mean()) if chosen.any() else None,
                }
            )
    return pd.DataFrame(rows)


def own_gallery_labels(scores: Scores, labels: np.ndarray) -> np.ndarray:
    """Labels (probes,) of the probes' own gallery captures, from ``labels`` (N,)."""
    of_person = dict(zip(scores.identity[scores.gallery], labels[scores.gallery], strict=True))
    return np.array([of_person.get(name, UNKNOWN) for name in scores.identity[~scores.gallery]])


def probes_that_differ(scores: Scores, ranking: Ranking, count: int) -> list[tuple[str, int]]:
    """For each attribute, ``count`` probes whose gallery capture differs in it, half of them misses
    if there are enough: a title and the probe's number."""
    chosen = []
    for name, labels in scores.labels.items():
        probe, enrolled = labels[~scores.gallery], own_gallery_labels(scores, labels)
        differs = (probe != UNKNOWN) & (enrolled != UNKNOWN) & (probe != enrolled)
        classes = scores.classes[name]
        chosen += [
            (f"{classes[probe[i]]}, enrolled {classes[enrolled[i]]}", i)
            for i in misses_and_hits(np.flatnonzero(differs), ranking, count)
        ]
    return chosen


def misses_and_hits(probes: np.ndarray, ranking: Ranking, count: int) -> list[int]:
    """Choose ``count`` of these probes, evenly spaced: half misses, if there are enough, then
    hits."""
    missed, hit = probes[~ranking.hits[probes]], probes[ranking.hits[probes]]
    misses = _spread(missed, max(count // 2, count - len(hit)))
    return [*misses, *_spread(hit, count - len(misses))]


def _spread(items: np.ndarray, count: int) -> list[int]:
    count = min(count, len(items))
    return [int(i) for i in items[np.linspace(0, len(items) - 1, count).astype(int)]]

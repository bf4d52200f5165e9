"""Recognition where an attribute differs between two captures, and where it agrees."""

from __future__ import annotations

import numpy as np
import pandas as pd

from psface.measures.identification import Ranking
from psface.measures.scores import Scores
from psface.tasks import UNKNOWN

FAR = 1e-2


def by_condition(
    scores: Scores, ranking: Ranking, doubted: np.ndarray | None = None
) -> pd.DataFrame:
    """Compare, for each attribute, pairs that agree in it with pairs that differ; and, if any
    captures are in doubt, pairs of trusted captures with the rest.

    Parameters
    ----------
    doubted : (N,) bool, optional
        Captures that the checks of stereo and crop doubt.

    Returns
    -------
    DataFrame
        Columns: ``attribute``, ``condition``; ``genuine`` and ``impostors`` (numbers of pairs),
        ``auc`` among these pairs alone, ``tar`` at the threshold that gives FAR 1e-2 over *all*
        pairs, as in a deployed system; ``probes`` and ``rank1`` of those whose own gallery capture
        agrees or differs. A value is missing where it cannot be computed: nobody's gender differs
        between two captures.
    """
    threshold = scores.verification.threshold_at(FAR)
    rows = []

    def add(attribute: str, condition: str, pairs: np.ndarray, probes: np.ndarray) -> None:
        """Add what ``pairs`` (P,) bool and ``probes`` (probes,) bool give."""
        genuine, impostors = pairs & scores.same, pairs & ~scores.same
        accepted = scores.cosine[genuine]
        rows.append(
            {
                "attribute": attribute,
                "condition": condition,
                "genuine": int(genuine.sum()),
                "impostors": int(impostors.sum()),
                "auc": scores.verification.auc_among(pairs)
                if genuine.any() and impostors.any()
                else None,
                "tar": float((accepted >= threshold).mean())
                if genuine.any() and threshold is not None
                else None,
                "probes": int(probes.sum()),
                "rank1": float(ranking.hits[probes].mean()) if probes.any() else None,
            }
        )

    for name, labels in scores.labels.items():
        small = labels.astype(np.int8)  # there may be millions of pairs
        a, b = small[scores.first], small[scores.second]
        known = (a != UNKNOWN) & (b != UNKNOWN)
        probe, enrolled = labels[~scores.gallery], own_gallery_labels(scores, labels)
        probes_known = (probe != UNKNOWN) & (enrolled != UNKNOWN)
        add(name, "agrees", known & (a == b), probes_known & (probe == enrolled))
        add(name, "differs", known & (a != b), probes_known & (probe != enrolled))
    if doubted is not None and doubted.any():
        either = doubted[scores.first] | doubted[scores.second]
        involved = doubted[~scores.gallery] | (own_gallery_labels(scores, doubted) == 1)
        add("capture", "trusted", ~either, ~involved)
        add("capture", "doubted", either, involved)
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

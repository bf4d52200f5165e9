"""Recognition where an attribute differs between two captures, and where it agrees."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from psface.measures.identification import Ranking
from psface.measures.intervals import interval
from psface.measures.people_rates import tally
from psface.measures.scores import Scores
from psface.tasks import UNKNOWN

FAR = 1e-2


def by_condition(
    scores: Scores,
    ranking: Ranking,
    doubted: np.ndarray | None = None,
    draws: np.ndarray | None = None,
) -> pd.DataFrame:
    """Compare, for each attribute, pairs that agree in it with pairs that differ; and, if any
    captures are in doubt, pairs of trusted captures with the rest.

    Parameters
    ----------
    doubted : (N,) bool, optional
        Captures that the checks of stereo and crop doubt.
    draws : (resamples, people) int, optional
        For intervals; see `psface.measures.intervals.draw_people`.

    Returns
    -------
    DataFrame
        Columns: ``attribute``, ``condition``; ``genuine`` and ``impostors`` (numbers of pairs),
        ``auc`` among these pairs alone, ``tar`` at the threshold that gives FAR 1e-2 over *all*
        pairs, as in a deployed system; ``probes`` and ``rank1`` of those whose own gallery capture
        agrees or differs; ``people`` with genuine pairs; ``fall``, by how much TAR is lower than in
        the attribute's other row, with its 95% interval ``fall_low`` and ``fall_high`` by the same
        resamples of people for both. A value is missing where it cannot be computed: nobody's
        gender differs between two captures.
    """
    rows: list[dict] = []
    for name, labels in scores.labels.items():
        small = labels.astype(np.int8)  # there may be millions of pairs
        a, b = small[scores.first], small[scores.second]
        known = (a != UNKNOWN) & (b != UNKNOWN)
        probe, enrolled = labels[~scores.gallery], own_gallery_labels(scores, labels)
        probes_known = (probe != UNKNOWN) & (enrolled != UNKNOWN)
        agrees = (known & (a == b), probes_known & (probe == enrolled))
        differs = (known & (a != b), probes_known & (probe != enrolled))
        rows += _rows(scores, ranking, draws, name, {"agrees": agrees, "differs": differs})
    if doubted is not None and doubted.any():
        either = doubted[scores.first] | doubted[scores.second]
        involved = doubted[~scores.gallery] | (own_gallery_labels(scores, doubted) == 1)
        both = {"trusted": (~either, ~involved), "doubted": (either, involved)}
        rows += _rows(scores, ranking, draws, "capture", both)
    return pd.DataFrame(rows, columns=COLUMNS)


COLUMNS = [
    "attribute", "condition", "genuine", "impostors", "auc", "tar", "probes", "rank1",
    "people", "fall", "fall_low", "fall_high",
]  # fmt: skip


def _rows(
    scores: Scores,
    ranking: Ranking,
    draws: np.ndarray | None,
    attribute: str,
    conditions: Mapping[str, tuple[np.ndarray, np.ndarray]],
) -> list[dict]:
    """A row for each of two conditions, given as pairs (P,) bool and probes (probes,) bool."""
    threshold = scores.verification.threshold_at(FAR)
    rows, misses = [], []
    for condition, (pairs, probes) in conditions.items():
        genuine, impostors = pairs & scores.same, pairs & ~scores.same
        row: dict = {
            "attribute": attribute,
            "condition": condition,
            "genuine": int(genuine.sum()),
            "impostors": int(impostors.sum()),
            "auc": scores.verification.auc_among(pairs)
            if genuine.any() and impostors.any()
            else None,
            "probes": int(probes.sum()),
            "rank1": float(ranking.hits[probes].mean()) if probes.any() else None,
            "people": len(np.unique(scores.person[scores.first[genuine]])),
        }
        if genuine.any() and threshold is not None:
            missed = scores.cosine[genuine] < threshold
            row["tar"] = float((~missed).mean())
            owner = scores.person[scores.first[genuine]]
            misses.append(tally(owner, owner, missed, int(scores.person.max()) + 1, own=True))
        rows.append(row)
    if len(misses) == 2:
        rows[1]["fall"] = rows[0]["tar"] - rows[1]["tar"]
        if draws is not None:
            resampled = misses[1].rates(draws) - misses[0].rates(draws)
            rows[1]["fall_low"], rows[1]["fall_high"] = interval(resampled)
    return rows


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
            (f"{name}: {classes[probe[i]]}, enrolled {classes[enrolled[i]]}".replace("_", " "), i)
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

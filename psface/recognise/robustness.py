"""Compare degraded captures with clean ones."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd

from psface.captures.capture import Capture, Refusal
from psface.faces.cropping import Crop
from psface.measures.folds import NEVER
from psface.model.card import Card
from psface.parallel import map_in_processes
from psface.recognise.degradations import DEGRADATIONS
from psface.recognise.pair_lists import PairSet
from psface.recognise.preprocessing import checked_pixels, crop_pixels
from psface.recognise.recogniser import Recogniser
from psface.recognise.scoring import ScoredPairs, embed_crops, pair_scores

SPREAD = (0.05, 0.5, 0.95)


def degraded_levels(
    recogniser: Recogniser, scored: ScoredPairs, threshold: float | None
) -> pd.DataFrame:
    """Score each pair with its second capture degraded: a row per degradation and severity.

    Parameters
    ----------
    scored : ScoredPairs
        The clean pairs.
    threshold : float or None
        Set on the clean pairs.

    Returns
    -------
    DataFrame
        degradation, severity, unit; auc, eer; frr and far at the threshold; the 5%, 50% and 95%
        quantiles of both kinds' scores, over pairs whose faces are found; and how many captures'
        faces are no longer found.
    """
    pairs, clean, faces = scored.pairs, scored.crops, scored.faces
    usable = [i for i, crop in enumerate(clean) if isinstance(crop, Crop)]
    levels = [
        (name, severity) for name, kind in DEGRADATIONS.items() for severity in kind.severities
    ]

    def items() -> Iterator[tuple[Capture, np.ndarray, str, float]]:
        for name, severity in levels:
            for i in usable:
                capture, crop = pairs.captures[i], clean[i]
                assert isinstance(crop, Crop) and not isinstance(capture, Refusal)
                assert crop.face.landmarks is not None
                yield capture, crop.face.landmarks, name, severity

    work = partial(_crop_degraded, card=scored.card)
    degraded = map_in_processes(work, items(), "degradations", len(levels) * len(usable))
    rows = [_level("none", 0.0, scored.verification.score, pairs, threshold, 0)]
    for name, severity in levels:
        crops: list[Crop | None] = [None] * len(clean)
        for i in usable:
            crops[i] = next(degraded)
        cosine = pair_scores(faces, embed_crops(recogniser, crops), pairs)
        missed = sum(crops[i] is None for i in usable)
        rows.append(_level(name, severity, cosine, pairs, threshold, missed))
    list(degraded)  # let the pool close and the bar finish
    return pd.DataFrame(rows)


def _crop_degraded(item: tuple[Capture, np.ndarray, str, float], card: Card) -> Crop | None:
    capture, landmarks, name, severity = item
    pixels = DEGRADATIONS[name].apply(checked_pixels(capture, card), landmarks, severity)
    return crop_pixels(pixels, card)


def _level(
    name: str,
    severity: float,
    cosine: np.ndarray,
    pairs: PairSet,
    threshold: float | None,
    missed: int,
) -> dict[str, object]:
    genuine, impostor = cosine[pairs.same], cosine[~pairs.same]
    verification = pairs.verification(cosine)
    far, frr = (None, None) if threshold is None else verification.rates(threshold)
    return {
        "degradation": name,
        "severity": severity,
        "unit": DEGRADATIONS[name].unit if name in DEGRADATIONS else "",
        "auc": verification.auc,
        "eer": verification.eer,
        "frr": frr,
        "far": far,
        **_spread("genuine", genuine),
        **_spread("impostor", impostor),
        "not_found": missed,
    }


def _spread(kind: str, cosine: np.ndarray) -> dict[str, float]:
    """The 5%, 50% and 95% quantiles of the scores of pairs whose faces were found."""
    seen = cosine[cosine > NEVER]
    values = np.quantile(seen, SPREAD) if len(seen) else np.full(len(SPREAD), np.nan)
    return {f"{kind}_p{round(100 * q):02}": float(v) for q, v in zip(SPREAD, values, strict=True)}

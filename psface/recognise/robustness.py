"""Recognition of degraded captures against clean ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
from psface.recognise.scoring import card_for, embed_crops, pair_scores

SPREAD = (0.05, 0.5, 0.95)


def degraded_levels(
    recogniser: Recogniser,
    pairs: PairSet,
    clean: Sequence[Crop | Refusal],
    faces: np.ndarray,
    threshold: float | None,
) -> pd.DataFrame:
    """A row per degradation and severity: each pair's first capture as it is, with its second one
    degraded.

    Parameters
    ----------
    clean : sequence of (N,)
        What became of each capture.
    faces : (N, D)
        Their unit embeddings.
    threshold : float or None
        Of the clean pairs.

    Returns
    -------
    DataFrame
        degradation, severity, unit; auc, eer; frr and far at the threshold; the 5%, 50% and 95%
        quantiles of both kinds' scores, of pairs whose faces are found; and how many captures'
        faces are not found any more.
    """
    found = [i for i, crop in enumerate(clean) if isinstance(crop, Crop)]
    levels = [(name, severity) for name, of in DEGRADATIONS.items() for severity in of.severities]

    def items() -> Iterator[tuple[Capture, np.ndarray, str, float]]:
        for name, severity in levels:
            for i in found:
                capture, crop = pairs.captures[i], clean[i]
                assert isinstance(crop, Crop) and not isinstance(capture, Refusal)
                assert crop.face.landmarks is not None
                yield capture, crop.face.landmarks, name, severity

    work = partial(_crop_degraded, card=card_for(pairs, recogniser.card))
    made = map_in_processes(work, items(), "degradations", len(levels) * len(found))
    rows = [_level("none", 0.0, pair_scores(faces, faces, pairs), pairs, threshold, 0)]
    for name, severity in levels:
        crops: list[Crop | None] = [None] * len(clean)
        for i in found:
            crops[i] = next(made)
        cosine = pair_scores(faces, embed_crops(recogniser, crops), pairs)
        missed = sum(crops[i] is None for i in found)
        rows.append(_level(name, severity, cosine, pairs, threshold, missed))
    list(made)  # let the pool close and the bar finish
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
    """The median, 5% and 95% of the scores of pairs whose faces were found."""
    seen = cosine[cosine > NEVER]
    values = np.quantile(seen, SPREAD) if len(seen) else np.full(len(SPREAD), np.nan)
    return {f"{kind}_p{round(100 * q):02}": float(v) for q, v in zip(SPREAD, values, strict=True)}

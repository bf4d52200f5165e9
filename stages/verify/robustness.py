"""Recognition of degraded captures against clean ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import pandas as pd

from stages.evaluate.verification import auc, equal_error_rate, roc
from stages.parallel import map_sessions
from stages.recognise import Cut, Recogniser
from stages.recognise.cutting import cut_frames
from stages.session import Refusal, Session
from stages.train.model import Card
from stages.verify.degradations import DEGRADATIONS
from stages.verify.pairs import Encoded, PairSet
from stages.verify.protocol import NEVER
from stages.verify.scoring import card_for, embed_cuts, frames_of, pair_scores

SPREAD = (0.05, 0.5, 0.95)


def degraded_levels(
    recogniser: Recogniser,
    pairs: PairSet,
    clean: Sequence[Cut | Refusal],
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
    found = [i for i, cut in enumerate(clean) if isinstance(cut, Cut)]
    levels = [(name, severity) for name, of in DEGRADATIONS.items() for severity in of.severities]

    def items() -> Iterator[tuple[Session | Encoded, np.ndarray, str, float]]:
        for name, severity in levels:
            for i in found:
                capture, cut = pairs.captures[i], clean[i]
                assert isinstance(cut, Cut) and not isinstance(capture, Refusal)
                assert cut.face.landmarks is not None
                yield capture, cut.face.landmarks, name, severity

    work = partial(_cut_degraded, card=recogniser.card)
    made = map_sessions(work, items(), "degradations", len(levels) * len(found))
    rows = [_level("none", 0.0, pair_scores(faces, faces, pairs), pairs, threshold, 0)]
    for name, severity in levels:
        cuts: list[Cut | None] = [None] * len(clean)
        for i in found:
            cuts[i] = next(made)
        cosine = pair_scores(faces, embed_cuts(recogniser, cuts), pairs)
        missed = sum(cuts[i] is None for i in found)
        rows.append(_level(name, severity, cosine, pairs, threshold, missed))
    list(made)  # let the pool close and the bar finish
    return pd.DataFrame(rows)


def _cut_degraded(item: tuple[Session | Encoded, np.ndarray, str, float], card: Card) -> Cut | None:
    capture, landmarks, name, severity = item
    frames = DEGRADATIONS[name].apply(frames_of(capture, card), landmarks, severity)
    return cut_frames(frames, card_for(capture, card))


def _level(
    name: str,
    severity: float,
    cosine: np.ndarray,
    pairs: PairSet,
    threshold: float | None,
    missed: int,
) -> dict[str, object]:
    genuine, impostor = cosine[pairs.same], cosine[~pairs.same]
    return {
        "degradation": name,
        "severity": severity,
        "unit": DEGRADATIONS[name].unit if name in DEGRADATIONS else "",
        "auc": auc(cosine, pairs.same),
        "eer": equal_error_rate(roc(cosine, pairs.same)),
        "frr": None if threshold is None else float((genuine < threshold).mean()),
        "far": None if threshold is None else float((impostor >= threshold).mean()),
        **_spread("genuine", genuine),
        **_spread("impostor", impostor),
        "not_found": missed,
    }


def _spread(kind: str, cosine: np.ndarray) -> dict[str, float]:
    """The median, 5% and 95% of the scores of pairs whose faces were found."""
    seen = cosine[cosine > NEVER]
    values = np.quantile(seen, SPREAD) if len(seen) else np.full(len(SPREAD), np.nan)
    return {f"{kind}_p{round(100 * q):02}": float(v) for q, v in zip(SPREAD, values, strict=True)}

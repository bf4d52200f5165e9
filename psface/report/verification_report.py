"""Report a model's verification on the user's own pairs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from psface.captures.capture_table import write_refusals
from psface.faces.cropping import Crop
from psface.files import made_folder, replacing
from psface.measures.folds import fold_accuracies
from psface.measures.intervals import draw_people
from psface.measures.verification import Metrics
from psface.recognise.pair_lists import PairSet
from psface.recognise.recogniser import Recogniser
from psface.recognise.robustness import degraded_levels
from psface.recognise.scoring import ScoredPairs, score_pairs
from psface.report.roc_plot import draw_roc
from psface.report.verification_plots import draw_degradations, draw_scores, draw_worst

FARS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)
RESAMPLES = 500
WORST = 10  # pairs of each kind to draw


def verify(recogniser: Recogniser, pairs: PairSet, far: float, degrade: bool, out: Path) -> Metrics:
    """Write ``metrics.json``, ``scores.parquet``, ``roc.csv``, ``failures.csv`` and plots.

    A pair with a capture in which no face is found counts as rejected: leaving it out would reward
    a model for its detector's failures.

    Parameters
    ----------
    far : float
        The false accept rate to set the threshold at.
    degrade : bool
        Also compare each pair's first capture with its second degraded, by every kind and
        severity of `psface.recognise.degradations`: ``degradations.csv`` and ``.png``.

    Raises
    ------
    UserError
        If no capture, or none of one kind of pair, can be used.
    """
    made_folder(out)
    scored = score_pairs(recogniser, pairs)
    verification, cosine = scored.verification, scored.verification.score
    threshold = verification.threshold_at(far)
    if threshold is not None:  # just above all scores if an impostor has the highest
        threshold = min(threshold, float(np.nextafter(cosine.max(), 2)))
    metrics = _metrics(scored, threshold)

    with replacing(out / "metrics.json") as path:
        text = json.dumps(metrics, indent=2, allow_nan=False)
        path.write_text(text + "\n", encoding="utf-8")
    write_refusals(out / "failures.csv", scored.failures)
    table = {
        "first": np.array(scored.names)[pairs.first],
        "second": np.array(scored.names)[pairs.second],
        "same": pairs.same,
        "cosine": cosine.astype(np.float32),
    }
    with replacing(out / "scores.parquet") as path:
        pd.DataFrame(table).to_parquet(path, index=False)
    with replacing(out / "roc.csv") as path:
        verification.roc.table.to_csv(path, index=False)
    with replacing(out / "roc.png") as path:
        draw_roc(verification.roc, f"{len(pairs.same)} pairs: AUC {metrics['auc']}", path)
    with replacing(out / "scores.png") as path:
        draw_scores(cosine, pairs.same, threshold, path)
    with replacing(out / "worst.png") as path:
        _draw_worst(scored, path)
    if degrade:
        levels = degraded_levels(recogniser, scored, threshold)
        with replacing(out / "degradations.csv") as path:
            levels.round(5).to_csv(path, index=False)
        with replacing(out / "degradations.png") as path:
            draw_degradations(levels, threshold, path)
    return metrics


def _metrics(scored: ScoredPairs, threshold: float | None) -> Metrics:
    pairs, verification = scored.pairs, scored.verification
    far, frr = (None, None) if threshold is None else verification.rates(threshold)
    draws = None
    if pairs.identity is not None:
        draws = draw_people(len(np.unique(pairs.identity)), RESAMPLES, 0)
    metrics: Metrics = {
        "pairs": len(pairs.same),
        "captures": len(scored.crops),
        "failed_captures": len(scored.failures),
        **_accuracy(verification.score, pairs),
        **verification.metrics(FARS, draws),
        "threshold": threshold,
        "far": far,
        "frr": frr,
    }
    # The threshold is not rounded: a pair's score may equal it.
    return {
        name: round(value, 5) if isinstance(value, float) and name != "threshold" else value
        for name, value in metrics.items()
    }


def _accuracy(cosine: np.ndarray, pairs: PairSet) -> Metrics:
    if pairs.fold is None or len(np.unique(pairs.fold)) < 2:
        return {"accuracy": None, "accuracy_std": None}
    accuracies = fold_accuracies(cosine, pairs.same, pairs.fold)
    return {"accuracy": float(accuracies.mean()), "accuracy_std": float(accuracies.std())}


def _draw_worst(scored: ScoredPairs, path: Path) -> None:
    pairs, crops, cosine = scored.pairs, scored.crops, scored.verification.score
    seen = np.array([isinstance(crop, Crop) for crop in crops])
    both = seen[pairs.first] & seen[pairs.second]
    rising = np.argsort(cosine, kind="stable")
    genuine = [i for i in rising if both[i] and pairs.same[i]][:WORST]
    impostor = [i for i in rising[::-1] if both[i] and not pairs.same[i]][:WORST]
    card = scored.card

    def shown(index: int) -> tuple[np.ndarray, str]:
        crop = crops[index]
        assert isinstance(crop, Crop)
        return card.stacked(crop.planes)[: card.channels[0]], scored.names[index]

    rows = [
        [(shown(pairs.first[i]), shown(pairs.second[i]), float(cosine[i])) for i in kind]
        for kind in (genuine, impostor)
    ]
    draw_worst(card.maps[0], rows[0], rows[1], path)

"""verify: what a model is worth on pairs of one's own, without training."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from stages.errors import UserError
from stages.evaluate.pictures import draw_roc
from stages.evaluate.verification import (
    auc,
    draw_people,
    equal_error_rate,
    interval,
    resampled_aucs,
    roc,
    roc_table,
    tar_at_far,
    threshold_at_far,
)
from stages.files import made_folder, replacing
from stages.parallel import map_sessions
from stages.recognise import Cut, Recogniser
from stages.session import Refusal, write_refusals
from stages.train.model import Card
from stages.verify.pairs import PairSet, capture_at
from stages.verify.pictures import draw_degradations, draw_scores, draw_worst
from stages.verify.protocol import fold_accuracies
from stages.verify.robustness import degraded_levels
from stages.verify.scoring import cut_capture, embed_cuts, name_of, pair_scores

EXPONENTS = (1, 2, 3, 4, 5)  # of the false accept rates that are reported
RESAMPLES = 500
WORST = 10  # pairs of each kind that are pictured

Metrics = dict[str, float | int | None]


@dataclass(frozen=True)
class Compared:
    """Pairs with their scores, as `stages.evaluate.verification.Compared`."""

    identity: np.ndarray
    first: np.ndarray
    second: np.ndarray
    same: np.ndarray
    cosine: np.ndarray


def verify(recogniser: Recogniser, pairs: PairSet, far: float, degrade: bool, out: Path) -> Metrics:
    """Write ``metrics.json``, ``scores.parquet``, ``roc.csv``, ``failures.csv`` and pictures.

    A pair with a capture in which no face is found counts as rejected: to leave it out would make
    a model better by its detector's failures.

    Parameters
    ----------
    far : float
        The false accept rate whose threshold is wanted.
    degrade : bool
        Also compare each pair's first capture with its second one degraded, by every kind and
        severity of `stages.verify.degradations`: ``degradations.csv`` and ``.png``.

    Raises
    ------
    UserError
        If no capture, or none of one kind of pair, can be used.
    """
    made_folder(out)
    work = partial(cut_capture, card=recogniser.card)
    cuts = list(map_sessions(work, pairs.captures, "verify"))
    names = [name_of(capture) for capture in pairs.captures]
    failures = [cut for cut in cuts if isinstance(cut, Refusal)]
    if len(failures) == len(cuts):
        raise UserError(f"no capture can be used; the first because {failures[0].reason}")
    faces = embed_cuts(recogniser, cuts)
    cosine = pair_scores(faces, faces, pairs)
    curve, impostors = roc(cosine, pairs.same), int((~pairs.same).sum())
    threshold = threshold_at_far(curve, far, impostors)
    if threshold is not None:  # over all there are, if impostors are the most alike
        threshold = min(threshold, float(np.nextafter(cosine.max(), 2)))
    metrics: Metrics = {
        "pairs": len(pairs.same),
        "captures": len(cuts),
        "failed_captures": len(failures),
        **_accuracy(cosine, pairs),
        "auc": auc(cosine, pairs.same),
        **_interval(cosine, pairs),
        "eer": equal_error_rate(curve),
        **{f"tar_at_far_1e-{n}": tar_at_far(curve, 10**-n, impostors) for n in EXPONENTS},
        "threshold": threshold,
        "far": None if threshold is None else float((cosine[~pairs.same] >= threshold).mean()),
        "frr": None if threshold is None else float((cosine[pairs.same] < threshold).mean()),
    }
    # A rounded threshold would be another one: a pair's own score may lie on it.
    metrics = {
        k: round(v, 5) if isinstance(v, float) and k != "threshold" else v
        for k, v in metrics.items()
    }

    with replacing(out / "metrics.json") as path:
        text = json.dumps(metrics, indent=2, allow_nan=False)
        path.write_text(text + "\n", encoding="utf-8")
    write_refusals(out / "failures.csv", failures)
    table = {
        "first": np.array(names)[pairs.first],
        "second": np.array(names)[pairs.second],
        "same": pairs.same,
        "cosine": cosine.astype(np.float32),
    }
    with replacing(out / "scores.parquet") as path:
        pd.DataFrame(table).to_parquet(path, index=False)
    with replacing(out / "roc.csv") as path:
        roc_table(curve).to_csv(path, index=False)
    with replacing(out / "roc.png") as path:
        draw_roc(curve, f"{len(pairs.same)} pairs: AUC {metrics['auc']}", path)
    with replacing(out / "scores.png") as path:
        draw_scores(cosine, pairs.same, threshold, path)
    with replacing(out / "worst.png") as path:
        _draw_worst(recogniser.card, cuts, names, pairs, cosine, path)
    if degrade:
        levels = degraded_levels(recogniser, pairs, cuts, faces, threshold)
        with replacing(out / "degradations.csv") as path:
            levels.round(5).to_csv(path, index=False)
        with replacing(out / "degradations.png") as path:
            draw_degradations(levels, threshold, path)
    return metrics


def similarity_of(recogniser: Recogniser, first: Path, second: Path) -> float:
    """The cosine of two pictures' or captures' embeddings, from -1 to 1.

    Raises
    ------
    UserError
        If one of them cannot be used.
    """
    cuts = []
    for path in (first, second):
        if not path.exists():
            raise UserError(f"{path}: there is no such picture or capture")
        cut = cut_capture(capture_at(path), recogniser.card)
        if isinstance(cut, Refusal):
            raise UserError(cut.reason)
        cuts.append(cut)
    one, other = embed_cuts(recogniser, cuts)
    return float(one @ other)


def _accuracy(cosine: np.ndarray, pairs: PairSet) -> Metrics:
    if pairs.fold is None or len(np.unique(pairs.fold)) < 2:
        return {"accuracy": None, "accuracy_std": None}
    accuracies = fold_accuracies(cosine, pairs.same, pairs.fold)
    return {"accuracy": float(accuracies.mean()), "accuracy_std": float(accuracies.std())}


def _interval(cosine: np.ndarray, pairs: PairSet) -> Metrics:
    """The 95% interval of the AUC by resampling people, where they are known."""
    if pairs.identity is None:
        return {"auc_low": None, "auc_high": None}
    people = len(np.unique(pairs.identity))
    draws = draw_people(people, RESAMPLES, np.random.default_rng(0))
    compared = Compared(pairs.identity, pairs.first, pairs.second, pairs.same, cosine)
    low, high = interval(resampled_aucs(compared, draws))
    return {"auc_low": low, "auc_high": high}


def _draw_worst(
    card: Card,
    cuts: Sequence[Cut | Refusal],
    names: Sequence[str],
    pairs: PairSet,
    cosine: np.ndarray,
    path: Path,
) -> None:
    seen = np.array([isinstance(cut, Cut) for cut in cuts])
    both = seen[pairs.first] & seen[pairs.second]
    rising = np.argsort(cosine, kind="stable")
    genuine = [i for i in rising if both[i] and pairs.same[i]][:WORST]
    impostor = [i for i in rising[::-1] if both[i] and not pairs.same[i]][:WORST]
    count = card.channels[0]

    def shown(index: int) -> tuple[np.ndarray, str]:
        cut = cuts[index]
        assert isinstance(cut, Cut)
        return cut.values[:count], names[index]

    rows = [
        [(shown(pairs.first[i]), shown(pairs.second[i]), float(cosine[i])) for i in kind]
        for kind in (genuine, impostor)
    ]
    draw_worst(card.maps[0], rows[0], rows[1], path)

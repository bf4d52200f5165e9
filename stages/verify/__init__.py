"""verify: what a model is worth on pairs of one's own, without training."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
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
    tar_at_far,
    threshold_at_far,
)
from stages.files import replacing
from stages.images import decode
from stages.pairs import unit
from stages.parallel import map_sessions
from stages.recognise import Cut, Recogniser
from stages.recognise.cutting import Frames, cut_frames, load, no_face, picture_frames
from stages.session import Refusal, Session, write_refusals
from stages.train.model import Card
from stages.verify.degradations import DEGRADATIONS
from stages.verify.pairs import Encoded, PairSet
from stages.verify.pictures import draw_degradations, draw_scores, draw_worst
from stages.verify.protocol import fold_accuracies

EXPONENTS = (1, 2, 3, 4, 5)  # of the false accept rates that are reported
RESAMPLES = 500
WORST = 10  # pairs of each kind that are pictured
SPREAD = (0.05, 0.5, 0.95)
NEVER = -1.0  # score of a pair with a capture that cannot be used: it is rejected

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
    work = partial(_cut, card=recogniser.card)
    cuts = list(map_sessions(work, pairs.captures, "verify"))
    names = [name_of(capture) for capture in pairs.captures]
    failures = [cut for cut in cuts if isinstance(cut, Refusal)]
    if len(failures) == len(cuts):
        raise UserError(f"no capture can be used; the first because {failures[0].reason}")
    faces = _embedded(recogniser, cuts)
    cosine = _scores(faces, faces, pairs)
    curve, impostors = roc(cosine, pairs.same), int((~pairs.same).sum())
    threshold = threshold_at_far(curve, far, impostors)
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
        "frr": None if threshold is None else float((cosine[pairs.same] < threshold).mean()),
    }
    metrics = {k: round(v, 5) if isinstance(v, float) else v for k, v in metrics.items()}

    out.mkdir(parents=True, exist_ok=True)
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
        points = {"far": curve.far, "tar": curve.tar, "threshold": curve.threshold}
        pd.DataFrame(points).round(6).to_csv(path, index=False)
    with replacing(out / "roc.png") as path:
        draw_roc(curve, f"{len(pairs.same)} pairs: AUC {metrics['auc']}", path)
    with replacing(out / "scores.png") as path:
        draw_scores(cosine, pairs.same, threshold, far, path)
    with replacing(out / "worst.png") as path:
        _draw_worst(recogniser.card, cuts, names, pairs, cosine, path)
    if degrade:
        levels = _degradations(recogniser, pairs, cuts, faces, threshold)
        with replacing(out / "degradations.csv") as path:
            levels.round(5).to_csv(path, index=False)
        with replacing(out / "degradations.png") as path:
            draw_degradations(levels, threshold, path)
    with replacing(out / "metrics.json") as path:
        path.write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
    return metrics


def name_of(capture: Session | Refusal | Encoded) -> str:
    """What a capture is called in tables."""
    if isinstance(capture, Session):
        return capture.frames[0] if capture.is_picture else str(Path(capture.frames[0]).parent)
    return capture.name if isinstance(capture, Encoded) else capture.session


def _cut(capture: Session | Refusal | Encoded, card: Card) -> Cut | Refusal:
    if isinstance(capture, Refusal):
        return capture
    name = name_of(capture)
    try:
        cut = cut_frames(_frames(capture, card), _card_for(capture, card))
    except UserError as error:
        return Refusal("", name, str(error))
    return Refusal("", name, no_face(name, card)) if cut is None else cut


def _cut_degraded(item: tuple[Session | Encoded, np.ndarray, str, float], card: Card) -> Cut | None:
    capture, landmarks, name, severity = item
    frames = DEGRADATIONS[name].apply(_frames(capture, card), landmarks, severity)
    return cut_frames(frames, _card_for(capture, card))


def _frames(capture: Session | Encoded, card: Card) -> Frames:
    if isinstance(capture, Session):
        return load(capture, card)
    return picture_frames(decode(capture.data, Path(capture.name)), card.crop)


def _card_for(capture: Session | Encoded, card: Card) -> Card:
    if isinstance(capture, Session):
        return card
    crop = card.crop.model_copy(update={"detector": "aligned"})
    return card.model_copy(update={"crop": crop})


def _embedded(recogniser: Recogniser, cuts: Sequence[Cut | Refusal | None]) -> np.ndarray:
    """(N, D) unit vectors, not-a-number where there is no face."""
    usable = np.array([isinstance(cut, Cut) for cut in cuts])
    values = (cut.values for cut in cuts if isinstance(cut, Cut))
    found = unit(recogniser.embed(values).identity) if usable.any() else np.empty((0, 1))
    faces = np.full((len(cuts), found.shape[1]), np.nan, np.float32)
    faces[usable] = found
    return faces


def _scores(first: np.ndarray, second: np.ndarray, pairs: PairSet) -> np.ndarray:
    """(P,) cosines of the pairs, the first of each out of one set of faces and the second out of
    another."""
    parts = np.array_split(np.arange(len(pairs.same)), len(pairs.same) // 65_536 + 1)
    cosine = np.concatenate(
        [(first[pairs.first[p]] * second[pairs.second[p]]).sum(axis=1) for p in parts]
    )
    return np.nan_to_num(cosine, nan=NEVER)


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


def _degradations(
    recogniser: Recogniser,
    pairs: PairSet,
    clean: Sequence[Cut | Refusal],
    faces: np.ndarray,
    threshold: float | None,
) -> pd.DataFrame:
    """A row per degradation and severity: recognition of degraded against clean captures."""
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
    rows = [_level("none", 0.0, _scores(faces, faces, pairs), pairs, threshold, 0)]
    for name, severity in levels:
        cuts: list[Cut | None] = [None] * len(clean)
        for i in found:
            cuts[i] = next(made)
        cosine = _scores(faces, _embedded(recogniser, cuts), pairs)
        missed = sum(cuts[i] is None for i in found)
        rows.append(_level(name, severity, cosine, pairs, threshold, missed))
    list(made)  # let the pool close and the bar finish
    return pd.DataFrame(rows)


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

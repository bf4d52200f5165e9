"""evaluate: what a model is worth on people it has never seen."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from sklearn.decomposition import PCA

from stages.errors import UserError
from stages.evaluate.attributes import attribute_scores
from stages.evaluate.conditions import by_condition, misses_and_hits, probes_that_differ
from stages.evaluate.identification import rank_gallery
from stages.evaluate.leakage import leakage
from stages.evaluate.pictures import draw_probes, draw_quality, draw_roc
from stages.evaluate.quality import (
    correlation_within_people,
    curves_table,
    reject_curve,
    true_conditions,
)
from stages.evaluate.scores import Scores, score_captures, write_scores
from stages.evaluate.verification import (
    auc,
    draw_people,
    equal_error_rate,
    interval,
    resampled_aucs,
    roc,
    roc_table,
    tar_at_far,
)
from stages.files import replacing
from stages.maps import pictures_of
from stages.pairs import cosine_auc
from stages.params import Params
from stages.session import read_sessions, read_table
from stages.train.data import Faces, rows_of
from stages.train.model import default_device, embed, load_model

FARS = (1e-1, 1e-2, 1e-3)
QUALITY_FMRS = (1e-2, 1e-3)
PIXELS = 32  # side to which crops are shrunk for the untrained floors
COMPONENTS = 64  # of the PCA
PCA_CAPTURES = 5000  # that it is fitted to, of the training people's

Metrics = dict[str, float | int | None]


def evaluate(
    params: Params, sessions: Path, faces_folder: Path, splits: Path, models: Path, out: Path
) -> tuple[Metrics, Metrics]:
    """Write ``metrics.json``, ``details.json``, ``scores.npz``, tables and pictures to ``out``.

    Verification runs over all pairs of test captures, identification from one gallery capture a
    person. A value is null where the test set cannot tell.

    Returns
    -------
    metrics, details : dict
        What the two ``.json`` files hold.

    Raises
    ------
    UserError
        If the model was trained on crops of another size than there are.
    """
    network, card = load_model(models, default_device())
    faces = Faces(faces_folder, card.maps)
    if faces.side != card.side:
        raise UserError(
            f"{models / 'card.json'}: trained on crops of {card.side} px, but {faces_folder} holds "
            f"{faces.side} px; run `dvc repro train`"
        )
    gallery, probe = (read_table(splits / f"{name}.csv", "split") for name in ("gallery", "probe"))
    test = pd.concat([gallery, probe], ignore_index=True)
    rows = rows_of(test, len(faces))
    embedded = embed(network, card, faces.batches(rows))
    enrolled = np.arange(len(test)) < len(gallery)
    scores = score_captures(
        embedded.identity,
        test,
        enrolled,
        params.attributes,
        params.evaluate.impostors,
        params.seed,
    )
    ranking = rank_gallery(scores)
    curve = roc(scores.cosine, scores.same)
    leaks = leakage(embedded.identity, scores, params.seed)
    rejects = [c for fmr in QUALITY_FMRS if (c := reject_curve(scores, fmr)) is not None]
    reject_table = curves_table(rejects)
    truth = true_conditions(scores, read_sessions(sessions))

    train_rows = rows_of(read_table(splits / "train.csv", "split"), len(faces))
    train_rows = train_rows[:: -(-len(train_rows) // PCA_CAPTURES)]
    # One batch after the other: all crops at once may be more than fit in memory.
    small, small_train = (
        np.concatenate(
            [small_faces(b, card.scale.mean, card.scale.std) for b in faces.batches(some)]
        )
        for some in (rows, train_rows)
    )
    seen = {
        task: attribute_scores(probabilities, scores.labels[task])
        for task, probabilities in embedded.attributes.items()
    }
    # What runs are compared by, in `dvc metrics diff` and `dvc exp show`.
    metrics = {
        **recognition_metrics(scores, params.evaluate.resamples, params.seed),
        **{f"{task}_{name}": value for task, of in seen.items() for name, value in of.items()},
        **{
            f"{name}_leak": area
            for name, area in leaks.groupby("attribute", sort=False)["auc"].mean().items()
        },
        "pixel_auc": cosine_auc(small, scores.identity),
        "pca_auc": cosine_auc(project(small_train, small), scores.identity),
    }
    details = {
        "test_people": len(gallery),
        "test_captures": len(test),
        "epoch": card.epoch,
        **{f"quality_gain_{_rate(reject.fmr)}": reject.gain for reject in rejects},
        **{
            f"magnitude_vs_{name}": correlation_within_people(
                scores.magnitude, truth[name].to_numpy(float), scores.identity
            )
            for name in ("noise", "yaw")
        },
    }
    metrics, details = _rounded(metrics), _rounded(details)

    write_scores(out / "scores.npz", scores)
    quality = pd.DataFrame(
        {"identity": scores.identity, "session": scores.session, "magnitude": scores.magnitude}
    )
    for name, table in {
        "roc": roc_table(curve),
        "conditions": by_condition(scores, ranking),
        "leakage": leaks,
        "quality": pd.concat([quality, truth], axis=1),
        "reject": reject_table,
    }.items():
        with replacing(out / f"{name}.csv") as path:
            (table if name == "roc" else table.round(6)).to_csv(path, index=False)

    title = f"{card.modality}: AUC {metrics['identity_auc']} [{metrics['identity_auc_low']}, "
    with replacing(out / "roc.png") as path:
        draw_roc(curve, f"{title}{metrics['identity_auc_high']}]", path)
    with replacing(out / "quality.png") as path:
        draw_quality(reject_table, path)
    shown = misses_and_hits(np.arange(len(probe)), ranking, params.evaluate.pictured_probes)
    chosen = {
        "probes": [("", number) for number in shown],
        "conditions": probes_that_differ(scores, ranking, params.evaluate.pictured_per_condition),
    }
    captures = sorted({c for of in chosen.values() for _, p in of for c in ranking.pictured(p)})
    pictures = pictures_of(card.maps[0], faces.read(rows[captures])[:, : faces.channels[0]])
    for name, drawn in chosen.items():
        with replacing(out / f"{name}.png") as path:
            draw_probes(dict(zip(captures, pictures, strict=True)), ranking, drawn, path)
    for name, values in {"metrics": metrics, "details": details}.items():
        with replacing(out / f"{name}.json") as path:
            path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    return metrics, details


def recognition_metrics(scores: Scores, resamples: int, seed: int) -> Metrics:
    """What can be said from the scores alone."""
    curve = roc(scores.cosine, scores.same)
    impostors = int((~scores.same).sum())
    people = len(np.unique(scores.identity))
    draws = draw_people(people, resamples, np.random.default_rng(seed))
    low, high = interval(resampled_aucs(scores, draws))
    ranking = rank_gallery(scores)
    return {
        "identity_auc": auc(scores.cosine, scores.same),
        "identity_auc_low": low,
        "identity_auc_high": high,
        "identity_auc_euclidean": auc(scores.euclidean, scores.same),
        "eer": equal_error_rate(curve),
        **{f"tar_at_far_{_rate(far)}": tar_at_far(curve, far, impostors) for far in FARS},
        "rank1": ranking.rate(1),
        "rank5": ranking.rate(5),
    }


def _rounded(values: Metrics) -> Metrics:
    return {name: round(v, 4) if isinstance(v, float) else v for name, v in values.items()}


def _rate(rate: float) -> str:
    return f"{rate:.0e}".replace("e-0", "e-")


def small_faces(stored: np.ndarray, mean: list[float], std: list[float]) -> np.ndarray:
    """(N, C, S, S) crops, standardised and shrunk, as (N, C * 32 * 32): the cosine of these is
    the untrained floor."""
    standard = (stored - np.array(mean)[:, None, None]) / np.array(std)[:, None, None]
    small = [
        [cv2.resize(plane, (PIXELS, PIXELS), interpolation=cv2.INTER_AREA) for plane in face]
        for face in standard.astype(np.float32)
    ]
    return np.reshape(small, (len(stored), -1))


def project(train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Coordinates of ``test`` (N, D) on the whitened principal components of ``train``: the
    eigenfaces of Turk & Pentland, "Face recognition using eigenfaces", CVPR 1991."""
    count = min(COMPONENTS, len(train) - 1)
    return PCA(count, whiten=True, random_state=0).fit(train).transform(test)

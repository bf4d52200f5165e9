"""evaluate: what a model is worth on people it has never seen."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from stages.errors import UserError
from stages.evaluate.attributes import attribute_scores
from stages.evaluate.identification import rank_gallery, rank_rate
from stages.evaluate.pictures import draw_probes, draw_roc
from stages.evaluate.verification import (
    auc,
    auc_interval,
    equal_error_rate,
    roc,
    score_pairs,
    tar_at_far,
)
from stages.files import replacing
from stages.pairs import cosine_auc
from stages.params import EvaluateParams
from stages.session import read_table
from stages.tasks import class_indices
from stages.train.data import Faces
from stages.train.model import default_device, embed, load_model

FARS = (1e-1, 1e-2, 1e-3)
PIXELS = 32  # side to which crops are shrunk for the untrained baseline


def evaluate(
    params: EvaluateParams, seed: int, faces_folder: Path, splits: Path, models: Path, out: Path
) -> dict[str, float | int | None]:
    """Write ``metrics.json``, ``roc.csv``, ``roc.png`` and ``probes.png`` to ``out``.

    Verification runs over all pairs of test captures, identification from one gallery capture a
    person. A value is null where the test set cannot tell.

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
    rows = test["row"].astype(int).to_numpy()
    identities = test["identity"].to_numpy(dtype=str)
    embedded = embed(network, card, faces, rows)

    pairs = score_pairs(embedded.identity, identities)
    curve = roc(pairs.cosine, pairs.same)
    impostors = int((~pairs.same).sum())
    low, high = auc_interval(pairs, identities, params.resamples, np.random.default_rng(seed))
    split_at = len(gallery)
    order = rank_gallery(embedded.identity[split_at:], embedded.identity[:split_at])
    names = identities[split_at:], identities[:split_at]
    metrics: dict[str, float | int | None] = {
        "identity_auc": auc(pairs.cosine, pairs.same),
        "identity_auc_low": low,
        "identity_auc_high": high,
        "identity_auc_euclidean": auc(pairs.euclidean, pairs.same),
        "eer": equal_error_rate(curve),
        **{f"tar_at_far_{far:.0e}".replace("e-0", "e-"): tar_at_far(curve, far, impostors)
           for far in FARS},
        "rank1": rank_rate(order, *names, rank=1),
        "rank5": rank_rate(order, *names, rank=5),
    }  # fmt: skip
    labels = class_indices(test, card.tasks)
    for task, probabilities in embedded.attributes.items():
        for name, value in attribute_scores(probabilities, labels[task].to_numpy()).items():
            metrics[f"{task}_{name}"] = value
    stored = faces.read(rows)
    metrics["pixel_auc"] = pixel_auc(stored, card.scale.mean, card.scale.std, identities)
    metrics |= {"test_people": len(gallery), "test_captures": len(test), "epoch": card.epoch}
    metrics = {k: round(v, 4) if isinstance(v, float) else v for k, v in metrics.items()}

    with replacing(out / "roc.csv") as path:
        pd.DataFrame({"far": curve.far, "tar": curve.tar, "threshold": curve.threshold}).round(
            6
        ).to_csv(path, index=False)
    title = f"{card.modality}: AUC {metrics['identity_auc']} [{metrics['identity_auc_low']}, "
    with replacing(out / "roc.png") as path:
        draw_roc(curve, f"{title}{metrics['identity_auc_high']}]", path)
    first_map = stored[:, : faces.arrays[0].shape[1]]
    with replacing(out / "probes.png") as path:
        draw_probes(
            first_map[split_at:], first_map[:split_at], order, *names, params.pictured_probes, path
        )
    with replacing(out / "metrics.json") as path:
        path.write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
    return metrics


def pixel_auc(
    stored: np.ndarray, mean: list[float], std: list[float], identities: np.ndarray
) -> float:
    """The untrained floor: the cosine AUC of small standardised crops, (N, C, S, S)."""
    standard = (stored - np.array(mean)[:, None, None]) / np.array(std)[:, None, None]
    small = [
        [cv2.resize(plane, (PIXELS, PIXELS), interpolation=cv2.INTER_AREA) for plane in face]
        for face in standard.astype(np.float32)
    ]
    return cosine_auc(np.reshape(small, (len(stored), -1)), identities)

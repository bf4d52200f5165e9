"""Fine-tune a model on a draw of people, once: what is done is kept."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import ValidationError

from psface.captures.limits import SelectedLimits
from psface.commands.transfer.people_draws import PeopleDraw
from psface.commands.transfer.transfer_params import TransferParams
from psface.config import PARAMS
from psface.errors import UserError
from psface.faces.arrays import Faces
from psface.files import digest_of, replacing
from psface.fingerprint import code_digest
from psface.model.card import Card
from psface.recognise.recogniser import Recogniser
from psface.tasks import UNKNOWN, class_indices, unknown_labels
from psface.training.launch import over_ranks
from psface.training.loop import run_fingerprint, train
from psface.training.train_params import Recipe, TrainParams
from psface.user_tables import safe

DONE = "embeddings.npz"


def fine_tuning_recipe(
    card: Card, weights: Path, table: pd.DataFrame, train: TrainParams, params: TransferParams
) -> Recipe:
    """How to go on with a model's training: its own network, maps and attributes.

    Attributes of which ``table`` has fewer than two classes, or labels that are in none of the
    model's, cannot be learned, and are left out.

    Raises
    ------
    UserError
        If the model has no weights to start from, or the parameters do not fit together.
    """
    if not weights.is_file():
        raise UserError(f"{weights}: missing, and fine-tuning starts from it; leave --people out")
    changes = {
        "init_from": str(weights),
        "detail": card.scale.detail,
        "tasks": [task for task, classes in card.tasks.items() if _is_known(table, task, classes)],
        **{name: getattr(card, name) for name in ("backbone", "embedding", "attention", "dropout")},
        **params.model_dump(exclude={"draws", "validation"}),
    }
    try:
        return Recipe(
            modality=card.modality,
            fusion=card.fusion,  # type: ignore[arg-type]
            attributes=card.tasks,
            ingest=SelectedLimits(**card.limits.model_dump()),
            stereo=card.stereo,
            crop=card.crop,
            train=TrainParams(**{**train.model_dump(), **changes, "heads": train.heads}),
        )
    except ValidationError as error:
        raise UserError(f"{PARAMS}: {error.errors()[0]['msg']}") from None


def _is_known(table: pd.DataFrame, task: str, classes: dict[str, list[str]]) -> bool:
    """Whether there are captures of two classes, and no label that the model has no class for."""
    if unknown_labels(table, {task: classes}).any():
        return False
    indices = class_indices(table, {task: classes})[task]
    return bool(indices[indices != UNKNOWN].nunique() > 1)


def fine_tuned(
    recipe: Recipe, draw: PeopleDraw, table: pd.DataFrame, faces: Path, work: Path
) -> np.ndarray:
    """Fine-tune on a draw's people and return the embeddings of all others' captures (N, D).

    The epoch is chosen by the draw's validation people alone. The embeddings are kept in ``work``,
    with the draw's tables and the training's history, and used again as long as parameters, crops,
    people, starting weights and code are the same; the model is not kept. A run that was killed
    while training goes on from its checkpoint.
    """
    rows = table.assign(row=range(len(table)))
    splits = {"train": draw.train, "val": draw.val}
    for name, people in splits.items():
        with replacing(work / f"{name}.csv") as path:
            safe(rows[rows["identity"].isin(people)]).to_csv(path, index=False)
    mark = digest_of(
        run_fingerprint(recipe, faces, work), code_digest("psface.recognise.recogniser")
    )
    done = _read(work / DONE, mark)
    if done is not None:
        return done
    model = work / "model"
    over_ranks(recipe.train.processes, _train, recipe, faces, work, model, work / "training")
    recogniser = Recogniser(model)
    crops = Faces(faces, recogniser.card.maps).batches(np.flatnonzero(draw.tested))
    embeddings = recogniser.embed_stored(crop for batch in crops for crop in batch).identity
    with replacing(work / DONE) as path:
        np.savez(path, embeddings=embeddings, mark=np.array(mark))
    shutil.rmtree(model, ignore_errors=True)
    return embeddings


def _train(recipe: Recipe, faces: Path, splits: Path, model: Path, history: Path) -> None:
    train(recipe, faces, splits, model, history)


def _read(path: Path, mark: str) -> np.ndarray | None:
    """The embeddings of a run before; None if there are none of this mark, or not intact."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return np.array(file["embeddings"]) if str(file["mark"]) == mark else None
    except Exception:  # a damaged file can make its reader raise anything
        return None

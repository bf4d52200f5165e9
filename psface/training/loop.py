"""Train the multi-task recogniser on one modality or a fusion."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from dvclive import Live
from torch import Tensor
from tqdm import tqdm

from psface.disk import check_room
from psface.errors import UserError
from psface.faces.modalities import maps_of
from psface.fingerprint import code_digest
from psface.measures.pairs import cosine_auc
from psface.model.card import Card, save_model
from psface.model.device import autocast, in_reach, on_device, repeatable
from psface.model.embedding import embed
from psface.model.network.backbones import BACKBONES
from psface.registry import module_of
from psface.threads import one_thread_each
from psface.training import ranks
from psface.training.augmentation import any_frame, moved, patched
from psface.training.batches import grouped_batches, shuffled_batches, steps_in
from psface.training.disturbance import disturb
from psface.training.draws import Draws
from psface.training.erasure import directions_to_erase, enough_people
from psface.training.finetune import freeze_parts
from psface.training.heads.heads import HEADS
from psface.training.initialise import starting_weights
from psface.training.objective import reversal_strength
from psface.training.train_params import Recipe, TrainParams
from psface.training.training_data import TrainingData, measure_scale, read_data, together
from psface.training.training_state import TrainingState
from psface.training.whole_batch import Rows, of_all_ranks

CHECKPOINT_SECONDS = 60.0
QUANTILES = {"magnitude/p05": 0.05, "magnitude/p50": 0.5, "magnitude/p95": 0.95}


def train(
    recipe: Recipe,
    faces_folder: Path,
    splits: Path,
    models: Path,
    history: Path,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> Card:
    """Train on the train split and write an epoch to ``models``: the last that none is better than
    on val.

    A checkpoint is kept beside the model while training runs; a killed run resumes from it.

    Parameters
    ----------
    faces_folder : Path
        The packed crops.
    splits : Path
        ``train.csv`` and ``val.csv``.
    history : Path
        Receives every epoch's losses and validation AUC.

    Returns
    -------
    Card
        With the epoch kept and its validation AUC.

    Raises
    ------
    UserError
        If an input is missing or the loss diverges.
    """
    params = recipe.train
    torch.manual_seed(params.seed)
    data = read_data(recipe, faces_folder, splits)
    steps_per_epoch = steps_in(len(data.part.rows), params.batch_size)
    steps = params.epochs * steps_per_epoch
    card = ranks.from_first(lambda: new_card(recipe, data))
    state = TrainingState(params, card, data, steps)
    checkpoint = models / "checkpoint.pt"
    fingerprint = run_fingerprint(recipe, faces_folder, splits)
    if ranks.from_first(lambda: fingerprint) != fingerprint:
        raise UserError("train: crops, split, parameters or code differ between the machines")
    state.load(checkpoint, fingerprint)

    saved = time.monotonic()
    with (
        one_thread_each(),
        repeatable(state.device),
        _history(history, models, state) as live,
        tqdm(total=steps, desc="train", unit="step", mininterval=1, disable=live is None) as bar,
    ):
        for entry in state.log:
            _log(live, entry)
        bar.update(len(state.log) * steps_per_epoch)
        for epoch in range(len(state.log) + 1, params.epochs + 1):
            losses = train_epoch(state, params, data, (epoch - 1) * steps_per_epoch, steps, bar)
            if not math.isfinite(losses["loss/total"]):
                raise UserError(
                    f"train: the loss is {losses['loss/total']} in epoch {epoch}; lower "
                    "train.learning_rate (params.yaml)"
                )
            auc = validation_auc(state, data)
            rate = float(max(state.schedule.get_last_lr()))
            state.log.append({"val/identity_auc": auc, **losses, "learning_rate": rate})
            state.keep_best(auc)
            _log(live, state.log[-1])
            bar.set_postfix(epoch=epoch, loss=f"{losses['loss/total']:.2f}", val_auc=f"{auc:.4f}")
            due = time.monotonic() - saved >= checkpoint_seconds and epoch < params.epochs
            if ranks.from_first(lambda due=due: due):  # type: ignore[misc]
                state.save(checkpoint, fingerprint)
                saved = time.monotonic()

    card = finish(state, params, data, models)
    if not ranks.number():
        checkpoint.unlink(missing_ok=True)
    return card


@contextmanager
def _history(history: Path, models: Path, state: TrainingState) -> Iterator[Live | None]:
    """Look for room on the disk and open the history, which the first rank alone writes."""
    if ranks.number():
        yield None
        return
    # A checkpoint is five times the weights (average, best, two moments of the optimiser), and a
    # new one is written beside the old; the model's weights come on top. Class centres have the two
    # moments.
    centres = sum(centre.nbytes for centre in state.objective.centres().values())
    check_room(models, 12 * state.nbytes + 6 * centres * ranks.count())
    check_room(history, 2**20)
    with Live(str(history), save_dvc_exp=False, dvcyaml=None, report=None) as live:
        yield live


def run_fingerprint(recipe: Recipe, faces: Path, splits: Path) -> str:
    """Hash of what a training run depends on: parameters, data and code.

    Never resume another run's checkpoint: it would train nothing and look finished.
    """
    # Any number of processes may go on with it.
    left_out: dict[str, Any] = {"ingest": True, "train": {"processes"}}
    params = recipe.model_dump_json(exclude=left_out, include=set(Recipe.model_fields))
    digest = hashlib.sha256(params.encode() + recipe.ingest.limits.model_dump_json().encode())
    start = [starting_weights(recipe.train.init_from)] if recipe.train.init_from else []
    for path in (faces / "faces.parquet", splits / "train.csv", splits / "val.csv", *start):
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    chosen = HEADS[recipe.train.head], BACKBONES[recipe.train.backbone]
    code = code_digest("psface.training.loop", *map(module_of, chosen))
    digest.update(code.encode())
    return digest.hexdigest()


def new_card(recipe: Recipe, data: TrainingData) -> Card:
    """The card of a network before training."""
    params = recipe.train
    return Card(
        modality=recipe.modality,
        fusion=recipe.fusion,
        maps=list(maps_of(recipe.modality)),
        channels=data.faces.channels,
        side=data.faces.side,
        limits=recipe.ingest.limits,
        stereo=recipe.stereo,
        crop=recipe.crop,
        scale=measure_scale(data.faces, data.part.rows, params.detail),
        tasks=data.tasks,
        backbone=params.backbone,
        attention=params.attention,
        embedding=params.embedding,
        dropout=params.dropout,
    )


def train_epoch(
    state: TrainingState,
    params: TrainParams,
    data: TrainingData,
    first_step: int,
    steps: int,
    bar: tqdm,
) -> dict[str, float]:
    """Train for one epoch; return mean losses and the quantiles of the magnitudes."""
    network, objective, shards = state.network, state.objective, state.shards
    network.train()
    freeze_parts(network, params.frozen_parts)
    identities = on_device(data.identities, state.device)
    labels = {task: on_device(every, state.device) for task, every in data.part.labels.items()}
    sums: dict[str, Tensor] = {}
    magnitudes: list[Tensor] = []
    batches = _batches(params, data, state.generator)
    parts = [part for batch in batches for part in batch.tensor_split(params.accumulate)]
    own = (part[Rows(shards.rows(len(part))).own] for part in parts)
    read = (data.frames or data.faces).read_ahead(
        (data.part.rows[rows.numpy()] for rows in own), lambda crops: in_reach(crops, state.device)
    )
    for number, (chosen, stored) in enumerate(zip(parts, read, strict=True)):
        step, part = divmod(number, params.accumulate)
        state.rows.sizes = shards.rows(len(chosen))
        draws = Draws(state.generator, state.rows.own, len(chosen), state.device)
        values = on_device(stored, state.device)
        if data.frames is not None:
            values = any_frame(values, draws)
        if params.disturbance:
            channels, strength = data.faces.channels, params.disturbance
            values = disturb(values, state.card.maps, channels, draws, strength)
        values = moved(values, data.faces.x_channels, draws)
        batch = patched(state.card.scale.applied(values, state.device), draws)
        separated = shards.forward(batch, len(chosen))
        with autocast(state.device):
            reversal = reversal_strength(params.reversal_weight, (first_step + step) / steps)
            out = network.combine(separated, reversal)
        out = of_all_ranks(out, state.rows.sizes)
        there = on_device(chosen, state.device)
        losses = objective(out, identities[there], {t: every[there] for t, every in labels.items()})
        share = len(chosen) / len(batches[step])
        (share * losses["total"]).backward()
        shards.backward()
        if part == params.accumulate - 1:
            state.step()
            bar.update()
        magnitudes.append(out.identity.detach().float().norm(dim=1))
        for name, value in losses.items():
            sums[name] = sums.get(name, 0.0) + share * value.detach().double() / len(batches)
    spread = torch.cat(magnitudes).cpu().quantile(torch.tensor([*QUANTILES.values()]))
    return {
        **{f"loss/{name}": value.item() for name, value in sums.items()},
        **{name: value.item() for name, value in zip(QUANTILES, spread, strict=True)},
    }


def _batches(params: TrainParams, data: TrainingData, generator: torch.Generator) -> list[Tensor]:
    if params.head == "triplet":
        group = params.heads.triplet.sessions_per_person
        return grouped_batches(data.identities, params.batch_size, group, generator)
    return shuffled_batches(len(data.part.rows), params.batch_size, generator)


def validation_auc(state: TrainingState, data: TrainingData) -> float:
    """Identity AUC of the averaged network on the validation people."""
    identity = _embeddings(state, data, data.val.rows)
    return ranks.from_first(lambda: cosine_auc(identity, data.val.identities))


def _embeddings(
    state: TrainingState, data: TrainingData, rows: np.ndarray, mirrored: bool = False
) -> np.ndarray:
    """Embeddings (N, D) by the averaged network, which the ranks compute and the first one gets."""
    crops = data.faces.batches(rows[ranks.share(len(rows))])
    embedded = embed(state.average.network, state.card, crops, mirrored)
    return ranks.joined(torch.from_numpy(embedded.identity)).numpy()


def finish(state: TrainingState, params: TrainParams, data: TrainingData, models: Path) -> Card:
    """Write the kept epoch's network, with attributes erased if ``params.erase``."""
    network = state.average.network
    network.load_state_dict(state.best)
    if params.erase:
        known = together(data.part, data.val)
        chosen = enough_people(known.identities)
        # With mirror images, as they are used: on plain ones, other directions would be found.
        identity = _embeddings(state, data, known.rows[chosen], mirrored=True)
    if ranks.number():
        return state.card
    if params.erase:
        labels = {task: classes.numpy()[chosen] for task, classes in known.labels.items()}
        people, part = known.identities[chosen], (chosen >= len(data.part.rows)).astype(int)
        erased = directions_to_erase(identity, people, part, labels, len(network.branches))
        network.erased = torch.from_numpy(erased).to(network.erased)
    return save_model(models, network, state.card)


def _log(live: Live | None, values: dict[str, float]) -> None:
    if live is None:
        return
    for name, value in values.items():
        live.log_metric(name, value)
    live.next_step()

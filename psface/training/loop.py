"""Train the multi-task recogniser on one modality or a fusion."""

from __future__ import annotations

import hashlib
import math
import time
from pathlib import Path

import torch
from dvclive import Live
from torch import Tensor
from torch.nn.utils import clip_grad_norm_
from tqdm import tqdm

from psface.disk import check_room
from psface.errors import UserError
from psface.faces.modalities import maps_of
from psface.fingerprint import code_digest
from psface.measures.pairs import cosine_auc
from psface.model.card import Card, save_model
from psface.model.device import autocast
from psface.model.embedding import embed
from psface.model.network.backbones import BACKBONES
from psface.registry import module_of
from psface.threads import one_thread_each
from psface.training.augmentation import augment
from psface.training.batches import grouped_batches, shuffled_batches, steps_in
from psface.training.erasure import class_directions
from psface.training.finetune import freeze_parts
from psface.training.heads.heads import HEADS
from psface.training.objective import reversal_strength
from psface.training.shards import Shards
from psface.training.train_params import Recipe, TrainParams
from psface.training.training_data import TrainingData, measure_scale, read_data
from psface.training.training_state import TrainingState

GRADIENT_NORM = 5.0
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
    """Train on the train split and write the epoch that is best on val to ``models``.

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
    state = TrainingState(params, new_card(recipe, data), data, steps)
    checkpoint = models / "checkpoint.pt"
    fingerprint = run_fingerprint(recipe, faces_folder, splits)
    state.load(checkpoint, fingerprint)

    # A checkpoint is five times the weights (average, best, two moments of the optimiser), and a
    # new one is written beside the old; the model's weights come on top.
    check_room(models, 12 * state.nbytes)
    check_room(history, 2**20)
    saved = time.monotonic()
    with (
        one_thread_each(),
        Live(str(history), save_dvc_exp=False, dvcyaml=None, report=None) as live,
        tqdm(total=steps, desc="train", unit="step", mininterval=1) as bar,
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
            if time.monotonic() - saved >= checkpoint_seconds and epoch < params.epochs:
                state.save(checkpoint, fingerprint)
                saved = time.monotonic()

    card = finish(state, params, data, models)
    checkpoint.unlink(missing_ok=True)
    return card


def run_fingerprint(recipe: Recipe, faces: Path, splits: Path) -> str:
    """Hash of what a training run depends on: parameters, data and code.

    Never resume another run's checkpoint: it would train nothing and look finished.
    """
    params = recipe.model_dump_json(exclude={"ingest"}, include=set(Recipe.model_fields))
    digest = hashlib.sha256(params.encode() + recipe.ingest.limits.model_dump_json().encode())
    start = [Path(recipe.train.init_from)] if recipe.train.init_from else []
    for path in (faces / "faces.parquet", splits / "train.csv", splits / "val.csv", *start):
        digest.update(path.read_bytes())
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
        scale=measure_scale(data.faces, data.part.rows),
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
    network, objective = state.network, state.objective
    network.train()
    freeze_parts(network, params.frozen_parts)
    shards = Shards(network)
    sums: dict[str, Tensor] = {}
    magnitudes: list[Tensor] = []
    batches = _batches(params, data, state.generator)
    for step, chosen in enumerate(batches, start=first_step):
        stored = data.faces.read(data.part.rows[chosen.numpy()])
        batch = state.card.scale.applied(stored, state.device)
        batch = augment(batch, data.faces.x_channels, state.generator)
        separated = shards.forward(batch)
        with autocast(state.device):
            reversal = reversal_strength(params.reversal_weight, step / steps)
            out = network.combine(separated, reversal)
        labels = {task: every[chosen].to(state.device) for task, every in data.part.labels.items()}
        losses = objective(out, data.identities[chosen].to(state.device), labels)
        state.optimizer.zero_grad(set_to_none=True)
        losses["total"].backward()
        shards.backward()
        clip_grad_norm_([*network.parameters(), *objective.parameters()], GRADIENT_NORM)
        state.optimizer.step()
        state.average.update_parameters(network)
        state.schedule.step()
        magnitudes.append(out.identity.detach().float().norm(dim=1))
        for name, value in losses.items():
            sums[name] = sums.get(name, 0.0) + value.detach().double() / len(batches)
        bar.update()
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
    crops = data.faces.batches(data.val.rows)
    embedded = embed(state.averaged, state.card, crops, mirrored=False)
    return cosine_auc(embedded.identity, data.val.identities)


def finish(state: TrainingState, params: TrainParams, data: TrainingData, models: Path) -> Card:
    """Write the best epoch's network, with attributes erased if ``params.erase``."""
    network = state.averaged
    network.load_state_dict(state.best)
    if params.erase:
        labels = {task: classes.numpy() for task, classes in data.part.labels.items()}
        crops = data.faces.batches(data.part.rows)
        embedded = embed(network, state.card, crops, mirrored=False)
        erased = class_directions(embedded.identity, labels)
        network.erased[:, : erased.shape[1]] = torch.from_numpy(erased).to(network.erased)
    return save_model(models, network, state.card)


def _log(live: Live, values: dict[str, float]) -> None:
    for name, value in values.items():
        live.log_metric(name, value)
    live.next_step()

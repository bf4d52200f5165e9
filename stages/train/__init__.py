"""train: the multi-task recogniser on one modality or a fusion."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import cast

import numpy as np
import torch
from dvclive import Live
from torch import Tensor
from torch.nn.utils import clip_grad_norm_
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from stages.errors import UserError
from stages.files import check_room
from stages.pairs import cosine_auc
from stages.params import CaptureLimits, Params, maps_of
from stages.session import read_table
from stages.threads import one_thread_each
from stages.train.augmentation import augment
from stages.train.batches import grouped_batches, shuffled_batches, steps_in
from stages.train.checkpoint import load_checkpoint, run_fingerprint, save_checkpoint
from stages.train.data import Faces, measure_scale, read_part, usable_tasks
from stages.train.erasure import class_directions
from stages.train.finetune import freeze_parts, parameter_groups
from stages.train.initialise import initialise
from stages.train.losses import class_weights
from stages.train.model import Card, autocast, default_device, embed, save_model
from stages.train.network import Network
from stages.train.objective import Objective, reversal_strength, stage_tasks
from stages.train.shards import Shards

WARMUP = 0.1  # of all steps
GRADIENT_NORM = 5.0
DECAY = 0.97  # of the average of the weights, per step
CHECKPOINT_SECONDS = 60.0
MAGNITUDES = ("magnitude/p05", "magnitude/p50", "magnitude/p95")


def train(
    params: Params,
    faces_folder: Path,
    splits: Path,
    models: Path,
    history: Path,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> Card:
    """Train on the train split, keep the epoch that is best on val, write it to ``models``.

    A checkpoint is kept beside the model while training runs; a killed run goes on from it.

    Returns
    -------
    Card
        With the epoch kept and its validation AUC.

    Raises
    ------
    UserError
        If an input is missing or the loss diverges.
    """
    p = params.train
    device = default_device()
    torch.manual_seed(p.seed)
    generator = torch.Generator().manual_seed(p.seed)

    table, val_table = (read_table(splits / f"{n}.csv", "split") for n in ("train", "val"))
    tasks = usable_tasks(table, params.tasks())
    maps = maps_of(params.modality)
    faces = Faces(faces_folder, maps)
    part, val = (read_part(some, tasks, len(faces)) for some in (table, val_table))
    people, identity = np.unique(part.identities, return_inverse=True)
    identities = torch.from_numpy(identity)

    scale = measure_scale(faces, part.rows)
    card = Card(
        modality=params.modality,
        fusion=params.fusion,
        maps=list(maps),
        channels=faces.channels,
        side=faces.side,
        limits=CaptureLimits(**params.ingest.model_dump(include=set(CaptureLimits.model_fields))),
        stereo=params.stereo,
        crop=params.crop,
        scale=scale,
        tasks=tasks,
        backbone=p.backbone,
        attention=p.attention,
        embedding=p.embedding,
        dropout=p.dropout,
    )
    network = card.build()
    if p.init_from:
        print(f"train: from {p.init_from}: {initialise(network, Path(p.init_from))}")
        network.erased.zero_()  # what is taken out is found anew
    freeze_parts(network, p.frozen_parts)
    network.to(device)
    # What is validated and kept is the running average of the weights: a small training set makes
    # single epochs jump.
    average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(DECAY), use_buffers=True)
    kept = cast(Network, average.module)
    objective = Objective(
        p,
        len(network.branches),
        class_weights(identities, len(people)),
        {task: class_weights(part.labels[task], len(classes)) for task, classes in tasks.items()},
    ).to(device)

    steps_per_epoch = steps_in(len(part.rows), p.batch_size)
    steps = p.epochs * steps_per_epoch
    optimizer = torch.optim.AdamW(parameter_groups(network, objective, p), fused=True)
    # Ten steps of which the first is all of the warm-up would divide by zero.
    warmup = 2 / steps if steps > 2 and round(WARMUP * steps, 6) <= 1 else WARMUP
    rates = [group["lr"] for group in optimizer.param_groups]
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rates, steps, pct_start=warmup)

    checkpoint = models / "checkpoint.pt"
    fingerprint = run_fingerprint(params, faces_folder, splits)
    log: list[dict[str, float]] = []
    best: dict[str, Tensor] = {}
    state = load_checkpoint(checkpoint, fingerprint)
    if state is not None:
        network.load_state_dict(state["network"])
        average.load_state_dict(state["average"])
        objective.load_state_dict(state["objective"])
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        generator.set_state(state["generator"])
        torch.set_rng_state(state["rng"])
        log, best = state["log"], state["best"]
        card = card.model_copy(update=state["card"])
        print(f"train: goes on from epoch {len(log)} of {checkpoint}")

    # A checkpoint holds five times the weights (average, best, two moments of the optimiser), and a
    # new one is written beside the old; then there are the weights themselves.
    check_room(models, 12 * sum(v.nbytes for v in network.state_dict().values()))
    check_room(history, 2**20)
    saved = time.monotonic()
    with (
        one_thread_each(),
        Live(str(history), save_dvc_exp=False, dvcyaml=None, report=None) as live,
        tqdm(total=steps, desc="train", unit="step", mininterval=1) as bar,
    ):
        for done in log:
            _log(live, done)
        bar.update(len(log) * steps_per_epoch)
        for epoch in range(len(log) + 1, p.epochs + 1):
            network.train()
            freeze_parts(network, p.frozen_parts)
            active = stage_tasks(list(tasks), epoch, p.epochs) if p.staged else [*tasks, "identity"]
            network.freeze(active[:-1] if p.staged else [])
            shards = Shards(network)
            sums: dict[str, float] = {}
            magnitudes: list[Tensor] = []
            batches = (
                grouped_batches(
                    identities, p.batch_size, p.heads.triplet.sessions_per_person, generator
                )
                if p.head == "triplet"
                else shuffled_batches(len(part.rows), p.batch_size, generator)
            )
            for step, chosen in enumerate(batches, start=(epoch - 1) * steps_per_epoch):
                batch = scale.applied(faces.read(part.rows[chosen.numpy()]), device)
                batch = augment(batch, faces.x_channels, generator)
                parts = shards.forward(batch)
                with autocast(device):
                    out = network.combine(parts, reversal_strength(p.reversal_weight, step / steps))
                labels = {task: known[chosen].to(device) for task, known in part.labels.items()}
                losses = objective(out, identities[chosen].to(device), labels, active)
                optimizer.zero_grad(set_to_none=True)
                losses["total"].backward()
                shards.backward()
                clip_grad_norm_([*network.parameters(), *objective.parameters()], GRADIENT_NORM)
                optimizer.step()
                average.update_parameters(network)
                schedule.step()
                magnitudes.append(out.identity.detach().float().norm(dim=1))
                for name, value in losses.items():
                    sums[name] = sums.get(name, 0.0) + value.item() / len(batches)
                bar.update()

            if not math.isfinite(sums["total"]):
                raise UserError(
                    f"train: the loss is {sums['total']} in epoch {epoch}; lower "
                    "train.learning_rate (params.yaml)"
                )
            auc = cosine_auc(
                embed(kept, card, faces.batches(val.rows), mirrored=False).identity, val.identities
            )
            spread = torch.cat(magnitudes).cpu().quantile(torch.tensor([0.05, 0.5, 0.95]))
            log.append(
                {
                    "val/identity_auc": auc,
                    **{f"loss/{name}": value for name, value in sums.items()},
                    **{n: v.item() for n, v in zip(MAGNITUDES, spread, strict=True)},
                    "learning_rate": float(max(schedule.get_last_lr())),
                }
            )
            _log(live, log[-1])
            bar.set_postfix(epoch=epoch, loss=f"{sums['total']:.2f}", val_auc=f"{auc:.4f}")
            if auc >= card.val_auc and "identity" in active:
                card = card.model_copy(update={"epoch": epoch, "val_auc": round(auc, 6)})
                best = {k: v.detach().cpu().clone() for k, v in kept.state_dict().items()}
            if time.monotonic() - saved >= checkpoint_seconds and epoch < p.epochs:
                save_checkpoint(
                    checkpoint,
                    fingerprint,
                    {
                        "network": network.state_dict(),
                        "average": average.state_dict(),
                        "objective": objective.state_dict(),
                        "optimizer": optimizer.state_dict(),
                        "schedule": schedule.state_dict(),
                        "generator": generator.get_state(),
                        "rng": torch.get_rng_state(),
                        "log": log,
                        "best": best,
                        "card": card.model_dump(include={"epoch", "val_auc"}),
                    },
                )
                saved = time.monotonic()

    kept.load_state_dict(best)
    if p.erase:
        known = {task: labels.numpy() for task, labels in part.labels.items()}
        found = class_directions(
            embed(kept, card, faces.batches(part.rows), mirrored=False).identity, known
        )
        kept.erased[:, : found.shape[1]] = torch.from_numpy(found).to(kept.erased)
    card = save_model(models, kept, card)
    checkpoint.unlink(missing_ok=True)
    return card


def _log(live: Live, values: dict[str, float]) -> None:
    for name, value in values.items():
        live.log_metric(name, value)
    live.next_step()

"""train: the multi-task MagFace network on one modality or a fusion."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
import torch
from dvclive import Live
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from stages.errors import UserError
from stages.pairs import cosine_auc
from stages.params import Params, TrainParams, maps_of
from stages.session import read_table
from stages.tasks import UNKNOWN, Tasks, class_indices
from stages.train.augmentation import augment
from stages.train.checkpoint import load_checkpoint, run_fingerprint, save_checkpoint
from stages.train.data import Faces, measure_scale, normal_x_channels
from stages.train.heads.magface import MagFace
from stages.train.losses import class_weights, focal_loss
from stages.train.model import Card, autocast, default_device, embed, save_model
from stages.train.network import Network

WARMUP = 0.1  # of all steps
GRADIENT_NORM = 5.0
DECAY = 0.97  # of the average of the weights, per step
CHECKPOINT_SECONDS = 60.0
MAGNITUDES = ("magnitude/p05", "magnitude/p50", "magnitude/p95")


@dataclass(frozen=True)
class Part:
    """Rows of the packed faces with their labels.

    Attributes
    ----------
    rows : (N,) int
    identities : (N,) str
    labels : dict of str to (N,) int64 tensor
        Class indices per task, `UNKNOWN` where not given.
    """

    rows: np.ndarray
    identities: np.ndarray
    labels: dict[str, Tensor]


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
    torch.manual_seed(params.seed)
    generator = torch.Generator().manual_seed(params.seed)

    table, val_table = (read_table(splits / f"{n}.csv", "split") for n in ("train", "val"))
    tasks = usable_tasks(table, p.tasks)
    part, val = read_part(table, tasks), read_part(val_table, tasks)
    people, identity = np.unique(part.identities, return_inverse=True)
    identities = torch.from_numpy(identity)

    maps = maps_of(params.modality)
    faces = Faces(faces_folder, maps)
    scale = measure_scale(faces, maps, part.rows)
    card = Card(
        modality=params.modality,
        fusion=params.fusion,
        maps=list(maps),
        side=faces.side,
        scale=scale,
        tasks=tasks,
        embedding=p.embedding,
        dropout=p.dropout,
    )
    network = card.build().to(device)
    # What is validated and kept is the running average of the weights: a small training set makes
    # single epochs jump.
    average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(DECAY), use_buffers=True)
    kept = cast(Network, average.module)
    # Several branches are also supervised one by one: left to the fused loss alone, the branch that
    # learns quickest leaves the others little to learn from.
    branches = len(network.branches)
    widths = [p.embedding * branches, *([p.embedding] * branches if branches > 1 else [])]
    person_weights = class_weights(identities, len(people))
    heads = nn.ModuleList(MagFace(width, person_weights, p.magface) for width in widths).to(device)
    weights = {
        task: class_weights(part.labels[task], len(classes)).to(device)
        for task, classes in tasks.items()
    }

    steps_per_epoch = math.ceil(len(part.rows) / p.batch_size)
    optimizer = _optimizer(network, heads, p)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, p.learning_rate, p.epochs * steps_per_epoch, pct_start=WARMUP
    )

    checkpoint = models / "checkpoint.pt"
    fingerprint = run_fingerprint(params, faces_folder, splits)
    log: list[dict[str, float]] = []
    best: dict[str, Tensor] = {}
    state = load_checkpoint(checkpoint, fingerprint)
    if state is not None:
        network.load_state_dict(state["network"])
        average.load_state_dict(state["average"])
        heads.load_state_dict(state["heads"])
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        generator.set_state(state["generator"])
        torch.set_rng_state(state["rng"])
        log, best = state["log"], state["best"]
        card = card.model_copy(update=state["card"])
        print(f"train: goes on from epoch {len(log)} of {checkpoint}")

    saved = time.monotonic()
    x_channels = normal_x_channels(maps)
    with (
        Live(str(history), save_dvc_exp=False, dvcyaml=None, report=None) as live,
        tqdm(total=p.epochs * steps_per_epoch, desc="train", unit="step", mininterval=1) as bar,
    ):
        for done in log:
            _log(live, done)
        bar.update(len(log) * steps_per_epoch)
        for epoch in range(len(log) + 1, p.epochs + 1):
            network.train()
            sums: dict[str, float] = {}
            magnitudes: list[Tensor] = []
            order = torch.randperm(len(part.rows), generator=generator)
            for chosen in order.tensor_split(steps_per_epoch):
                batch = faces.batch(part.rows[chosen.numpy()], scale, device)
                batch = augment(batch, x_channels, generator)
                with autocast(device):
                    out = network(batch, p.reversal_weight)
                who = identities[chosen].to(device)
                embeddings = [out.identity, *out.branches][: len(heads)]
                results = [h(e.float(), who) for h, e in zip(heads, embeddings, strict=True)]
                losses = {"identity": torch.stack([result[0] for result in results]).sum()}
                for task in tasks:
                    labels = part.labels[task][chosen].to(device)
                    for kind, logits in (("", out.attributes), ("_remainder", out.remainders)):
                        losses[task + kind] = focal_loss(
                            logits[task].float(), labels, weights[task], p.focal_gamma
                        )
                attributes = sum(loss for name, loss in losses.items() if name != "identity")
                loss = losses["identity"] + p.task_weight * attributes
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                clip_grad_norm_([*network.parameters(), *heads.parameters()], GRADIENT_NORM)
                optimizer.step()
                average.update_parameters(network)
                schedule.step()
                magnitudes.append(results[0][1].detach())
                for name, value in {"total": loss, **losses}.items():
                    sums[name] = sums.get(name, 0.0) + value.item() / steps_per_epoch
                bar.update()

            if not math.isfinite(sums["total"]):
                raise UserError(
                    f"train: the loss is {sums['total']} in epoch {epoch}; lower "
                    "train.learning_rate (params.yaml)"
                )
            auc = cosine_auc(embed(kept, card, faces, val.rows).identity, val.identities)
            spread = torch.cat(magnitudes).cpu().quantile(torch.tensor([0.05, 0.5, 0.95]))
            log.append(
                {
                    "val/identity_auc": auc,
                    **{f"loss/{name}": value for name, value in sums.items()},
                    **{n: v.item() for n, v in zip(MAGNITUDES, spread, strict=True)},
                    "learning_rate": float(schedule.get_last_lr()[0]),
                }
            )
            _log(live, log[-1])
            bar.set_postfix(epoch=epoch, loss=f"{sums['total']:.2f}", val_auc=f"{auc:.4f}")
            if auc >= card.val_auc:
                card = card.model_copy(update={"epoch": epoch, "val_auc": round(auc, 6)})
                best = {k: v.detach().cpu().clone() for k, v in kept.state_dict().items()}
            if time.monotonic() - saved >= checkpoint_seconds and epoch < p.epochs:
                save_checkpoint(
                    checkpoint,
                    fingerprint,
                    {
                        "network": network.state_dict(),
                        "average": average.state_dict(),
                        "heads": heads.state_dict(),
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
    save_model(models, kept, card)
    checkpoint.unlink(missing_ok=True)
    return card


def usable_tasks(table: pd.DataFrame, tasks: Tasks) -> Tasks:
    """The tasks with at least two classes in ``table``; the others cannot be learned."""
    indices = class_indices(table, tasks)
    usable = {}
    for task, classes in tasks.items():
        if indices.loc[indices[task] != UNKNOWN, task].nunique() >= 2:
            usable[task] = classes
        else:
            print(f"train: task {task} left out: fewer than two of its classes are in the data")
    return usable


def read_part(table: pd.DataFrame, tasks: Tasks) -> Part:
    """A split's table as arrays."""
    indices = class_indices(table, tasks)
    return Part(
        table["row"].astype(int).to_numpy(),
        table["identity"].astype(str).to_numpy(),
        {task: torch.from_numpy(indices[task].to_numpy(copy=True)) for task in tasks},
    )


def _optimizer(network: Network, heads: nn.Module, params: TrainParams) -> torch.optim.Optimizer:
    """AdamW; biases, PReLU slopes and normalisation are not decayed."""
    everything = [*network.parameters(), *heads.parameters()]
    groups = [
        {"params": [w for w in everything if w.ndim > 1], "weight_decay": params.weight_decay},
        {"params": [w for w in everything if w.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=params.learning_rate, fused=True)


def _log(live: Live, values: dict[str, float]) -> None:
    for name, value in values.items():
        live.log_metric(name, value)
    live.next_step()

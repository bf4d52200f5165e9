"""The mutable state of a training run, which saves and loads itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from psface.errors import UserError
from psface.model.card import Card
from psface.model.device import default_device
from psface.training import ranks
from psface.training.checkpoint import load_checkpoint, save_checkpoint
from psface.training.finetune import freeze_parts, parameter_groups
from psface.training.gradients import add_up_gradients, clip_gradients
from psface.training.initialise import initialise, starting_channels, starting_weights
from psface.training.losses import class_weights
from psface.training.objective import Objective
from psface.training.row_adamw import RowAdamW
from psface.training.running_average import RunningAverage
from psface.training.shards import Shards
from psface.training.train_params import TrainParams
from psface.training.training_data import TrainingData
from psface.training.whole_batch import Rows, over_whole_batches

GRADIENT_NORM = 5.0
WARMUP = 0.1  # of all steps
CHANCE = 0.001  # of the validation AUC: the standard error with a few dozen people is more
DECAY = 0.97  # of the weights' average, per step


class TrainingState:
    """A training run in progress: weights, optimiser, random state and results so far.

    Attributes
    ----------
    network : Network
    average : RunningAverage
        The running average of the weights, which is validated and kept: on a small training set,
        single epochs fluctuate.
    shards : Shards
        The network's forward and backward passes.
    objective : Objective
    optimizer, schedule
        AdamW, and one cycle of its learning rate.
    generator : torch.Generator
        For batches and augmentation.
    log : list of dict of str to float
        Results of each finished epoch.
    card : Card
        With the epoch that is kept so far.
    best : dict of str to Tensor
        Its weights.
    rows : Rows
        What ranks have of the current batch.
    """

    def __init__(self, params: TrainParams, card: Card, data: TrainingData, steps: int) -> None:
        self.card = card
        self.generator = torch.Generator().manual_seed(params.seed)
        self.network = card.build()
        if params.init_from:
            start = params.init_from
            channels = starting_channels(start, card)
            matched = initialise(self.network, starting_weights(start), channels)
            print(f"train: from {start}: {matched}")
        freeze_parts(self.network, params.frozen_parts)
        self.device = default_device()
        self.network.to(self.device)
        self.average = RunningAverage(self.network, DECAY)
        compiler = "inductor" if params.compile else ""
        graphs = not compiler and params.accumulate == 1 and params.head != "triplet"
        self.shards = Shards(self.network, compiler, graphs)
        weights = {
            task: class_weights(data.part.labels[task], len(classes))
            for task, classes in data.tasks.items()
        }
        people = class_weights(data.identities, data.people)
        self.objective = Objective(params, len(self.network.branches), people, weights)
        self.objective.to(self.device)
        groups = parameter_groups(self.network, self.objective, params)
        self.optimizer = RowAdamW(groups, fused=True)
        # With ten steps, a warm-up of the first alone would divide by zero.
        warmup = 2 / steps if steps > 2 and round(WARMUP * steps, 6) <= 1 else WARMUP
        rates = [group["lr"] for group in self.optimizer.param_groups]
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, rates, steps, pct_start=warmup
        )
        self.log: list[dict[str, float]] = []
        self.best: dict[str, Tensor] = {}
        self.rows = Rows()
        over_whole_batches(self.network, self.rows)

    @property
    def nbytes(self) -> int:
        """Bytes of the network's weights."""
        return sum(value.nbytes for value in self.network.state_dict().values())

    def step(self) -> None:
        """Take a step of the optimiser along the gradients, and begin anew with none."""
        add_up_gradients(self.network)
        clip_gradients(self.network, self.objective, GRADIENT_NORM)
        self.optimizer.step()
        self.average.update()
        self.schedule.step()
        self.optimizer.zero_grad(set_to_none=True)

    def keep_best(self, auc: float) -> None:
        """Keep the averaged weights if no epoch's validation AUC was better by more than `CHANCE`:
        of epochs that validation cannot tell apart, the last is at the lowest learning rate."""
        if auc >= max(entry["val/identity_auc"] for entry in self.log) - CHANCE:
            update = {"epoch": len(self.log), "val_auc": round(auc, 6)}
            self.card = self.card.model_copy(update=update)
            averaged = self.average.network.state_dict()
            self.best = {k: v.detach().cpu().clone() for k, v in averaged.items()}

    def save(self, path: Path, fingerprint: str) -> None:
        """Write a checkpoint, from which the same run can resume."""
        content = {
            name: getattr(self, name).state_dict()
            for name in ("network", "average", "objective", "optimizer", "schedule")
        }
        self._convert_centres(content, ranks.joined)
        content |= {
            "generator": self.generator.get_state(),
            "rng": torch.get_rng_state(),
            "gpu_rng": torch.cuda.get_rng_state() if self.device.type == "cuda" else None,
            "log": self.log,
            "best": self.best,
            "card": self.card.model_dump(include={"epoch", "val_auc"}),
        }
        if not ranks.number():
            save_checkpoint(path, fingerprint, content)

    def load(self, path: Path, fingerprint: str) -> None:
        """Resume from a checkpoint, if there is one of this run."""
        content = load_checkpoint(path, fingerprint)
        epochs = len(content["log"]) if content else 0
        if ranks.from_first(lambda: epochs) != epochs:
            raise UserError(
                f"{path}: differs between the machines; all processes must share the folder models"
            )
        if content is None:
            return
        self._convert_centres(content, lambda whole: whole[ranks.share(len(whole))])
        for name in ("network", "average", "objective", "optimizer", "schedule"):
            getattr(self, name).load_state_dict(content[name])
        self.generator.set_state(content["generator"])
        torch.set_rng_state(content["rng"])
        if content["gpu_rng"] is not None and self.device.type == "cuda":
            torch.cuda.set_rng_state(content["gpu_rng"])
        self.log = content["log"]
        self.best = {name: value.clone() for name, value in content["best"].items()}
        self.card = self.card.model_copy(update=content["card"])
        print(f"train: resuming from epoch {len(self.log)} of {path}")

    def _convert_centres(self, content: dict, convert: Callable[[Tensor], Tensor]) -> None:
        """Convert class centres and their moments in a checkpoint, which holds those of all ranks.

        A rank that has to join them needs the memory for all of them.
        """
        weights = [id(w) for group in self.optimizer.param_groups for w in group["params"]]
        moments = content["optimizer"]["state"]
        for name, centres in self.objective.centres().items():
            content["objective"][name] = convert(content["objective"][name])
            if (number := weights.index(id(centres))) in moments:
                moments[number] = {
                    key: convert(value) if value.ndim else value
                    for key, value in moments[number].items()
                }

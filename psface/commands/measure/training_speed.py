"""``psface measure training``: the time of a training step on this device, beside other code's.

Others take turns with ours in the same run, each as published: the original study's in full
precision, ArcFace's backbone under the same autocast as ours.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import click
import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from psface.commands.measure.training_rivals import arcface_steps, study_steps
from psface.commands.measure.turns import seconds_in_turns
from psface.config import load
from psface.model.device import default_device
from psface.running import PATH
from psface.threads import environment, one_thread_each
from psface.training.loop import new_card, train_epoch
from psface.training.train_params import Recipe
from psface.training.training_data import read_data
from psface.training.training_state import TrainingState

PEOPLE = 150
CHANNELS = {"normalmap": 3, "albedo": 1, "depthmap": 1}
Turn = Callable[[], object]  # takes the steps of a turn


@click.command(epilog="Example: psface measure training --rival 3d_face_recognition_magface")
@click.option(
    "--rival", type=PATH, help="a copy of github.com/nkt780426/3d_face_recognition_magface"
)
@click.option("--arcface", type=PATH, help="recognition/arcface_torch of deepinsight/insightface")
@click.option("--side", "sides", type=click.IntRange(32), multiple=True, help="px  [112 and 96]")
@click.option("--batch", type=click.IntRange(4), default=32, show_default=True)
@click.option("--steps", type=click.IntRange(1), default=8, show_default=True, help="of a turn")
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True)
def training_speed(
    rival: Path | None,
    arcface: Path | None,
    sides: tuple[int, ...],
    batch: int,
    steps: int,
    rounds: int,
) -> None:
    """Time training steps on random crops, by section train of params.yaml, and the rivals'.

    In processor time of one thread, or on a GPU by the clock. Exit status: 0; 1 if a rival cannot
    be loaded; 2 for wrong arguments.
    """
    recipe = load(Recipe)
    device = default_device()
    what = torch.cuda.get_device_name(device) if device.type == "cuda" else "one thread"
    print(f"a training step of {batch} faces on {what}: ms, faces a second, times ours")
    threads = {"OMP_NUM_THREADS": "1"} if device.type == "cpu" else {}
    for side in sides or (112, 96):
        with tempfile.TemporaryDirectory() as name, environment(threads), one_thread_each():
            folder = Path(name)
            write_crops(folder, side, steps * batch)
            for modality, maps in (("normalmap", 1), ("all", 3)):
                turns = {f"psface, {modality}": ours(recipe, folder, batch, modality=modality)}
                if rival:
                    turns["the study's code"] = study_steps(rival, folder, maps, side, batch, steps)
                _tell(side, turns, batch, steps, rounds, device)
            if arcface and side == 112:  # the only one that its backbone takes
                plain = {"backbone": "ir18", "tasks": [], "attention": False, "head": "cosface"}
                plain |= {"disturbance": 0.0, "detail": 0.0}  # as the other has neither
                turns = {"psface, ir18": ours(recipe, folder, batch, plain, modality="normalmap")}
                turns["arcface_torch, r18"] = arcface_steps(arcface, recipe, batch, PEOPLE, steps)
                _tell(side, turns, batch, steps, rounds, device)


def write_crops(folder: Path, side: int, count: int) -> None:
    """Random crops and labels, as the stages crop and split would leave them."""
    rng = np.random.default_rng(0)
    for name, channels in CHANNELS.items():
        np.save(folder / f"{name}.npy", rng.normal(size=(count, channels, side, side)).astype("f2"))
    params = load(Recipe)
    table = pd.DataFrame({"row": range(count), "identity": np.arange(count) % PEOPLE})
    for task, classes in params.attributes.items():
        table[task] = np.resize([labels[0] for labels in classes.values()], count)
    for part in ("train", "val"):
        table.to_csv(folder / f"{part}.csv", index=False)


def ours(
    recipe: Recipe, folder: Path, batch: int, train: dict[str, Any] | None = None, **changes: Any
) -> Turn:
    """A turn of psface's own training: reading, augmentation and steps of the optimiser."""
    params = recipe.train.model_copy(update={"batch_size": batch, **(train or {})})
    recipe = recipe.model_copy(update={"train": params, "fusion": "late", **changes})
    data = read_data(recipe, folder, folder)
    state = TrainingState(params, new_card(recipe, data), data, 10**6)
    return lambda: train_epoch(state, params, data, 0, 10**6, tqdm(disable=True))


def _now(device: torch.device) -> float:
    if device.type == "cpu":
        return time.process_time()
    torch.cuda.synchronize(device)
    return time.perf_counter()


def _tell(
    side: int, turns: dict[str, Turn], batch: int, steps: int, rounds: int, device: torch.device
) -> None:
    times = seconds_in_turns(turns, rounds, "training", partial(_now, device))
    first = next(iter(times.values()))
    for name, spent in times.items():
        ratio = median(a / b for a, b in zip(spent, first, strict=True))
        step = median(spent) / steps
        print(f"  {side:4} px  {name:24}{1000 * step:9.1f}{batch / step:9.1f}{ratio:7.2f}")

"""Training steps of other code, from folders that the user has: nothing of it is in psface."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from psface.errors import UserError
from psface.model.device import autocast, default_device
from psface.training.objective import build_head
from psface.training.train_params import Recipe

PEOPLE = 150
ATTRIBUTES = ("gender", "spectacles", "facial_hair", "pose", "emotion")


def study_steps(
    folder: Path, scratch: Path, maps: int, side: int, batch: int, steps: int
) -> Callable[[], None]:
    """Steps of the original study's multi-task network, of one map or of three concatenated, as its
    training loop takes them.

    Raises
    ------
    UserError
        If ``folder`` is not a copy of its code, or what that imports is not installed.
    """
    device = default_device()
    model_of = _found(folder, "going_modular.model.MTLFaceRecognition", "MTLFaceRecognition")
    table = scratch / "metadata.csv"
    counts = np.random.default_rng(0).integers(2, 6, PEOPLE)
    pd.DataFrame({"id": np.repeat(np.arange(PEOPLE), counts)}).to_csv(table)
    kinds = ("", "da_") if maps == 1 else ("",)
    weights = {f"loss_{kind}{task}_weight": 10 for task in ATTRIBUTES for kind in kinds}
    if maps == 1:
        network = model_of("miresnet18", PEOPLE)
        loss = _found(folder, "going_modular.loss.MultiTaskLoss", "MultiTaskLoss")
        x = torch.randn(batch, 3, side, side, device=device)
    else:
        address = "going_modular.model.ConcatMTLFaceRecognition", "ConcatMTLFaceRecognitionV3"
        network = _found(folder, *address)(
            *(model_of("miresnet18", PEOPLE) for _ in range(3)), PEOPLE
        )
        loss = _found(folder, "going_modular.loss.ConcatMultiTaskLoss", "ConcatMultiTaskLoss")
        x = torch.randn(batch, 3, 3, side, side, device=device)
    network, criterion = network.to(device).train(), loss(str(table), weights).to(device)
    if hasattr(criterion.id_loss, "alpha"):
        criterion.id_loss.alpha = criterion.id_loss.alpha.to(device)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4)
    labels = [torch.randint(0, PEOPLE, (batch,)), *torch.randint(0, 2, (5, batch))]
    y = torch.stack(labels, 1).to(device)

    def turn() -> None:
        for _ in range(steps):
            losses = criterion(network(x), y)
            optimizer.zero_grad()
            losses[0].backward()
            optimizer.step()
            for part in losses:
                part.item()

    return turn


def arcface_steps(
    folder: Path, recipe: Recipe, batch: int, people: int, steps: int
) -> Callable[[], None]:
    """Steps of arcface_torch's r18 with our CosFace head and AdamW.

    Raises
    ------
    UserError
        If ``folder`` is not arcface_torch, or what it imports is not installed.
    """
    device = default_device()
    build = _found(folder, "backbones.iresnet", "iresnet18")
    params = recipe.train.model_copy(update={"head": "cosface"})
    network = build(num_features=params.embedding).to(device).train()
    head = build_head(params, params.embedding, torch.ones(people)).to(device).train()
    weights = [*network.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(weights, lr=1e-4, fused=True)
    x = torch.randn(batch, 3, 112, 112, device=device)
    y = torch.randint(0, people, (batch,), device=device)

    def turn() -> None:
        for _ in range(steps):
            with autocast(device):
                embeddings = network(x)
            loss = head(embeddings.float(), y)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(weights, 5.0)
            optimizer.step()

    return turn


def _found(folder: Path, module: str, name: str) -> Any:
    if not (folder / module.partition(".")[0]).is_dir():
        raise UserError(f"{folder}: has no folder {module.partition('.')[0]}; give a copy of it")
    sys.path.insert(0, str(folder.resolve()))
    try:
        return getattr(importlib.import_module(module), name)
    except ImportError as error:
        raise UserError(f"{folder}: cannot be loaded ({error}); install what it needs") from error
    finally:
        sys.path.pop(0)

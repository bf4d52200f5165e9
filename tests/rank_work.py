"""What the tests of several processes run in each of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

import psface.training.loop
from psface.faces.arrays import Faces
from psface.model.device import on_device
from psface.training import ranks
from psface.training.gradients import add_up_gradients
from psface.training.heads.base import CosineHead
from psface.training.loop import new_card, train, train_epoch
from psface.training.objective import build_head
from psface.training.train_params import Recipe
from psface.training.training_data import TrainingData, read_data
from psface.training.training_state import TrainingState


def first_rows(data: TrainingData, count: int) -> TrainingData:
    part = data.part
    labels = {task: every[:count] for task, every in part.labels.items()}
    shorter = replace(
        part, rows=part.rows[:count], identities=part.identities[:count], labels=labels
    )
    return replace(data, part=shorter)


def gradients_of(recipe: Recipe, folder: Path, faces: int) -> dict[str, Tensor]:
    """Gradients of one step of training on the first ``faces``, before they are clipped, and what
    the step leaves in the buffers; whole in the first rank."""
    torch.manual_seed(recipe.train.seed)
    data = first_rows(read_data(recipe, folder / "faces", folder / "splits"), faces)
    assert isinstance(data.faces, Faces)
    state = TrainingState(recipe.train, new_card(recipe, data), data, 10)
    found: dict[str, Tensor] = {}

    def step() -> None:
        add_up_gradients(state.network)
        found.update({n: w.grad for n, w in state.network.named_parameters() if w.grad is not None})
        for name, centres in state.objective.centres().items():
            found[name] = ranks.joined(centres.grad)

    state.step = step  # type: ignore[method-assign]
    losses = train_epoch(state, recipe.train, data, 5, 10, tqdm(disable=True))
    found |= {name: value.detach().clone() for name, value in state.network.named_buffers()}
    return found | {name: torch.tensor(value) for name, value in losses.items()}


def _in_doubles(values: Tensor, device: torch.device) -> Tensor:
    there = on_device(values, device)
    return there.double() if there.is_floating_point() else there


def compute_in_doubles() -> None:
    torch.set_default_dtype(torch.float64)
    torch.Tensor.float = torch.Tensor.double  # type: ignore[assignment, method-assign]
    torch.cpu.get_capabilities = dict  # type: ignore[assignment]
    psface.training.loop.on_device = _in_doubles  # type: ignore[attr-defined]


def write_gradients(cases: list[tuple[Recipe, int]], folder: Path, out: Path) -> None:
    """The gradients of several steps, in doubles."""
    compute_in_doubles()
    found = [gradients_of(recipe, folder, faces) for recipe, faces in cases]
    if ranks.number() == 0:
        torch.save(found, out)


def train_saving(recipe: Recipe, folder: Path, name: str) -> None:
    """Train with a checkpoint after every epoch."""
    train(
        recipe,
        folder / "faces",
        folder / "splits",
        folder / name,
        folder / f"{name}_history",
        checkpoint_seconds=0,
    )


def train_in_doubles(recipe: Recipe, folder: Path, name: str) -> None:
    """In single precision, what one and two processes round otherwise grows from step to step."""
    compute_in_doubles()
    train_saving(recipe, folder, name)


def write_losses(recipes: list[Recipe], batch: tuple[Tensor, ...], out: Path) -> None:
    """Of each recipe's head, on the same batch and centres: the loss, its gradients, and which of
    the first rank's centres were used."""
    embeddings, labels, centres = batch
    found = []
    for recipe in recipes:
        torch.manual_seed(3)
        head = build_head(recipe.train, centres.shape[1], torch.linspace(0.5, 2, len(centres)))
        assert isinstance(head, CosineHead)
        head.double().train()
        head.centres.data = centres[head.own].clone()
        x = embeddings.clone().requires_grad_()
        loss = head(x, labels)
        loss.backward()
        gradient = head.centres.grad
        assert gradient is not None
        used = gradient.coalesce().indices()[0] if gradient.is_sparse else torch.empty(0)
        found.append((loss.detach(), x.grad, ranks.joined(gradient.to_dense()), used))
    if ranks.number() == 0:
        torch.save(found, out)

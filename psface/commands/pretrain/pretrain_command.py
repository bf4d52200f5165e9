"""``psface pretrain``: make the model that psface ships."""

from __future__ import annotations

import shutil
from pathlib import Path

import click
import torch

from psface.commands.arguments import out_option
from psface.commands.pretrain.pretrain_params import Sections
from psface.commands.pretrain.varied_crops import write_crops
from psface.config import load
from psface.files import made_folder, replacing
from psface.model.card import load_model, save_model
from psface.training.launch import over_ranks
from psface.training.loop import train
from psface.training.train_params import Recipe


@click.command(epilog="Example: psface pretrain --out models/pretrained")
@out_option("models/pretrained")
@click.option("--keep", is_flag=True, help="Keep the crops, for other trainings.")
def pretrain(out: Path, keep: bool) -> None:
    """Train a model on simulated people and rigs as varied as the world's.

    By section pretrain of params.yaml. A killed run goes on where it was. Exit status: 0; 1 if it
    cannot be made; 2 for wrong arguments.
    """
    params = load(Sections)
    work = made_folder(out) / "work"
    faces, splits = work / "faces", work / "splits"
    everyone = range(params.pretrain.people)
    table = write_crops(params.population, everyone, work / "parts", faces)
    with replacing(faces / "faces.parquet") as path:
        table.to_parquet(path)
    validating = table["identity"].drop_duplicates().iloc[: params.pretrain.validating]
    chosen = table["identity"].isin(set(validating))
    for name, part in (("train", table[~chosen]), ("val", table[chosen])):
        with replacing(made_folder(splits) / f"{name}.csv") as path:
            part.to_csv(path, index=False)
    people = table["identity"].nunique()
    print(f"pretrain: {len(table)} captures of {people} people")
    recipe = params.recipe
    over_ranks(recipe.train.processes, _train, recipe, faces, splits, out)
    network, card = load_model(out, torch.device("cpu"))
    save_model(out, network, card, half=True)
    if not keep:
        shutil.rmtree(work)
    print(f"pretrain: {out / 'weights.safetensors'}")


def _train(recipe: Recipe, faces: Path, splits: Path, out: Path) -> None:
    train(recipe, faces, splits, out, out / "history")

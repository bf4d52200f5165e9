"""train: the multi-task recogniser on one modality or a fusion."""

from __future__ import annotations

from pathlib import Path

import click

from psface.config import load
from psface.running import PATH, run
from psface.training.launch import first_of_run, over_ranks
from psface.training.loop import train
from psface.training.train_params import Recipe


@click.command("python -m stages.train")
@click.option("--faces", type=PATH, required=True, help="the folder of packed crops")
@click.option("--splits", type=PATH, required=True, help="the folder of the split's tables")
@click.option("--out", type=PATH, required=True, help="output folder for weights and card")
@click.option("--history", type=PATH, required=True, help="output folder for metrics by epoch")
def main(faces: Path, splits: Path, out: Path, history: Path) -> None:
    """Train the network, in ``train.processes`` processes, or in those that torchrun starts."""
    recipe = load(Recipe)
    over_ranks(recipe.train.processes, train_and_tell, recipe, faces, splits, out, history)


def train_and_tell(recipe: Recipe, faces: Path, splits: Path, out: Path, history: Path) -> None:
    card = train(recipe, faces, splits, out, history)
    print(
        f"train: {recipe.modality}, epoch {card.epoch} of {recipe.train.epochs} is best on the "
        f"validation people (AUC {card.val_auc:.4f}); {out / 'weights.safetensors'}"
    )


if __name__ == "__main__":
    run(main, alone_as="train" if first_of_run() else "")

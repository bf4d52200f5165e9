"""train: the multi-task recogniser on one modality or a fusion."""

from __future__ import annotations

from pathlib import Path

import click
from pydantic import model_validator

from psface.captures.ingest_params import IngestParams
from psface.config import Selection, load
from psface.faces.crop_params import CropParams
from psface.faces.modalities import Modality
from psface.running import PATH, run
from psface.stereo.stereo_params import StereoParams
from psface.tasks import Attributes
from psface.training.loop import train
from psface.training.train_params import Fusion, Recipe, TrainParams, check_tasks


class Sections(Selection):
    modality: Modality
    fusion: Fusion
    attributes: Attributes
    ingest: IngestParams
    stereo: StereoParams
    crop: CropParams
    train: TrainParams

    @model_validator(mode="after")
    def _tasks_are_attributes(self) -> Sections:
        check_tasks(self.train, self.attributes)
        return self


@click.command("python -m stages.train")
@click.option("--faces", type=PATH, required=True, help="the folder of packed crops")
@click.option("--splits", type=PATH, required=True, help="the folder of the split's tables")
@click.option("--out", type=PATH, required=True, help="a folder, for weights and card")
@click.option("--history", type=PATH, required=True, help="a folder, for what each epoch gave")
def main(faces: Path, splits: Path, out: Path, history: Path) -> None:
    """Train the network."""
    params = load(Sections)
    recipe = Recipe(
        modality=params.modality,
        fusion=params.fusion,
        attributes=params.attributes,
        limits=params.ingest.limits,
        stereo=params.stereo,
        crop=params.crop,
        train=params.train,
    )
    card = train(recipe, faces, splits, out, history)
    print(
        f"train: {recipe.modality}, epoch {card.epoch} of {recipe.train.epochs} is best on the "
        f"validation people (AUC {card.val_auc:.4f}); {out / 'weights.safetensors'}"
    )


if __name__ == "__main__":
    run(main, alone_as="train")

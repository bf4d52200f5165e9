"""params.yaml as the pipeline reads it. Each section's class is beside what it configures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import model_validator

from psface.captures.ingest_params import IngestParams
from psface.config import PARAMS, Section, Seed, load
from psface.faces.crop_params import CropParams
from psface.faces.modalities import Modality
from psface.measures.evaluate_params import EvaluateParams
from psface.simulate.simulate_params import SimulateParams
from psface.stereo.stereo_params import StereoParams
from psface.tasks import Attributes
from psface.training.split_params import SplitParams
from psface.training.train_params import Fusion, Recipe, TrainParams, check_tasks


class Params(Section):
    """All that the pipeline depends on.

    The sections of commands that are not of the pipeline are not looked at here, so that a wrong
    value in one of them stops that command alone.
    """

    seed: Seed
    modality: Modality
    fusion: Fusion
    attributes: Attributes
    simulate: SimulateParams
    ingest: IngestParams
    stereo: StereoParams
    crop: CropParams
    split: SplitParams
    train: TrainParams
    evaluate: EvaluateParams
    audit: Any = None
    compare: Any = None
    overlap: Any = None
    scenes: Any = None
    survey: Any = None
    train_mtcnn: Any = None

    @model_validator(mode="after")
    def _tasks_are_attributes(self) -> Params:
        check_tasks(self.train, self.attributes)
        return self

    def recipe(self) -> Recipe:
        """What a model is made by."""
        return Recipe(
            modality=self.modality,
            fusion=self.fusion,
            attributes=self.attributes,
            limits=self.ingest.limits,
            stereo=self.stereo,
            crop=self.crop,
            train=self.train,
        )


def load_params(path: Path = PARAMS) -> Params:
    """Read and check all of the pipeline's parameters; see `psface.config.load`."""
    return load(Params, path)

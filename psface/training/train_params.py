"""Section ``train`` of params.yaml, and everything that training depends on."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from psface.captures.limits import SelectedLimits
from psface.config import Count, FileName, NonNegative, Positive, Section, Seed, Selection
from psface.faces.crop_params import CropParams
from psface.faces.modalities import Modality
from psface.model.network.backbones import BACKBONES
from psface.stereo.stereo_params import StereoParams
from psface.tasks import Attributes, Tasks
from psface.training.heads.head_params import HeadsParams
from psface.training.heads.heads import HEADS

Fusion = Literal["late", "early"]


class TrainParams(Section):
    """The network, its losses and its schedule."""

    seed: Seed
    backbone: Literal[tuple(BACKBONES)]  # type: ignore[valid-type]
    init_from: FileName
    frozen_parts: Annotated[int, Field(ge=0, le=5)]
    layer_decay: Annotated[float, Field(gt=0, le=1)]
    embedding: Count
    detail: Annotated[float, Field(ge=0, le=0.5)]
    disturbance: NonNegative
    any_frame: bool
    dropout: Annotated[float, Field(ge=0, lt=1)]
    head: Literal[tuple(HEADS)]  # type: ignore[valid-type]
    heads: HeadsParams
    tasks: list[str]
    attention: bool
    task_weights: dict[str, NonNegative]
    focal_gamma: NonNegative
    reversal_weight: NonNegative
    erase: bool
    epochs: Count
    batch_size: Annotated[int, Field(ge=4)]  # half of it must still have batch statistics
    accumulate: Count
    processes: Annotated[int, Field(ge=0)]
    sample_centres: Annotated[float, Field(gt=0, le=1)]
    compile: bool
    learning_rate: Positive
    weight_decay: NonNegative

    @model_validator(mode="after")
    def _steps_fit(self) -> TrainParams:
        if len(set(self.tasks)) < len(self.tasks):
            raise ValueError("tasks: remove the duplicate")
        if self.frozen_parts and not self.init_from:
            raise ValueError("frozen_parts needs init_from: frozen parts would stay random")
        if self.batch_size < 4 * self.accumulate:
            raise ValueError(
                f"accumulate={self.accumulate} needs a batch_size of at least "
                f"{4 * self.accumulate}: each part of a batch is normalised by its own statistics"
            )
        if self.sample_centres < 1 and self.head == "triplet":
            raise ValueError("sample_centres must be 1 for triplet, which has no class centres")
        return self


class Recipe(Selection):
    """Everything that determines a model; the card keeps what inference needs."""

    modality: Modality
    fusion: Fusion
    attributes: Attributes
    ingest: SelectedLimits
    stereo: StereoParams
    crop: CropParams
    train: TrainParams

    @model_validator(mode="after")
    def _tasks_are_attributes(self) -> Recipe:
        for task in self.train.tasks:
            if task not in self.attributes:
                known = ", ".join(self.attributes)
                raise ValueError(f"train.tasks: {task} is unknown: choose from {known}")
            if task not in self.train.task_weights:
                raise ValueError(f"train.task_weights lacks {task}, which is in train.tasks")
        return self

    @property
    def tasks(self) -> Tasks:
        """The attributes that the network is trained on, in the order of its chain."""
        return {task: self.attributes[task] for task in self.train.tasks}

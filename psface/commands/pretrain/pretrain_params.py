"""Section ``pretrain`` of params.yaml, and the others that pretraining reads."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from psface.captures.limits import SelectedLimits
from psface.commands.pretrain.varied_crops import Population
from psface.config import Count, NonNegative, Positive, Section, Seed, Selection
from psface.faces.crop_params import CropParams
from psface.simulate.simulate_params import RigParams, SimulateParams
from psface.stereo.stereo_params import StereoParams
from psface.tasks import Attributes
from psface.training.heads.head_params import MarginParams
from psface.training.train_params import Recipe, TrainParams


class PretrainParams(Section):
    """The population, the crops and the training of the model that psface ships.

    What is not here is as in sections simulate, stereo, crop and train.

    Attributes
    ----------
    people, captures : int
        How many people, and captures of each; every capture is by a rig of its own.
    validating : int
        How many of the people choose the epoch.
    width, height : int
        Pixels of a frame: about as large as the crop needs.
    """

    people: Annotated[int, Field(ge=8)]
    captures: Annotated[int, Field(ge=2)]
    validating: Annotated[int, Field(ge=2)]
    width: Annotated[int, Field(ge=64)]
    height: Annotated[int, Field(ge=64)]
    identity_variance: NonNegative
    fine_detail: NonNegative
    size: Annotated[int, Field(ge=32)]
    zoom: Annotated[float, Field(ge=1, le=2)]
    backbone: str
    embedding: Count
    detail: Annotated[float, Field(ge=0, le=0.5)]
    disturbance: NonNegative
    cosface: MarginParams
    epochs: Count
    batch_size: Count
    learning_rate: Positive

    @model_validator(mode="after")
    def _leave_some(self) -> PretrainParams:
        if self.validating > self.people // 2:
            raise ValueError("at most half of the people can be validating")
        return self


class Sections(Selection):
    """The sections of params.yaml that pretraining reads."""

    seed: Seed
    attributes: Attributes
    simulate: SimulateParams
    ingest: SelectedLimits
    stereo: StereoParams
    crop: CropParams
    train: TrainParams
    pretrain: PretrainParams

    @property
    def population(self) -> Population:
        """The people, their rigs, and how they are cropped."""
        params = self.pretrain
        changes = {
            "identities": params.people,
            "sessions": params.captures,
            "width": params.width,
            "height": params.height,
            "identity_variance": params.identity_variance,
            "fine_detail": params.fine_detail,
            "rig": RigParams(varied=True),
        }
        simulate = self.simulate.model_copy(update=changes)
        return Population(simulate, self.seed, self.stereo, self.recipe.crop)

    @property
    def recipe(self) -> Recipe:
        """How the network is trained: on all maps, stacked, and for identity alone."""
        params = self.pretrain
        crop = {"size": params.size, "zoom": params.zoom}
        heads = self.train.heads.model_copy(update={"cosface": params.cosface})
        names = "backbone", "embedding", "detail", "disturbance", "epochs", "batch_size"
        train = {name: getattr(params, name) for name in (*names, "learning_rate")}
        train |= {"tasks": [], "attention": False, "erase": False, "init_from": ""}
        return Recipe(
            modality="all",
            fusion="early",
            attributes=self.attributes,
            ingest=self.ingest,
            stereo=self.stereo,
            crop=self.crop.model_copy(update=crop),
            train=TrainParams(
                **{**self.train.model_dump(), **train, "head": "cosface", "heads": heads}
            ),
        )

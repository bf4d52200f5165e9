"""Section ``transfer`` of params.yaml, and the others that the benchmark reads."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from psface.captures.ingest_params import IngestParams
from psface.config import Count, Fraction, Positive, Section, Seed, Selection
from psface.measures.evaluate_params import EvaluateParams
from psface.training.train_params import TrainParams


class TransferParams(Section):
    """How a model is fine-tuned on a few people; the rest of training is as in section train.

    ``validation`` is the share of these people who choose the epoch; `VALIDATING` at the least.
    """

    draws: Count
    validation: Fraction
    frozen_parts: Annotated[int, Field(ge=0, le=5)]
    layer_decay: Annotated[float, Field(gt=0, le=1)]
    epochs: Count
    learning_rate: Positive


class Sections(Selection):
    """The sections of params.yaml that the benchmark reads."""

    seed: Seed
    ingest: IngestParams
    train: TrainParams
    evaluate: EvaluateParams
    transfer: TransferParams

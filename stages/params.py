"""params.yaml as the pipeline reads it; a section's class is beside the code it configures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ConfigDict

from psface.captures.ingest_params import IngestParams
from psface.config import PARAMS, Seed, load
from psface.engines.engine_params import EngineParams
from psface.measures.evaluate_params import EvaluateParams
from psface.simulate.simulate_params import SimulateParams
from psface.stereo.stereo_params import StorageParams
from psface.training.split_params import SplitParams
from psface.training.train_params import Recipe


class Params(Recipe, EngineParams, StorageParams):
    """Everything the pipeline depends on.

    The sections of commands outside the pipeline are not checked here, so that a wrong value in one
    of them stops that command alone.
    """

    model_config = ConfigDict(extra="forbid")

    seed: Seed
    simulate: SimulateParams
    ingest: IngestParams  # type: ignore[assignment]
    split: SplitParams
    evaluate: EvaluateParams
    audit: Any = None
    compare: Any = None
    overlap: Any = None
    scenes: Any = None
    survey: Any = None
    train_mtcnn: Any = None
    pretrain: Any = None
    transfer: Any = None


def load_params(path: Path = PARAMS) -> Params:
    """Read and check all of the pipeline's parameters; see `psface.config.load`."""
    return load(Params, path)

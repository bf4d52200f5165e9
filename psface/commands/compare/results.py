"""Read the results of finished experiments from DVC's cache."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from dvc.api import DVCFileSystem
from tqdm import tqdm

from psface.commands.compare.compare_params import CompareParams
from psface.commands.compare.experiments import Experiment, base_params, finished, planned
from psface.errors import UserError
from psface.measures.scores import Scores, read_scores

CURVE = "reports/training/plots/metrics/val/identity_auc.tsv"
TABLES = ("conditions", "leakage", "reject")
PICTURES = ("probes", "conditions", "faces", "split")


@dataclass(frozen=True)
class Result:
    """One finished experiment.

    Attributes
    ----------
    metrics, details : dict of str to number or None
    scores : Scores
    validation : list of float
        Identity AUC of the validation people after each epoch.
    tables : dict of str to DataFrame
        The report's `TABLES`.
    pictures : dict of str to bytes
        The report's `PICTURES`, as PNG.
    """

    experiment: Experiment
    metrics: dict[str, Any]
    details: dict[str, Any]
    scores: Scores
    validation: list[float]
    tables: dict[str, pd.DataFrame]
    pictures: dict[str, bytes]


def read_results(params: CompareParams) -> tuple[list[Result], list[str]]:
    """Read all finished experiments, and list the names of the others.

    Raises
    ------
    UserError
        If none is finished.
    """
    base = base_params()
    results, missing = [], []
    for experiment in tqdm(planned(params), desc="reading experiments", unit="run"):
        commit = finished(experiment, base)
        if commit is None:
            missing.append(experiment.name)
        else:
            results.append(_read(experiment, commit))
    if not results:
        raise UserError(
            f"compare: no experiment of compare.runs (params.yaml) is finished ({missing[0]}, "
            "...); run `make experiments`"
        )
    return results, missing


def _read(experiment: Experiment, commit: str) -> Result:
    files = DVCFileSystem(".", rev=commit)

    def read(path: str) -> bytes:
        try:
            content: bytes = files.read_bytes(path)
        except (OSError, ValueError) as error:
            raise UserError(
                f"compare: {path} of {experiment.name} is not in DVC's cache ({error}); run "
                f"`dvc exp remove {experiment.name}`, then `make experiments`"
            ) from error
        return content

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scores.npz"
        path.write_bytes(read("reports/scores.npz"))
        scores = read_scores(path)
    curve = pd.read_csv(io.BytesIO(read(CURVE)), sep="\t")
    return Result(
        experiment,
        json.loads(read("reports/metrics.json")),
        json.loads(read("reports/details.json")),
        scores,
        curve["identity_auc"].tolist(),
        {name: pd.read_csv(io.BytesIO(read(f"reports/{name}.csv"))) for name in TABLES},
        {name: read(f"reports/{name}.png") for name in PICTURES},
    )


def by_run(results: Sequence[Result]) -> dict[str, list[Result]]:
    """Group results by run, with seeds in order."""
    runs: dict[str, list[Result]] = {}
    for result in results:
        runs.setdefault(result.experiment.run, []).append(result)
    return runs

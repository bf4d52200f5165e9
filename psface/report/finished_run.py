"""What a run of the pipeline left behind, for its page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from psface.files import reading
from psface.measures.error_summary import ErrorSummary
from psface.measures.verification import Metrics
from psface.report.error_report import read_errors, read_figures
from psface.stage_tables import ROWS_AT_ONCE, read_table

WRITTEN_BY = {
    "conditions": "evaluate", "leakage": "evaluate", "reject": "evaluate", "split": "split",
}  # fmt: skip
TEXTS = ("attribute", "condition", "probe", "task", "class")  # their columns of text
# Pictures, and which stage draws them.
DRAWN_BY = {
    "probes": "evaluate", "conditions": "evaluate", "faces": "crop", "trust": "crop",
    "rig": "stereo",
}  # fmt: skip
CURVES = {
    "validation": "val/identity_auc.tsv", "loss": "loss/total.tsv", "low": "magnitude/p05.tsv",
    "median": "magnitude/p50.tsv", "high": "magnitude/p95.tsv",
}  # fmt: skip
OF_A_RIG = "(all)"  # `psface.faces.trust_findings.ALL`, beside which much is imported


@dataclass(frozen=True)
class DataSet:
    """The captures that a run read.

    Attributes
    ----------
    captures, people : int
        Accepted by ingest.
    refused, faceless, doubted : int
        Captures that ingest refused, that gave no face, and that the checks doubt.
    of_rigs : list of str
        What the checks doubt of rigs, with remedies.
    lit : bool
        Whether any capture has lamps: pictures have none.
    """

    captures: int
    people: int
    refused: int
    faceless: int
    doubted: int
    of_rigs: list[str]
    lit: bool


@dataclass(frozen=True)
class FinishedRun:
    """Everything that the page of a run shows.

    Attributes
    ----------
    tables : dict of str to DataFrame
        Those of `WRITTEN_BY`.
    stereo : dict
        Errors against the truth; empty if it is not known.
    curves : dict of str to Series
        Figures by epoch, those of `CURVES` that there are.
    pictures : dict of str to bytes
        Those of `DRAWN_BY`, as PNG.
    views : list of str
        Pages of captures, relative to the reports' folder.
    """

    errors: ErrorSummary
    metrics: Metrics
    details: Metrics
    data: DataSet
    tables: Mapping[str, pd.DataFrame]
    stereo: Mapping[str, float]
    curves: Mapping[str, pd.Series]
    pictures: Mapping[str, bytes]
    views: list[str]


def read_run(captures: Path, rejected: Path, faces: Path, reports: Path) -> FinishedRun:
    """Read a finished run.

    Parameters
    ----------
    captures, rejected : Path
        Tables of ingest.
    faces, reports : Path
        Folders of crops, and of what the stages report.

    Raises
    ------
    UserError
        If anything is missing or unreadable; the message names the stage to run.
    """
    history = reports / "training" / "plots" / "metrics"
    curves = {name: history / path for name, path in CURVES.items()}
    return FinishedRun(
        errors=read_errors(reports),
        metrics=_json(reports / "metrics.json", "evaluate"),
        details=_json(reports / "details.json", "evaluate"),
        data=_data_set(captures, rejected, faces),
        tables={
            name: read_figures(reports / f"{name}.csv", stage, TEXTS)
            for name, stage in WRITTEN_BY.items()
        },
        stereo=_json(reports / "stereo.json", "stereo"),
        curves={name: _curve(path) for name, path in curves.items() if path.is_file()},
        pictures={name: _bytes(reports / f"{name}.png", stage) for name, stage in DRAWN_BY.items()},
        views=sorted(p.relative_to(reports).as_posix() for p in reports.glob("views/*/*.html")),
    )


def _json(path: Path, stage: str) -> dict[str, Any]:
    with reading(path, stage):
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def _bytes(path: Path, stage: str) -> bytes:
    with reading(path, stage):
        return path.read_bytes()


def _curve(path: Path) -> pd.Series:
    with reading(path, "train"):
        return pd.read_csv(path, sep="\t").iloc[:, 1]


def _data_set(captures: Path, rejected: Path, faces: Path) -> DataSet:
    people: set[str] = set()
    count, lit = 0, False
    with reading(captures, "ingest"), pq.ParquetFile(captures) as file:
        for batch in file.iter_batches(ROWS_AT_ONCE, columns=["identity", "lights"]):
            people |= set(batch["identity"].to_pylist())
            count += len(batch)
            lit = lit or any(batch["lights"].to_pylist())
    doubts = read_table(faces / "trust.csv", "crop", ["identity", "session", "message", "remedy"])
    rigs = doubts[doubts["identity"] == OF_A_RIG]
    named = doubts[doubts["identity"] != OF_A_RIG].drop_duplicates(["identity", "session"])
    return DataSet(
        captures=count,
        people=len(people),
        refused=len(read_table(rejected, "ingest")),
        faceless=len(read_table(faces / "failures.csv", "crop")),
        doubted=len(named),
        of_rigs=[f"{row.message}; {row.remedy}" for row in rigs.itertuples()],
        lit=lit,
    )

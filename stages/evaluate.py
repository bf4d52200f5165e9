"""evaluate: test a model on people it has never seen."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
import pandas as pd

from psface.captures.capture_table import read_captures
from psface.config import Seed, Selection, load
from psface.engines.engine_params import EngineParams
from psface.engines.engines import computing_on
from psface.errors import UserError
from psface.faces.arrays import Faces, rows_of
from psface.measures.comparisons import comparisons_of
from psface.measures.error_summary import ErrorSummary, summarise_errors
from psface.measures.evaluate_params import EvaluateParams
from psface.measures.failures import Attempts, attempts_of
from psface.measures.floors import floor_metrics
from psface.measures.group_quality import quality_table
from psface.measures.intervals import draw_people
from psface.measures.scores import Scores, score_captures
from psface.measures.searches import search_faces
from psface.measures.summary import summarise
from psface.measures.templates import templates_table
from psface.measures.verification import Metrics
from psface.model.card import read_card
from psface.model.embedding import Embedded
from psface.model.spread_embedding import embed_rows
from psface.report.error_report import write_errors
from psface.report.evaluation_report import write_report
from psface.report.map_colours import as_images
from psface.running import PATH, run
from psface.stage_tables import read_table
from psface.tasks import Attributes, Tasks
from psface.vectors import unit


class Sections(Selection):
    seed: Seed
    attributes: Attributes
    evaluate: EvaluateParams


def evaluate(
    params: Sections,
    table: Path,
    rejected: Path,
    faces_folder: Path,
    splits: Path,
    model: Path,
    out: Path,
) -> tuple[str, Metrics, Metrics]:
    """Write ``metrics.json``, ``details.json``, ``scores.npz``, tables and plots to ``out``.

    Verification uses all pairs of test captures, identification one gallery capture per person. A
    value is null if the test set cannot determine it.

    Returns
    -------
    modality : str
    metrics, details : dict
        The contents of the two ``.json`` files.

    Raises
    ------
    UserError
        If the model was trained on crops of another size.
    """
    card = read_card(model)
    faces = Faces(faces_folder, card.maps)
    if faces.side != card.side:
        raise UserError(
            f"{model / 'card.json'}: trained on crops of {card.side} px, but {faces_folder} holds "
            f"{faces.side} px; run `dvc repro train`"
        )
    train = read_table(splits / "train.csv", "split", ["row"])
    gallery, probe = (read_table(splits / f"{name}.csv", "split") for name in ("gallery", "probe"))
    test = pd.concat([gallery, probe], ignore_index=True)
    enrolled = np.arange(len(test)) < len(gallery)
    rows, train_rows = (rows_of(part, len(faces)) for part in (test, train))

    embedded = embed_rows(model, faces_folder, rows)
    scores = score_captures(
        embedded.identity,
        test,
        enrolled,
        params.attributes,
        params.evaluate.impostors,
        params.seed,
    )
    draws = draw_people(len(gallery), params.evaluate.resamples, params.seed)
    floors = floor_metrics(
        faces, card.scale, rows, train_rows, scores.identity, embedded.identity, draws
    )
    summary = summarise(
        scores,
        embedded.identity,
        embedded.attributes,
        floors,
        read_captures(table),
        doubts_of(test, faces_folder),
        params.evaluate.resamples,
        params.seed,
    )
    summary.details["epoch"] = card.epoch

    def images_of(captures: np.ndarray) -> np.ndarray:
        return as_images(card.maps[0], faces.read(rows[captures])[:, : faces.channels[0]])

    attempts = read_attempts(
        table, rejected, faces_folder, np.unique(scores.identity), params.attributes
    )
    errors = measure_errors(scores, embedded, attempts, params.evaluate.resamples, params.seed)
    summary.metrics.update(errors.metrics)
    write_report(out, card.modality, scores, summary, images_of, params.evaluate)
    write_errors(out, f"Recognition by {card.modality}", errors)
    return card.modality, summary.metrics, summary.details


def measure_errors(
    scores: Scores, embedded: Embedded, attempts: Attempts, resamples: int, seed: int
) -> ErrorSummary:
    """Everything that the report on errors shows."""
    searches = None
    if scores.some is not None:  # not all pairs are scored, but all can be searched
        faces = unit(embedded.identity)
        searches = search_faces(faces, scores.person, scores.gallery, seed)
    summary = summarise_errors(comparisons_of(scores, searches, seed), attempts, resamples, seed)
    draws = draw_people(int(scores.person.max()) + 1, resamples, seed)
    summary.tables["templates"] = templates_table(embedded.identity, scores.person, draws, seed)
    summary.tables["group_quality"] = quality_table(scores, embedded.attributes, draws)
    return summary


def read_attempts(
    table: Path, rejected: Path, faces: Path, test: np.ndarray, attributes: Tasks
) -> Attempts:
    """Every attempt to capture the ``test`` people (names, in order), with what ingest, stereo and
    crop refused."""
    known = read_table(table, "ingest", ["identity", "session", "attributes"])
    labels = pd.DataFrame([dict(of) for of in known.pop("attributes")], index=known.index)
    refused = {
        "ingest": read_table(rejected, "ingest"),
        "stereo or crop": read_table(faces / "failures.csv", "crop"),
    }
    return attempts_of(known.join(labels), refused, test, attributes)


def doubts_of(captures: pd.DataFrame, faces: Path) -> np.ndarray:
    """Codes of what the checks found in each capture (N,) str, separated by spaces."""
    found = read_table(faces / "trust.csv", "crop").groupby(["identity", "session"])["code"]
    codes = {name: " ".join(dict.fromkeys(of)) for name, of in found}
    keys = zip(captures["identity"], captures["session"], strict=True)
    return np.array([codes.get(key, "") for key in keys], dtype=str)


@click.command("python -m stages.evaluate")
@click.option("--captures", type=PATH, required=True, help="the table of captures")
@click.option("--rejected", type=PATH, required=True, help="the table of refused captures")
@click.option("--faces", type=PATH, required=True, help="the folder of packed crops")
@click.option("--splits", type=PATH, required=True, help="the folder of the split's tables")
@click.option("--model", type=PATH, required=True, help="the folder of weights and card")
@click.option("--out", type=PATH, required=True, help="output folder for the report")
def main(captures: Path, rejected: Path, faces: Path, splits: Path, model: Path, out: Path) -> None:
    """Evaluate the model on the test people."""
    params = load(Sections)
    with computing_on(load(EngineParams)):
        modality, metrics, _ = evaluate(params, captures, rejected, faces, splits, model, out)
    width = max(map(len, metrics))
    print(f"evaluate: {modality} ({out})")
    for name, value in metrics.items():
        print(f"  {name:{width}}  {'-' if value is None else value}")


if __name__ == "__main__":
    run(main, alone_as="evaluate")

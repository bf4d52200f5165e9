"""Write our scores as bob's CSV, for its tools and others that read it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv

from psface.files import replacing
from psface.measures.scores import Scores

COLUMNS = (
    "probe_template_id", "probe_subject_id", "bio_ref_template_id", "bio_ref_subject_id", "score",
)  # fmt: skip
PAIRS = 500_000  # written at once


def write_bob_scores(path: Path, scores: Scores) -> None:
    """Write a row per pair, as `bob.bio.base.pipelines.CSVScoreWriter` does.

    Templates are named ``<identity>/<session>``. Each pair is there once, its first capture as the
    reference. `psface.measures.score_lists.read_score_list` reads the file, and all figures of
    verification are the same; which captures were the gallery is not in it.
    """
    text = pa.string()
    names = np.char.add(np.char.add(scores.identity, "/"), scores.session)
    templates, people = (pa.array(of, text) for of in (names, scores.identity))
    schema = pa.schema([*((name, text) for name in COLUMNS[:-1]), (COLUMNS[-1], pa.float64())])
    with replacing(path) as partial, csv.CSVWriter(partial, schema) as file:
        for start in range(0, len(scores.cosine), PAIRS):
            part = slice(start, start + PAIRS)
            probe, reference = (pa.array(of[part]) for of in (scores.second, scores.first))
            columns = [
                of.take(captures) for captures in (probe, reference) for of in (templates, people)
            ]
            exact = pa.array(scores.cosine[part].astype(np.float64))
            file.write_table(pa.table([*columns, exact], schema=schema))

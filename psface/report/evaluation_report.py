"""Write the files of an evaluation: metrics, tables and plots."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from psface.files import replacing
from psface.measures.conditions import misses_and_hits, probes_that_differ
from psface.measures.evaluate_params import EvaluateParams
from psface.measures.scores import Scores, write_scores
from psface.measures.summary import Summary
from psface.report.evaluation_plots import draw_probes, draw_quality
from psface.report.roc_plot import draw_roc


def write_report(
    out: Path,
    modality: str,
    scores: Scores,
    summary: Summary,
    images_of: Callable[[np.ndarray], np.ndarray],
    params: EvaluateParams,
) -> None:
    """Write ``metrics.json``, ``details.json``, ``scores.npz``, tables as CSV, and plots.

    Parameters
    ----------
    images_of : callable
        Returns the faces of captures, given by index, as (N, S, S, 3) uint8 RGB.
    """
    write_scores(out / "scores.npz", scores)
    for name, table in summary.tables.items():
        with replacing(out / f"{name}.csv") as path:
            (table if name == "roc" else table.round(6)).to_csv(path, index=False)

    metrics, ranking = summary.metrics, summary.ranking
    title = f"{modality}: AUC {metrics['identity_auc']} [{metrics['identity_auc_low']}, "
    with replacing(out / "roc.png") as path:
        draw_roc(scores.verification.roc, f"{title}{metrics['identity_auc_high']}]", path)
    with replacing(out / "quality.png") as path:
        draw_quality(summary.tables["reject"], path)
    shown = misses_and_hits(np.arange(len(ranking.probes)), ranking, params.pictured_probes)
    chosen = {
        "probes": [("", number) for number in shown],
        "conditions": probes_that_differ(scores, ranking, params.pictured_per_condition),
    }
    captures = sorted({c for of in chosen.values() for _, p in of for c in ranking.pictured(p)})
    images = dict(zip(captures, images_of(np.array(captures)), strict=True))
    for name, rows in chosen.items():
        with replacing(out / f"{name}.png") as path:
            draw_probes(images, ranking, rows, path)
    for name, values in {"metrics": metrics, "details": summary.details}.items():
        with replacing(out / f"{name}.json") as path:
            path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")

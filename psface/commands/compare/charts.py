"""Charts that compare runs, as inline SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from psface.commands.compare.results import Result
from psface.report.evaluation_plots import plot_rejects
from psface.report.palette import marker, series
from psface.report.plotting import log_x
from psface.report.svg_charts import svg_chart


def roc_chart(runs: Mapping[str, Sequence[Result]]) -> str:
    """Draw the ROC of every run's first seed, with false accept rate on a logarithmic axis."""

    def draw(axes: Axes) -> None:
        for number, (name, results) in enumerate(runs.items()):
            curve = results[0].scores.verification.roc.thinned
            seen = curve.far > 0
            axes.step(curve.far[seen], curve.tar[seen], where="post", label=name, **series(number))
        log_x(axes)
        axes.set_ylim(top=1.005)
        axes.set_xlabel("false accept rate")
        axes.set_ylabel("true accept rate")

    return svg_chart("ROC of every run", draw)


def training_chart(runs: Mapping[str, Sequence[Result]]) -> str:
    """Draw validation AUC against epoch, averaged over seeds."""

    def draw(axes: Axes) -> None:
        for number, (name, results) in enumerate(runs.items()):
            mean = mean_validation(results)
            axes.plot(np.arange(1, len(mean) + 1), mean, label=name, **series(number))
        axes.set_xlabel("epoch")
        axes.set_ylabel("identity AUC of the validation people")

    return svg_chart("Validation AUC of every run by epoch", draw)


def mean_validation(results: Sequence[Result]) -> np.ndarray:
    """Validation AUC after each epoch that all seeds have, averaged over them."""
    shortest = min(len(r.validation) for r in results)
    mean: np.ndarray = np.mean([r.validation[:shortest] for r in results], axis=0)
    return mean


def leakage_chart(leaks: pd.DataFrame) -> str:
    """Draw the probes' mean AUC per attribute and run; columns run, attribute, linear, mlp."""
    attributes = list(dict.fromkeys(leaks["attribute"]))
    runs = list(dict.fromkeys(leaks["run"]))

    def draw(axes: Axes) -> None:
        for number, run in enumerate(runs):
            rows = leaks[leaks["run"] == run].set_index("attribute")
            areas = [rows[["linear", "mlp"]].mean(axis=1).get(a, np.nan) for a in attributes]
            places = np.arange(len(attributes)) + 0.6 * ((number + 0.5) / len(runs) - 0.5)
            colour = series(number)["color"]
            axes.plot(places, areas, marker(number), ms=5, color=colour, label=run)
        axes.axhline(0.5, color=series(4)["color"], lw=1, ls=":")
        axes.set_xticks(range(len(attributes)), [a.replace("_", " ") for a in attributes])
        axes.set_ylabel("AUC of probes on identity embeddings")

    return svg_chart("What probes read of each attribute from each run's embedding", draw)


def reject_chart(rejects: pd.DataFrame) -> str:
    """Draw the error-versus-reject curves of one result."""
    alt = "FNMR against the share of pairs rejected by magnitude"
    return svg_chart(alt, lambda axes: plot_rejects(axes, rejects))

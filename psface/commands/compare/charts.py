"""Charts as inline SVG, whose lines and text take the page's colour, light or dark."""

from __future__ import annotations

import functools
import io
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ParamSpec

import numpy as np
import pandas as pd

from psface.commands.compare.results import Result
from psface.report.evaluation_plots import plot_rejects
from psface.report.plotting import log_x, plt

INK = "#123456"  # placeholder for the page's text colour
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "psface",
    "font.family": "sans-serif",
    "font.size": 12,
    **dict.fromkeys(
        ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK
    ),
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "legend.frameon": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "grid.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
COLOURS = [plt.get_cmap("tab20")(i) for i in (0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 1, 3, 5, 7, 9)]

P = ParamSpec("P")


def _styled(chart: Callable[P, str]) -> Callable[P, str]:
    @functools.wraps(chart)
    def styled(*args: P.args, **kwargs: P.kwargs) -> str:
        with plt.rc_context(STYLE):
            return chart(*args, **kwargs)

    return styled


@_styled
def roc_chart(runs: Mapping[str, Sequence[Result]]) -> str:
    """Draw the ROC of every run's first seed, with false accept rate on a logarithmic axis."""
    figure, axes = _figure()
    for (name, results), colour in zip(runs.items(), COLOURS, strict=False):
        curve = results[0].scores.verification.roc.thinned
        seen = curve.far > 0
        axes.step(curve.far[seen], curve.tar[seen], where="post", color=colour, label=name)
    log_x(axes)
    axes.set_ylim(top=1.005)
    axes.set_xlabel("false accept rate")
    axes.set_ylabel("true accept rate")
    return _finish(figure, axes)


@_styled
def training_chart(runs: Mapping[str, Sequence[Result]]) -> str:
    """Draw validation AUC against epoch, averaged over seeds."""
    figure, axes = _figure()
    for (name, results), colour in zip(runs.items(), COLOURS, strict=False):
        shortest = min(len(r.validation) for r in results)
        mean = np.mean([r.validation[:shortest] for r in results], axis=0)
        axes.plot(np.arange(1, shortest + 1), mean, color=colour, label=name)
    axes.set_xlabel("epoch")
    axes.set_ylabel("identity AUC of the validation people")
    return _finish(figure, axes)


@_styled
def leakage_chart(leaks: pd.DataFrame) -> str:
    """Draw the probes' mean AUC per attribute and run; columns run, attribute, linear, mlp."""
    figure, axes = _figure()
    attributes = list(dict.fromkeys(leaks["attribute"]))
    runs = list(dict.fromkeys(leaks["run"]))
    for number, (run, colour) in enumerate(zip(runs, COLOURS, strict=False)):
        rows = leaks[leaks["run"] == run].set_index("attribute")
        areas = [rows[["linear", "mlp"]].mean(axis=1).get(a, np.nan) for a in attributes]
        offset = 0.6 * ((number + 0.5) / len(runs) - 0.5)
        axes.scatter(np.arange(len(attributes)) + offset, areas, s=22, color=colour, label=run)
    axes.axhline(0.5, color=INK, lw=1, ls=":")
    axes.set_xticks(range(len(attributes)), [a.replace("_", " ") for a in attributes])
    axes.set_ylabel("AUC of probes on identity embeddings")
    return _finish(figure, axes)


@_styled
def reject_chart(rejects: pd.DataFrame) -> str:
    """Draw the error-versus-reject curves of one result."""
    figure, axes = _figure()
    plot_rejects(axes, rejects)
    return _finish(figure, axes)


def _figure() -> tuple[plt.Figure, plt.Axes]:
    return plt.subplots(figsize=(7, 4.6), layout="constrained")


def _finish(figure: plt.Figure, axes: plt.Axes) -> str:
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside lower center", ncols=4)
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)
    svg = out.getvalue()
    head, _, rest = svg[svg.index("<svg") :].replace(INK, "currentColor").partition(">")
    return re.sub(r' (width|height)="[^"]*"', "", head) + ">" + rest  # the page sets the size

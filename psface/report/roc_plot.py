"""The ROC as a plot."""

from __future__ import annotations

from pathlib import Path

from psface.measures.verification import Roc
from psface.report.plotting import log_x, plt


def draw_roc(curve: Roc, title: str, path: Path) -> None:
    """Draw true against false accept rate, the latter on a logarithmic axis."""
    figure, axes = plt.subplots(figsize=(5.5, 4.5), layout="constrained")
    seen = curve.far > 0
    axes.step(curve.far[seen], curve.tar[seen], where="post")
    log_x(axes)
    axes.set_ylim(0, 1.01)
    axes.set_xlabel("false accept rate")
    axes.set_ylabel("true accept rate")
    axes.set_title(title)
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=110)
    plt.close(figure)

"""Pictures of the report: the ROC and probes with their nearest gallery faces."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np

from stages.evaluate.verification import Roc
from stages.maps import normals_as_colours

matplotlib.use("Agg")
from matplotlib import pyplot as plt

HIT, MISS = "#2a9d4a", "#d1382c"
NEAREST = 5


def draw_roc(curve: Roc, title: str, path: Path) -> None:
    """True accept rate over false accept rate, the latter on a logarithmic axis."""
    figure, axes = plt.subplots(figsize=(5.5, 4.5), layout="constrained")
    seen = curve.far > 0
    axes.step(curve.far[seen], curve.tar[seen], where="post")
    axes.set_xscale("log")
    axes.set_ylim(0, 1.01)
    axes.set_xlabel("false accept rate")
    axes.set_ylabel("true accept rate")
    axes.set_title(title)
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def draw_probes(
    probes: np.ndarray,
    gallery: np.ndarray,
    order: np.ndarray,
    probe_ids: np.ndarray,
    gallery_ids: np.ndarray,
    count: int,
    path: Path,
) -> None:
    """Rows of a probe and its nearest gallery faces; misses first, then hits.

    Parameters
    ----------
    probes, gallery : (., C, S, S)
        A map of the crops; three channels are taken for normals.
    order : (probes, gallery) int
        Gallery indices by falling likeness.
    count : int
        Number of probes shown, half of them misses as far as there are any.
    """
    hits = gallery_ids[order[:, 0]] == probe_ids
    misses = np.flatnonzero(~hits)[: max(count // 2, 1)]
    rest = np.flatnonzero(hits)
    spread = np.linspace(0, len(rest) - 1, min(count - len(misses), len(rest))).astype(int)
    shown = [*misses, *(rest[spread] if len(rest) else [])]
    columns = 1 + min(NEAREST, order.shape[1])
    figure, grid = plt.subplots(
        len(shown), columns, figsize=(1.25 * columns, 1.5 * len(shown)), squeeze=False,
        layout="constrained",
    )  # fmt: skip
    top = float(np.quantile(gallery, 0.995)) if len(gallery) else 1.0
    low = float(np.quantile(gallery, 0.005)) if len(gallery) else 0.0
    for row, probe in zip(grid, shown, strict=True):
        _show(row[0], probes[probe], f"probe {probe_ids[probe]}", None, low, top)
        for axes, nearest in zip(row[1:], order[probe], strict=False):
            right = gallery_ids[nearest] == probe_ids[probe]
            colour = HIT if right else MISS
            _show(axes, gallery[nearest], str(gallery_ids[nearest]), colour, low, top)
    figure.savefig(path, dpi=100)
    plt.close(figure)


def _show(
    axes: plt.Axes, face: np.ndarray, title: str, colour: str | None, low: float, top: float
) -> None:
    if len(face) == 3:
        axes.imshow(normals_as_colours(face.astype(np.float32)))
    else:
        axes.imshow(face[0].astype(np.float32), cmap="gray", vmin=low, vmax=top)
    axes.set_title(title, fontsize=8, color=colour or "black", pad=2)
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_color(colour or "0.8")
        side.set_linewidth(2.5 if colour else 0.8)

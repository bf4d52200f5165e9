"""Charts as inline SVG, whose lines and text take the page's colour, light or dark."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from html import escape
from typing import Any

from psface.report.plotting import plt

INK = "#123456"  # placeholder for the page's text colour
LETTER, KEY, LINE = 0.1, 0.9, 0.25  # inches in a legend
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
    "grid.linewidth": 0.6,
    "grid.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def svg_chart(
    alt: str,
    draw: Callable[..., object],
    size: tuple[float, float] = (7, 4.6),
    panels: int = 1,
    share_y: bool = False,
) -> str:
    """Draw a chart for a page.

    Parameters
    ----------
    alt : str
        What the chart shows, for those who cannot see it.
    draw : callable
        Draws on the axes that it is given, one for each panel. Their series are named in one
        legend under them.
    size : two numbers
        Inches without the legend, of which the page keeps the ratio only.

    Examples
    --------
    >>> svg = svg_chart("a line", lambda axes: axes.plot([0, 1]))
    >>> svg.startswith("<svg") and 'aria-label="a line"' in svg
    True
    """
    with plt.rc_context(STYLE):
        figure, grid = plt.subplots(
            1, panels, figsize=size, squeeze=False, sharey=share_y, layout="constrained"
        )
        draw(*grid[0])
        named: dict[str, Any] = {}
        for axes in grid[0]:
            handles, labels = axes.get_legend_handles_labels()
            named |= dict(zip(labels, handles, strict=True))
            if axes.get_legend() is not None:
                axes.get_legend().remove()
        if named:
            columns = max(1, min(5, int(size[0] / (max(map(len, named)) * LETTER + KEY))))
            figure.set_size_inches(size[0], size[1] + LINE * -(-len(named) // columns))
            figure.legend(
                list(named.values()), list(named), loc="outside lower center", ncols=columns,
                handlelength=3,
            )  # fmt: skip
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
        plt.close(figure)
    svg = out.getvalue()
    head, _, rest = svg[svg.index("<svg") :].replace(INK, "currentColor").partition(">")
    head = re.sub(r' (width|height)="[^"]*"', "", head)  # the page sets the size
    return f'{head} role="img" aria-label="{escape(alt)}">{rest}'

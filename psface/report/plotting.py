"""Matplotlib set up for all plots: no display, and names printed as they are."""

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter

# A person may be called Ba$$in: no text here is mathematics.
matplotlib.rcParams["text.parse_math"] = False

__all__ = ["log_x", "matplotlib", "plt"]


def log_x(axes: Axes) -> None:
    """Make the x axis logarithmic, with plain numbers."""
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())

"""Matplotlib as all plots here use it: without a display, and with names as they are."""

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter

# A person may be called Ba$$in: nothing here is mathematics.
matplotlib.rcParams["text.parse_math"] = False

__all__ = ["log_x", "matplotlib", "plt"]


def log_x(axes: Axes) -> None:
    """A logarithmic x axis, with plain numbers."""
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())

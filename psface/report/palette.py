"""Colours, dashes and markers that everyone can tell apart, on light and on dark pages.

The colours are those of Okabe & Ito, "Color universal design", 2008, which have a contrast of at
least 3 with both white and near-black, and the colour of the text.
"""

from __future__ import annotations

from typing import Any

from matplotlib import rcParams

BLUE, VERMILION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
DASHES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")


def series(number: int) -> dict[str, Any]:
    """The colour and dashes of a line by its number from 0; those of 20 lines all differ."""
    colours = (BLUE, VERMILION, GREEN, PURPLE, rcParams["text.color"])
    return {"color": colours[number % len(colours)], "ls": DASHES[number % len(DASHES)]}


def marker(number: int) -> str:
    """The marker of a series by its number from 0."""
    return MARKERS[number % len(MARKERS)]

"""What a page of a report consists of, whatever its template makes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from psface.report.wording import Row, spoken, text

Cell = Callable[[Row], str]


@dataclass(frozen=True)
class Table:
    """Headings and cells of text."""

    heads: list[str]
    rows: list[list[str]]
    kind = "table"


@dataclass(frozen=True)
class Chart:
    """An SVG of `psface.report.svg_charts`; ``wide`` if it has several panels."""

    svg: str
    wide: bool = False
    kind = "chart"


@dataclass(frozen=True)
class Picture:
    """A picture as a data URL, with what it shows in words."""

    url: str
    width: int
    height: int
    alt: str
    caption: str
    kind = "picture"


@dataclass(frozen=True)
class Links:
    """Names of pages and their addresses, relative to this page."""

    addresses: Mapping[str, str]
    kind = "links"


@dataclass(frozen=True)
class Listing:
    """Text to be shown as it is, folded away."""

    title: str
    text: str
    kind = "listing"


@dataclass(frozen=True)
class Section:
    """A section of a page.

    Attributes
    ----------
    id : str
        For links to it.
    says : str
        What its numbers say.
    parts : sequence
        Tables, charts, pictures, links and listings.
    note : str
        How to read it.
    """

    id: str
    title: str
    says: str
    parts: Sequence[Table | Chart | Picture | Links | Listing] = field(default_factory=list)
    note: str = ""


def table_of(frame: pd.DataFrame, columns: Mapping[str, str | Cell]) -> Table:
    """A table of a frame's rows; a column is that of the frame, or what a function makes of a
    row."""
    plain = frame
    if "attribute" in frame:
        plain = frame.assign(attribute=frame["attribute"].map(spoken))
    rows = [
        [text(row[c]) if isinstance(c, str) else c(row) for c in columns.values()]
        for row in plain.to_dict("records")
    ]
    return Table(list(columns), rows)

"""The table that a measurement writes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click
import pandas as pd

from psface.files import replacing
from psface.running import PATH


def table_option(default: Path) -> Callable[[Callable], Callable]:
    """Build ``--out`` with its default."""
    return click.option(
        "--out", type=PATH, default=default, show_default=True, metavar="FILE", help="A CSV file."
    )


def write_measured(table: pd.DataFrame, out: Path) -> None:
    """Write the table as CSV, whole or not at all."""
    with replacing(out) as path:
        table.to_csv(path, index=False)

"""Tables that pass between stages, never held in memory whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from psface.files import reading
from psface.user_tables import plain_cell

if TYPE_CHECKING:
    import pandas as pd

ROWS_AT_ONCE = 10_000  # in memory: there may be millions of pictures


def write_rows(path: Path, rows: Iterable[dict[str, Any]], schema: pa.Schema) -> None:
    """Write a parquet table without holding all of it in memory."""
    rows = iter(rows)
    with pq.ParquetWriter(path, schema) as writer:
        while batch := list(islice(rows, ROWS_AT_ONCE)):
            writer.write_table(pa.Table.from_pylist(batch, schema))


def read_rows(path: Path, stage: str, schema: pa.Schema) -> Iterator[dict[str, Any]]:
    """Yield the rows of a parquet table that ``stage`` writes, without holding all of it in memory.

    Raises
    ------
    UserError
        If it is missing, unreadable or of another schema; the message names the stage to run.
    """
    with reading(path, stage):
        file = pq.ParquetFile(path)
        if missing := set(schema.names) - set(file.schema_arrow.names):
            raise ValueError(f"no column {', '.join(sorted(missing))}")
        batches = file.iter_batches(ROWS_AT_ONCE)
    with file:
        while True:
            with reading(path, stage):
                batch = next(batches, None)
                rows = batch.to_pylist() if batch is not None else []
            if batch is None:
                return
            yield from rows


def read_table(path: Path, stage: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read a parquet or CSV table that ``stage`` writes; every CSV cell is text.

    Parameters
    ----------
    columns : sequence of str, optional
        Read only those of them that it has.

    Raises
    ------
    UserError
        If it is missing or unreadable; the message names the stage to run.
    """
    import pandas as pd  # slow to load, and most stages read rows

    with reading(path, stage):
        if path.suffix == ".parquet":
            present = pq.read_schema(path).names
            return pd.read_parquet(path, columns=[c for c in columns or present if c in present])
        wanted = None if columns is None else set(columns).__contains__
        table = pd.read_csv(path, dtype=str, keep_default_na=False, usecols=wanted)
        return table.apply(_plain)


def _plain(column: pd.Series) -> pd.Series:
    # Cell by cell takes seconds for a million rows, and few are escaped.
    escaped = column.str.startswith("'")
    return column.mask(escaped, column[escaped].map(plain_cell)) if escaped.any() else column

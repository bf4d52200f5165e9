"""Read users' tables and lists, and make text cells safe to open in a spreadsheet."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from psface.errors import UserError
from psface.files import check_regular, replacing
from psface.paths import one_form

if TYPE_CHECKING:
    import pandas as pd

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))  # fmt: skip # noqa: E501
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_FORMULA = re.compile(r"'*[=+\-@\t\r]")


@dataclass(frozen=True)
class UserTable:
    """A user's table of text.

    Attributes
    ----------
    columns : tuple of str
    rows : list of dict of str to str
        Cells by column, stripped of blanks and in one Unicode form.
    lines : list of int
        The line of the file on which each row ends.
    decimal_comma : bool
        Whether ``0,5`` is a number: only if commas do not separate cells.
    """

    columns: tuple[str, ...]
    rows: list[dict[str, str]]
    lines: list[int]
    decimal_comma: bool

    def number(self, cell: str) -> float | None:
        """Parse a cell as a number; None if it is not one."""
        if self.decimal_comma and re.fullmatch(r"[+-]?\d*,\d+([eE][+-]?\d+)?", cell, re.ASCII):
            cell = cell.replace(",", ".")
        return float(cell) if _NUMBER.fullmatch(cell) else None


def read_user_table(path: Path, required: Collection[str], known: Collection[str]) -> UserTable:
    """Read a CSV table from any program.

    Cells are separated by commas, semicolons, tabs or bars; a first line ``sep=;`` sets which. Byte
    order marks, UTF-16 (Excel's "Unicode text"), blank lines and trailing commas are accepted. Case
    is ignored in the names of columns in ``required`` and ``known``. If none is required, one of
    the known ones is.

    Raises
    ------
    UserError
        If the file cannot be read, lacks a required column, has a duplicate one, or has a line
        with more or fewer cells than the first; the message names the line.
    """
    text = read_text(path)
    skipped = 0
    separators = list(SEPARATORS)
    if stated := re.match(r"sep=(.)\r?\n", text, re.IGNORECASE):
        separators, skipped = [stated.group(1)], 1
        text = text[stated.end() :]
    names = {name.casefold(): name for name in (*required, *known)}
    columns: list[str] = []
    for separator in separators:
        header = next(csv.reader(io.StringIO(text, newline=""), delimiter=separator), [])
        stripped = [one_form(cell.strip()) for cell in header]
        columns = [names.get(cell.casefold(), cell) for cell in stripped]
        if set(required) <= set(columns) and (required or set(known) & set(columns)):
            break
    else:
        shown = text.split("\n", 1)[0].strip()[:80]
        missing = [name for name in required if name not in columns]
        if len(separators) == len(SEPARATORS):
            # Split at any separator, to name only the columns that are really missing.
            seen = {c.strip().casefold() for c in re.split(r"[,;\t|]", shown)}
            missing = [name for name in required if name.casefold() not in seen] or missing
        names_missing = ", ".join(missing) or " or ".join(known)
        raise UserError(
            f"{path}: no column {names_missing} in its first line, `{shown}`; expected "
            f"{', '.join(required) or names_missing}, separated by commas, semicolons or tabs"
        )
    used = len(columns)
    while used and not columns[used - 1]:  # trailing commas
        used -= 1
    folded = [name.casefold() for name in columns[:used]]
    if bad := sorted({name for name in folded if not name or folded.count(name) > 1}):
        fault = f"duplicate column {bad[0]!r}" if bad[0] else "a column without a name"
        raise UserError(f"{path}: {fault} in its first line; rename or remove one")
    table = UserTable(tuple(columns[:used]), [], [], separator != ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        next(reader)
        for row in reader:
            cells = [one_form(cell.strip()) for cell in row]
            if not any(cells):
                continue
            line = reader.line_num + skipped
            if len(cells) < used or any(cells[used:]):
                raise UserError(
                    f"{path}, line {line}: {len(cells)} cells, the first line has {used}; correct "
                    "it, quoting cells that contain the separator"
                )
            table.rows.append(dict(zip(table.columns, cells[:used], strict=True)))
            table.lines.append(line)
    except csv.Error as error:
        raise UserError(f"{path}, line {reader.line_num + skipped}: {error}; correct it") from error
    return table


def read_text(path: Path) -> str:
    """Read a user's text file: UTF-8, or UTF-16 with a byte order mark.

    Raises
    ------
    UserError
        If it cannot be read, or is in another encoding; the message names the line.
    """
    check_regular(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; restore it or give another file") from error
    return decode_text(data, path)


def decode_text(data: bytes, path: Path) -> str:
    """Decode the text of a file; see `read_text`."""
    encoding = next((name for mark, name in _BOMS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UserError(
            f"{path}, line {line}: neither UTF-8 nor marked as UTF-16; save it as UTF-8 "
            '(in Excel, "CSV UTF-8")'
        ) from error
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise UserError(f"{path}, line {line}: a null character; save it as UTF-8 text")
    return text


def whole(text: str) -> int | None:
    """Parse a number of plain digits, at most 18 of them; None if it is not one."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def write_safe_rows(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV table whose text cells are safe to open in a spreadsheet; see `safe_cell`."""
    with replacing(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(columns)
        table.writerows([safe_cell(cell) for cell in row] for row in rows)


def safe(table: pd.DataFrame) -> pd.DataFrame:
    """Escape the text cells that a spreadsheet would run as formulas; see `safe_cell`."""
    texts = table.select_dtypes(include=["object", "string"]).columns
    return table.assign(**{name: table[name].map(safe_cell) for name in texts})


def safe_cell(value: object) -> object:
    """Put an apostrophe before text that a spreadsheet would run as a formula (OWASP, "CSV
    injection"); `plain_cell` removes it."""
    if isinstance(value, str) and _FORMULA.match(value) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value


def plain_cell(value: object) -> object:
    """Undo `safe_cell`."""
    if isinstance(value, str) and value.startswith("'") and _FORMULA.match(value):
        return value[1:]
    return value

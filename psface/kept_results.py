"""Results of earlier runs, kept in a file so that nothing is computed or read twice."""

from __future__ import annotations

import sqlite3
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from psface.disk import writing
from psface.files import digest_of

NEW_AT_ONCE = 100  # results written together: a killed run loses at most these
USED_AT_ONCE = 10_000
TABLE = "create table if not exists results (key text primary key, seal text, value text, run int)"


class KeptResults:
    """Results by key, each valid as long as its mark, which tells all that it depends on, is the
    same. Where the mark is None, nothing is kept.

    Those that a finished run did not ask for are dropped; a killed run keeps all it had. If the
    file is damaged or cannot be used, one line says so and everything is computed again.

    Parameters
    ----------
    path : Path
        An SQLite file, created if needed. It is a note of this machine's, not a result: losing it
        costs time alone.

    Examples
    --------
    >>> with KeptResults(Path("squares.index")) as kept:
    ...     kept.put("four", "by code 1", "16")
    >>> with KeptResults(Path("squares.index")) as kept:
    ...     kept.get("four", "by code 1"), kept.get("four", "by code 2")
    ('16', None)
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._run = time.time_ns()
        self._new: list[tuple[str, str, str, int]] = []
        self._used: list[tuple[int, str]] = []
        self._base = sqlite3.connect(":memory:")
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._open(str(path))
        except sqlite3.DatabaseError as error:
            self._start_again(error)

    def _open(self, address: str) -> None:
        self._base = sqlite3.connect(address, timeout=1)
        self._base.text_factory = lambda text: text.decode(errors="replace")
        self._base.execute("pragma locking_mode = exclusive")
        self._base.execute(TABLE)

    def _start_again(self, error: sqlite3.DatabaseError) -> None:
        """Begin without results: in the file if it is damaged; in memory if it cannot be used, for
        instance on a file system without locks."""
        self._base.close()
        if not isinstance(error, sqlite3.OperationalError):
            print(f"{self.path}: damaged; everything is read again", file=sys.stderr)
            try:
                self.path.unlink(missing_ok=True)
                self._open(str(self.path))
                return
            except (sqlite3.DatabaseError, OSError):
                self._base.close()
        print(f"{self.path}: cannot be used ({error}); everything is read again", file=sys.stderr)
        self._open(":memory:")

    def get(self, key: str, mark: str | None) -> str | None:
        """Return the result kept under a key; None if there is none with this mark."""
        if mark is None:
            return None
        try:
            found = self._base.execute("select seal, value from results where key = ?", (key,))
            seal, value = found.fetchone() or (None, "")
        except sqlite3.DatabaseError as error:
            self._start_again(error)
            return None
        if seal != digest_of(mark, str(value)):
            return None
        self._used.append((self._run, key))
        if len(self._used) >= USED_AT_ONCE:
            self._save()
        return str(value)

    def put(self, key: str, mark: str | None, value: str) -> None:
        """Keep a result in place of the key's last.

        Raises
        ------
        UserError
            If the disk is full.
        """
        if mark is None:
            return
        self._new.append((key, digest_of(mark, value), value, self._run))
        if len(self._new) >= NEW_AT_ONCE:
            self._save()

    def _save(self) -> None:
        self._write("insert or replace into results values (?, ?, ?, ?)", self._new)
        self._write("update results set run = ? where key = ?", self._used)
        self._new, self._used = [], []

    def _write(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        try:
            with writing(self.path), self._base:  # in one transaction
                self._base.executemany(statement, rows)
        except sqlite3.DatabaseError as error:
            self._start_again(error)

    def __enter__(self) -> KeptResults:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._save()
            if kind is None:
                self._write("delete from results where run != ?", [(self._run,)])
        finally:
            self._base.close()

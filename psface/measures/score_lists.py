"""Read scores from other systems: bob's and plain lists of compared pairs.

Tables of ten million pairs are read in parts; names are kept once.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from psface.errors import UserError
from psface.files import check_regular
from psface.measures.comparisons import Comparisons
from psface.measures.score_columns import PEOPLE, Columns, batches, columns_of, is_number
from psface.measures.searches import CELLS, Searches, search
from psface.measures.verification import Verification
from psface.tasks import UNKNOWN

SAME = {"1": True, "true": True, "same": True, "0": False, "false": False, "different": False}
Groups = Mapping[str, Mapping[str, str]]


def read_score_list(path: Path, groups: Groups | None = None) -> Comparisons:
    """Read compared pairs.

    Parameters
    ----------
    path : Path
        A CSV table with the columns ``probe, reference, score`` and ``same`` (1 or 0), or
        ``probe_person, reference_person``; or bob's: `bob.bio.base.pipelines.CSVScoreWriter`'s CSV,
        or the 4 or 5 columns, separated by blanks, of its text files (``claimed_id [model_id]
        real_id label score``). The order of named columns is free.
    groups : mapping of str to mapping of str to str, optional
        Labels of captures or people by attribute.

    Raises
    ------
    UserError
        If it cannot be read, a pair occurs twice, a score is no finite number, or there is nothing
        to compare; the message names the line.
    """
    check_regular(path)
    columns = columns_of(path)
    parts = _Parts(path, columns)
    for cells in batches(path, columns):
        parts.add(cells)
    return parts.comparisons(groups or {})


class _Parts:
    """The pairs of a file, as they are read."""

    def __init__(self, path: Path, columns: Columns) -> None:
        self.path, self.columns = path, columns
        self.probes: dict[str, int] = {}
        self.references: dict[str, int] = {} if columns.apart else self.probes
        self.people: dict[str, int] = {}
        self.rows = 0
        self.kept: dict[str, list[np.ndarray]] = {}

    def add(self, cells: dict[str, pa.Array]) -> None:
        """Check and keep some rows."""
        self._keep("score", self._numbers(cells["score"]))
        self._keep("first", self._numbered(cells["probe"], self.probes))
        self._keep("second", self._numbered(cells["reference"], self.references))
        if "same" in cells:
            self._keep("same", self._truths(cells["same"]))
        else:
            for name in PEOPLE:
                self._keep(name, self._numbered(cells[name], self.people))
        self.rows += len(cells["score"])

    def _keep(self, name: str, values: np.ndarray) -> None:
        self.kept.setdefault(name, []).append(values)

    def _numbers(self, cells: pa.Array) -> np.ndarray:
        cells = pc.utf8_trim_whitespace(cells)
        if self.columns.separator not in (",", " "):
            cells = pc.replace_substring(cells, ",", ".")
        try:
            numbers = pc.cast(cells, pa.float64()).to_numpy(zero_copy_only=False)
        except pa.ArrowInvalid:
            wrong = next(i for i, c in enumerate(cells.to_pylist()) if not is_number(c))
            self._refuse(wrong, f"the score is {cells[wrong].as_py()[:40]!r}, which is no number")
        if not (finite := np.isfinite(numbers)).all():
            row = int(np.argmin(finite))
            self._refuse(row, f"the score is {numbers[row]}; leave failed comparisons out")
        return numbers

    def _numbered(self, cells: pa.Array, known: dict[str, int]) -> np.ndarray:
        coded = pc.utf8_trim_whitespace(cells).dictionary_encode()
        names = coded.dictionary.to_pylist()
        indices = coded.indices.to_numpy(zero_copy_only=False)
        if "" in names:
            self._refuse(int(np.argmax(indices == names.index(""))), "an empty name")
        numbers = [known.setdefault(name, len(known)) for name in names]
        return np.array(numbers, np.int32)[indices]

    def _truths(self, cells: pa.Array) -> np.ndarray:
        coded = pc.utf8_lower(pc.utf8_trim_whitespace(cells)).dictionary_encode()
        names = coded.dictionary.to_pylist()
        indices = coded.indices.to_numpy(zero_copy_only=False)
        for number, name in enumerate(names):
            if name not in SAME:
                row = int(np.argmax(indices == number))
                self._refuse(row, f"same is {name!r}; expected one of {', '.join(SAME)}")
        return np.array([SAME[name] for name in names], bool)[indices]

    def _refuse(self, row: int, fault: str) -> NoReturn:
        """Refuse the file for a row of this part."""
        raise UserError(f"{self.path}, line {self._line(self.rows + row)}: {fault}; correct it")

    def _line(self, row: int) -> int:
        """The line of the file that a row is on: empty lines are no rows."""
        with self.path.open("rb") as file:
            filled = (n for n, line in enumerate(file, start=1) if line.strip())
            return next(islice(filled, row + self.columns.header, None))

    def comparisons(self, groups: Groups) -> Comparisons:
        """All pairs, checked together."""
        if not self.rows:
            raise UserError(f"{self.path}: no pairs in it")
        kept = {name: np.concatenate(parts) for name, parts in self.kept.items()}
        self.kept.clear()
        people = self._in_order(kept)
        self.rows = 0  # from here on, rows are counted from the first
        first, second = kept["first"], kept["second"]
        if self.columns.apart:
            second = second + np.int32(len(self.probes))
        captures = len(self.probes) + len(self.references) * self.columns.apart
        self._refuse_repeated(first, second, captures)
        person = self._person(kept, first, second, captures)
        a, b = person[first], person[second]
        if (a == b).all() or not (a == b).any():
            raise UserError(
                f"{self.path}: expected pairs of one person and of two; only one kind found"
            )
        pairs = Verification(kept["score"], a == b, a, b)
        names = [*self.probes, *(self.references if self.columns.apart else ())]
        labels, classes = _labels(groups, names, people, person)
        found = _searches(pairs.score, first, second, person)
        why = "" if found else "not every probe was compared with every reference"
        named = np.array(people, dtype=str) if people else None
        return Comparisons(pairs, first, second, person, labels, classes, found, why, named)

    def _in_order(self, kept: dict[str, np.ndarray]) -> list[str]:
        """Number the people in the order of their names, as our own scores do: intervals then do
        not depend on the order of the rows."""
        names = np.array(list(self.people), dtype=object)
        order = np.argsort(names, kind="stable")
        number = np.empty(len(names), np.int32)
        number[order] = np.arange(len(names))
        kept.update({name: number[kept[name]] for name in PEOPLE if name in kept})
        return list(names[order])

    def _refuse_repeated(self, first: np.ndarray, second: np.ndarray, captures: int) -> None:
        codes = first.astype(np.int64) * captures + second
        falling = np.sort(codes)
        if (repeated := np.flatnonzero(falling[1:] == falling[:-1])).size:
            rows = np.flatnonzero(codes == falling[repeated[0]])
            one, other = self._line(int(rows[0])), self._line(int(rows[1]))
            raise UserError(
                f"{self.path}, lines {one} and {other}: the same probe and reference "
                f"({len(repeated)} such repetitions in all); keep one of each"
            )
        if not self.columns.apart and (own := np.flatnonzero(first == second)).size:
            self._refuse(int(own[0]), "a capture compared with itself")

    def _person(
        self, kept: dict[str, np.ndarray], first: np.ndarray, second: np.ndarray, captures: int
    ) -> np.ndarray:
        """The person (captures,) in each capture."""
        if "same" in kept:
            return self._linked(kept["same"], first, second, captures)
        person = np.full(captures, -1, np.int32)
        stated = [(first, kept["probe_person"]), (second, kept["reference_person"])]
        for capture, of in stated:
            person[capture[::-1]] = of[::-1]  # the first statement counts
        for capture, of in stated:
            if (other := np.flatnonzero(person[capture] != of)).size:
                self._refuse(int(other[0]), "a capture of a person that is another's elsewhere")
        return person

    def _linked(
        self, same: np.ndarray, first: np.ndarray, second: np.ndarray, captures: int
    ) -> np.ndarray:
        """People told from the pairs of one person: captures that these link."""
        links = (np.ones(int(same.sum()), bool), (first[same], second[same]))
        person = connected_components(coo_matrix(links, shape=(captures, captures)), False)[1]
        if (other := np.flatnonzero(~same & (person[first] == person[second]))).size:
            self._refuse(int(other[0]), "two people, but one person by a chain of other lines")
        return person.astype(np.int32)


def _labels(
    groups: Groups, names: list[str], people: list[str], person: np.ndarray
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Classes (N,) of the captures, by their own name or their person's."""
    labels, classes = {}, {}
    for attribute, of in groups.items():
        known = sorted(set(of.values()) - {""})
        index = {label: i for i, label in enumerate(known)}
        owners = [people[p] if people else "" for p in person]
        stated = [of.get(name) or of.get(owner) for name, owner in zip(names, owners, strict=True)]
        labels[attribute] = np.array([index.get(label or "", UNKNOWN) for label in stated])
        classes[attribute] = np.array(known, dtype=str)
    return labels, classes


def _searches(
    score: np.ndarray, first: np.ndarray, second: np.ndarray, person: np.ndarray
) -> Searches | None:
    """Searches of all probes among all references; None if some were not compared."""
    probes, row = np.unique(first, return_inverse=True)
    references, column = np.unique(second, return_inverse=True)
    own = np.intersect1d(probes, references).size  # a capture is not compared with itself
    if len(score) != len(probes) * len(references) - own or len(np.unique(person[references])) < 2:
        return None
    matrix = np.full((len(probes), len(references)), np.nan)
    matrix[row, column] = score
    blocks = np.array_split(matrix, -(-matrix.size // CELLS))
    return search(blocks, person[probes], person[references], 0)

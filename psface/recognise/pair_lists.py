"""Pairs of captures to compare, from lists, verification sets or folders of people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from sklearn.model_selection import StratifiedKFold

from psface.captures.capture import NO_LIGHTS, Capture, Refusal
from psface.captures.discovery import UNUSED_RIG, capture_at, people_in
from psface.captures.images import PICTURE_SUFFIXES
from psface.errors import UserError
from psface.measures.pairs import IMPOSTORS, some_pairs
from psface.measures.verification import Verification
from psface.paths import exists, find_path, one_form
from psface.recognise.insightface_pairs import read_bin
from psface.rig.rig import Rig
from psface.user_tables import read_text, read_user_table, whole

FOLDS = 10
SAME = {"1": True, "true": True, "same": True, "0": False, "false": False, "different": False}


@dataclass(frozen=True)
class PairSet:
    """Pairs of captures.

    Attributes
    ----------
    captures : list of Capture or Refusal
        Without duplicates. A `Refusal` is a capture that cannot be used.
    identity : (N,) str or None
        The person in each; None if the set does not name them.
    first, second : (P,) int
        Indices of captures.
    same : (P,) bool
        Whether the two show one person.
    fold : (P,) int or None
        Fold of the cross-validation; None if there is none.
    aligned : bool
        Whether the pictures are already crops on ArcFace's template.
    """

    captures: list[Capture | Refusal]
    identity: np.ndarray | None
    first: np.ndarray
    second: np.ndarray
    same: np.ndarray
    fold: np.ndarray | None
    aligned: bool = False

    @cached_property
    def person(self) -> np.ndarray | None:
        """(N,) identities as numbers, ordered by name."""
        if self.identity is None:
            return None
        return np.unique(self.identity, return_inverse=True)[1]

    def verification(self, score: np.ndarray) -> Verification:
        """Combine the pairs with their scores (P,)."""
        if self.person is None:
            return Verification(score, self.same)
        return Verification(score, self.same, self.person[self.first], self.person[self.second])


def read_pairs(path: Path, root: Path | None, rig: Rig | None = None) -> PairSet:
    """Read pairs from a path.

    Parameters
    ----------
    path : Path
        A folder of people, as for `psface.captures.discovery.people_in`, of which all pairs are
        taken; LFW's ``pairs.txt``; a ``.csv`` with columns first, second, same and optionally fold;
        or an InsightFace ``.bin``.
    root : Path, optional
        The folder of a list's pictures; by default the list's own.
    rig : Rig, optional
        That took the captures without a rig file (`psface.captures.discovery.find_captures`).

    Raises
    ------
    UserError
        If it cannot be read, a picture is missing, or there is only one kind of pair.
    """
    if path.is_dir():
        pairs = _folder(path, rig)
    elif path.suffix == ".bin":
        if rig is not None:
            raise UserError(f"{path}: {UNUSED_RIG}")
        pairs = _bin(path)
    elif path.suffix == ".csv":
        pairs = _listed(path, _csv(path, root or path.parent), rig)
    elif path.suffix == ".txt":
        pairs = _listed(path, _lfw(path, root or path.parent), rig)
    else:
        raise UserError(f"{path}: expected a folder of people, LFW's pairs.txt, a .csv or a .bin")
    if pairs.same.all() or not pairs.same.any():
        raise UserError(f"{path}: expected pairs of one person and of two; only one kind found")
    return pairs


def _folder(root: Path, rig: Rig | None) -> PairSet:
    listed = list(people_in(root, rig))
    # Refusals come last: they are reported, but no pair refers to them.
    captures = sorted(listed, key=lambda capture: isinstance(capture, Refusal))
    identity = np.array([capture.identity for capture in captures])
    usable = sum(isinstance(capture, Capture) for capture in captures)
    if not usable:
        reason = [capture.reason for capture in listed if isinstance(capture, Refusal)][:1]
        raise UserError(f"{root}: no usable capture in it{'; ' if reason else ''}{''.join(reason)}")
    first, second, same = some_pairs(identity[:usable], IMPOSTORS, 0)
    return PairSet(list(captures), identity, first, second, same, None)


def _bin(path: Path) -> PairSet:
    pictures, same = read_bin(path)
    captures = [
        Capture("", f"{path.name}::{i}", (f"{path.name}::{i}",), NO_LIGHTS, contents=(data,))
        for i, data in enumerate(pictures)
    ]
    index = np.arange(0, len(pictures), 2)
    truth = np.array(same)
    return PairSet(list(captures), None, index, index + 1, truth, _folds(truth), aligned=True)


@dataclass(frozen=True)
class _Line:
    number: int
    first: Path
    second: Path
    same: bool
    fold: int | None
    people: tuple[str, str] | None


def _listed(path: Path, lines: Iterator[_Line], rig: Rig | None) -> PairSet:
    index: dict[Path, int] = {}
    captures: list[Capture | Refusal] = []
    people: list[str] = []
    rows, missing = [], []
    for line in lines:
        for place, person in zip((line.first, line.second), line.people or ("", ""), strict=True):
            if place not in index:
                index[place] = len(captures)
                if not exists(place):
                    missing.append(f"line {line.number}: {place}")
                    continue
                captures.append(capture_at(place, rig))
                people.append(person)
        rows.append((index[line.first], index[line.second], line.same, line.fold))
    if missing:
        others = f", and {len(missing) - 1} others" if len(missing) > 1 else ""
        raise UserError(
            f"{path}, {missing[0]} is missing{others}; restore the missing pictures, or give their "
            "folder with --root"
        )
    if not rows:
        raise UserError(f"{path}: no pairs in it")
    if rig is not None and all(isinstance(c, Capture) and c.is_picture for c in captures):
        raise UserError(f"{path}: {UNUSED_RIG}")
    first, second, same, fold = (np.array(column) for column in zip(*rows, strict=True))
    named = all(person for person in people)
    return PairSet(
        captures,
        np.array(people) if named else None,
        first,
        second,
        same,
        _folds(same) if fold[0] is None else fold.astype(int),
    )


def _folds(same: np.ndarray) -> np.ndarray | None:
    """Ten folds in the order of the pairs, each with its share of both kinds."""
    if min(same.sum(), (~same).sum()) < FOLDS:
        return None
    fold = np.empty(len(same), int)
    for number, (_, held_out) in enumerate(StratifiedKFold(FOLDS).split(same, same)):
        fold[held_out] = number
    return fold


def _csv(path: Path, root: Path) -> Iterator[_Line]:
    table = read_user_table(path, ("first", "second", "same"), ("fold",))
    for number, row in zip(table.lines, table.rows, strict=True):
        same, fold = SAME.get(row["same"].lower()), row.get("fold")
        if same is None or (fold is not None and whole(fold) is None):
            raise UserError(
                f"{path}, line {number}: same is {row['same']!r} and fold {fold!r}; expected one "
                f"of {', '.join(SAME)}, and a number"
            )
        places = (find_path(root, row["first"]), find_path(root, row["second"]))
        yield _Line(number, *places, same, None if fold is None else whole(fold), None)


def _lfw(path: Path, root: Path) -> Iterator[_Line]:
    """Read the pairs of Huang et al., "Labeled Faces in the Wild", 2007: ``<folds> <n>``, then for
    each fold n lines ``<name> <number> <number>`` and n lines ``<name> <number> <name> <number>``;
    in the development sets, ``<n>`` alone and one fold."""
    lines = [one_form(line) for line in read_text(path).splitlines()]
    header = [whole(word) for word in lines[0].split()] if lines else []
    if len(header) not in (1, 2) or not all(header):
        raise UserError(f"{path}, line 1: expected LFW's numbers of folds and of pairs")
    *folds, of_kind = (number or 0 for number in header)
    in_fold, count = 2 * of_kind, sum(bool(line.strip()) for line in lines[1:])
    if count != in_fold * (folds or [1])[0]:
        raise UserError(
            f"{path}, line 1: {lines[0].strip()!r} means {in_fold * (folds or [1])[0]} pairs, but "
            f"the file has {count}; give the number of folds, and of pairs of one person in each"
        )
    pair = -1
    for number, line in enumerate(lines[1:], start=2):
        words = line.rstrip().split("\t") if "\t" in line else line.split()
        if not words:
            continue
        pair += 1
        people = (words[0], words[-2] if len(words) == 4 else words[0])
        shots = [n for word in (words[1:2] + words[-1:]) if (n := whole(word)) is not None]
        if len(words) not in (3, 4) or len(shots) < 2:
            raise UserError(f"{path}, line {number}: {line[:60]!r}; expected a pair as in LFW")
        first, second = (_lfw_picture(root, *one) for one in zip(people, shots, strict=True))
        fold = pair // in_fold if folds else None
        yield _Line(number, first, second, len(words) == 3, fold, people)


def _lfw_picture(root: Path, name: str, number: int) -> Path:
    stem = find_path(root, f"{name}/{name}_{number:04}")
    names = (stem.name + suffix for suffix in (".jpg", *PICTURE_SUFFIXES))
    candidates = (find_path(stem.parent, name) for name in names)
    return next((path for path in candidates if exists(path)), stem.with_name(stem.name + ".jpg"))

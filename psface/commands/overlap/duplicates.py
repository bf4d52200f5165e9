"""overlap: find duplicate pictures, and people with two names, in a data set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from psface.captures.capture import Capture, Refusal, refused
from psface.captures.capture_table import read_captures, write_refusals
from psface.captures.images import read_frame
from psface.commands.overlap.details import agreement, thumbnail
from psface.commands.overlap.hashing import picture_hash
from psface.commands.overlap.lookalikes import Known, alike, embedded
from psface.commands.overlap.near_hashes import Pairs, near_pairs
from psface.commands.overlap.overlap_params import OverlapParams
from psface.commands.overlap.overlap_plots import draw_pairs
from psface.errors import UserError
from psface.files import replacing
from psface.parallel import map_in_processes
from psface.stage_tables import read_table
from psface.training.splitting import FILES

Name = tuple[str, str]  # identity and session
KINDS = (
    "same picture, two parts",
    "same picture, two names",
    "same picture twice",
    "similar faces, two names",
)
SIDE_OF = {"train": "learned", "val": "learned", "gallery": "tested", "probe": "tested"}
COLUMNS = [
    "kind", "evidence",
    *(f"{name}_{number}" for number in (1, 2) for name in ("identity", "session", "part", "path")),
    "distance", "agreement", "similarity",
]  # fmt: skip
PEOPLE = [
    "identity_1", "identity_2", "shared_pictures", "alike_captures", "similarity",
    "mean_similarity",
]  # fmt: skip
PICTURED = 12


@dataclass(frozen=True)
class Outcome:
    """What `overlap` found.

    Attributes
    ----------
    pictures : int
        Number that were compared.
    refused : int
        Number that could not be.
    pairs : DataFrame
        ``overlaps.csv``.
    people : DataFrame
        ``identities.csv``.
    limit : int
        Bits up to which all pairs of hashes were compared: fewer than asked for if there were too
        many pairs.
    """

    pictures: int
    refused: int
    pairs: pd.DataFrame
    people: pd.DataFrame
    limit: int


def overlap(params: OverlapParams, captures: Path, splits: Path, faces: Path, out: Path) -> Outcome:
    """Write ``out/overlaps.csv``, ``identities.csv``, ``failures.csv`` and ``overlaps.png``.

    A capture is compared by its frame 0. Two captures show the same picture if their hashes are
    near and the pictures, once registered, agree. With a model, faces under two names that it finds
    alike are listed as well.

    Parameters
    ----------
    captures : Path
        The table of `ingest`.
    splits : Path
        Folder of the parts' tables; missing ones are ignored.
    faces : Path
        Folder of the packed crops; read only if there is a model.

    Raises
    ------
    UserError
        If the table is missing, no picture can be used, or there is no usable model.
    """
    known = embedded(Path(params.model), faces) if params.model else None
    hashes, rows, refused = _hashed(captures)
    near = near_pairs(hashes, params.max_distance)
    found = _confirmed(near, rows, captures, params.min_agreement)
    people = _add_alike(found, known, params.min_similarity) if known else {}
    table = _table(found, _paths(captures, found), _parts(splits))
    names = _people(table, people)

    write_refusals(out / "failures.csv", refused)
    for name, content in (("overlaps.csv", table), ("identities.csv", names)):
        with replacing(out / name) as path:
            content.round(4).to_csv(path, index=False)
    if table.empty:
        (out / "overlaps.png").unlink(missing_ok=True)
    else:
        with replacing(out / "overlaps.png") as path:
            draw_pairs(table.head(PICTURED).to_dict("records"), path)
    return Outcome(len(hashes), len(refused), table, names, near.limit)


def _hashed(captures: Path) -> tuple[np.ndarray, np.ndarray, list[Refusal]]:
    """Hash the pictures: hashes (N,) uint64, their rows (N,) in the table, and refusals."""
    hashes, rows, refused = [], [], []
    for row, result in enumerate(map_in_processes(_hash, read_captures(captures), "overlap")):
        if isinstance(result, Refusal):
            refused.append(result)
        else:
            hashes.append(result)
            rows.append(row)
    if not hashes:
        first = f"; the first: {refused[0].reason}" if refused else ""
        raise UserError(f"{captures}: no picture can be compared{first}")
    return np.array(hashes, np.uint64), np.array(rows), refused


def _hash(capture: Capture) -> int | Refusal:
    path = capture.frames[0]
    try:
        value = picture_hash(read_frame(Path(path), capture.bits, None))
    except UserError as error:
        return refused(capture, error)
    if value is None:
        reason = f"{path}: nearly uniform; nothing to compare"
        return refused(capture, reason)
    return value


Found = dict[tuple[Name, Name], dict[str, Any]]


def _confirmed(near: Pairs, rows: np.ndarray, captures: Path, least: float) -> Found:
    """Keep the pairs whose pictures agree: distance and agreement by their names."""
    first, second = rows[near.first], rows[near.second]
    needed = set(np.unique(np.concatenate([first, second])).tolist())
    pictures = {
        row: ((capture.identity, capture.name), capture.frames[0])
        for row, capture in enumerate(read_captures(captures))
        if row in needed
    }
    pairs = [(pictures[i], pictures[j]) for i, j in zip(first, second, strict=True)]
    by_first = groupby(((one[1], other[1]) for one, other in pairs), key=itemgetter(0))
    work = ((path, [other for _, other in group]) for path, group in by_first)
    total = len(np.unique(first))
    agreements = chain.from_iterable(map_in_processes(_agreements, work, "agreement", total))
    found: Found = {}
    for (one, other), distance, agreed in zip(pairs, near.distance, agreements, strict=True):
        if agreed >= least:
            values = {"evidence": "hash", "distance": int(distance), "agreement": agreed}
            found[min(one[0], other[0]), max(one[0], other[0])] = values
    return found


def _agreements(work: tuple[str, list[str]]) -> list[float]:
    """Return a picture's agreement with each of several others."""
    first, *others = (_thumbnail(path) for path in (work[0], *work[1]))
    return [0.0 if first is None or o is None else agreement(first, o) for o in others]


@lru_cache(maxsize=1024)
def _thumbnail(path: str) -> np.ndarray | None:
    try:
        return thumbnail(read_frame(Path(path), 16, None))  # a correlation ignores scale
    except UserError:  # deleted since it was hashed
        return None


def _add_alike(found: Found, known: Known, least: float) -> dict[Name, float]:
    """Add the pairs of captures that a model finds alike; return cosines of pairs of people.

    Pairs of people are those found alike and those with pairs of captures in ``found``.
    """
    first, second, cosine = alike(known.faces, known.person, least)
    for i, j, similarity in zip(first, second, cosine, strict=True):
        pair = sorted((known.identity[k].item(), known.session[k].item()) for k in (i, j))
        values = found.setdefault((pair[0], pair[1]), {"evidence": "embedding"})
        values["similarity"] = float(similarity)
    row_of = {name: row for row, name in enumerate(zip(known.identity, known.session, strict=True))}
    for pair_of, values in found.items():
        if values["evidence"] == "hash" and all(name in row_of for name in pair_of):
            one, other = (known.faces[row_of[name]] for name in pair_of)
            values["similarity"] = float(one @ other)
            if values["similarity"] >= least:
                values["evidence"] = "hash and embedding"
    first, second, cosine = alike(known.means, np.arange(len(known.means)), least)
    people = {
        (known.people[i].item(), known.people[j].item()): float(c)
        for i, j, c in zip(first, second, cosine, strict=True)
    }
    number = {name: k for k, name in enumerate(known.people.tolist())}
    for (one, _), (other, _) in found:
        if one != other and one in number and other in number:
            means = known.means[number[one]], known.means[number[other]]
            people[one, other] = float(means[0] @ means[1])
    return people


def _paths(captures: Path, pairs: Iterable[tuple[Name, Name]]) -> dict[Name, str]:
    """Path of each capture's picture, for the captures in ``pairs``."""
    needed = {name for pair in pairs for name in pair}
    paths = ((s.identity, s.name, s.frames[0]) for s in read_captures(captures))
    return {(i, s): path for i, s, path in paths if (i, s) in needed}


def _parts(splits: Path) -> dict[Name, str]:
    """Part of each capture, from the tables that exist."""
    parts: dict[Name, str] = {}
    for part in FILES:
        path = splits / f"{part}.csv"
        if path.exists():
            table = read_table(path, "split")
            parts |= dict.fromkeys(zip(table["identity"], table["session"], strict=True), part)
    return parts


def _table(found: Found, paths: dict[Name, str], parts: dict[Name, str]) -> pd.DataFrame:
    rows = []
    for pair, values in found.items():
        row = {"distance": np.nan, "agreement": np.nan, "similarity": np.nan, **values}
        for number, name in enumerate(pair, start=1):
            row[f"identity_{number}"], row[f"session_{number}"] = name
            row[f"part_{number}"] = parts.get(name, "")
            row[f"path_{number}"] = paths.get(name, "")
        row["kind"] = _kind(row)
        rows.append(row)
    table = pd.DataFrame(rows, columns=COLUMNS)
    table["kind"] = pd.Categorical(table["kind"], KINDS, ordered=True)
    order = ["kind", "distance", "similarity", "identity_1", "session_1", "identity_2", "session_2"]
    rising = [True, True, False, True, True, True, True]
    table = table.sort_values(order, ascending=rising, ignore_index=True)
    return table.astype({"kind": str, "distance": "Int64"})


def _kind(row: dict[str, Any]) -> str:
    if row["evidence"] == "embedding":
        return KINDS[3]
    sides = {SIDE_OF[row[part]] for part in ("part_1", "part_2") if row[part]}
    if len(sides) == 2:
        return KINDS[0]
    return KINDS[1] if row["identity_1"] != row["identity_2"] else KINDS[2]


def _people(table: pd.DataFrame, similar: dict[Name, float]) -> pd.DataFrame:
    """Return a row per pair of names that share a picture or are alike; most certain first."""
    shared: Counter[Name] = Counter()
    captures: Counter[Name] = Counter()
    highest: dict[Name, float] = {}
    for row in table[table["identity_1"] != table["identity_2"]].itertuples():
        pair = (str(row.identity_1), str(row.identity_2))
        shared[pair] += "hash" in str(row.evidence)
        captures[pair] += "embedding" in str(row.evidence)
        so_far = highest.get(pair, np.nan)  # stays NaN without a model
        highest[pair] = float(np.fmax(so_far, float(str(row.similarity))))
    rows = [
        (*pair, shared[pair], captures[pair], highest.get(pair), similar.get(pair))
        for pair in sorted({*highest, *similar})
    ]
    people = pd.DataFrame(rows, columns=PEOPLE)
    certainty = ["shared_pictures", "mean_similarity", "similarity"]
    return people.sort_values(certainty, ascending=False, kind="stable", ignore_index=True)

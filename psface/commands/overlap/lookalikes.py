"""Faces that a model takes for one person's, though they stand under two names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from psface.errors import UserError
from psface.model.card import crops_for
from psface.recognise.recogniser import Recogniser
from psface.search import nearest
from psface.stage_tables import read_table
from psface.vectors import person_means, unit

NEIGHBOURS = 10  # of other people, at least, that each face is compared with
QUERIES = 4096  # at once


@dataclass(frozen=True)
class Known:
    """Embedded faces.

    Attributes
    ----------
    identity, session : (N,) str
    person : (N,) int64
        The number of the identity in ``people``.
    people : (P,) str
    faces : (N, D) float32
        Unit vectors.
    means : (P, D) float32
        Of each person's unit vectors; unit vectors again.
    """

    identity: np.ndarray
    session: np.ndarray
    person: np.ndarray
    people: np.ndarray
    faces: np.ndarray
    means: np.ndarray


def embedded(model: Path, folder: Path) -> Known:
    """The packed crops of ``folder`` as a model embeds them.

    Raises
    ------
    UserError
        If there is no usable model, or the crops are none for it.
    """
    recogniser = Recogniser(model)
    card = recogniser.card
    table = read_table(folder / "faces.parquet", "crop", ["identity", "session"])
    crops = crops_for(card, folder, "give overlap.model another")
    if table.empty:
        raise UserError(f"{folder}: no face in it; see failures.csv")
    rows = tqdm(np.arange(len(table)), desc="embeddings", unit="face", mininterval=1.0)
    faces = unit(recogniser.embed_stored(crops.read(np.array([row]))[0] for row in rows).identity)
    people, person = np.unique(table["identity"].to_numpy(str), return_inverse=True)
    identity, session = (table[name].to_numpy(str) for name in ("identity", "session"))
    means = person_means(faces, person, len(people))
    return Known(identity, session, person, people, faces, means)


def alike(
    faces: np.ndarray, person: np.ndarray, least: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of different people's faces with a cosine of ``least`` or more.

    Of each face those among its nearest: `NEIGHBOURS` of other people or more.

    Parameters
    ----------
    faces : (N, D) float32
        Unit vectors.
    person : (N,) int64

    Returns
    -------
    first, second : (P,) int64
        Indices, first < second; the most alike first.
    cosine : (P,) float32
    """
    count = int(np.bincount(person).max()) + NEIGHBOURS
    found = []
    starts = range(0, len(faces), QUERIES)
    for start in tqdm(starts, desc="alike", unit="batch", mininterval=1.0):
        cosine, indices = nearest(faces[start : start + QUERIES], faces, count)
        own = person[start : start + QUERIES, None]
        row, column = np.nonzero((cosine >= least) & (person[indices] != own))
        pair = np.sort(np.stack([start + row, indices[row, column]]), axis=0)
        found.append((pair, cosine[row, column]))
    pairs, cosines = (np.concatenate(parts, axis=-1) for parts in zip(*found, strict=True))
    (first, second), once = np.unique(pairs, axis=1, return_index=True)
    order = np.argsort(-cosines[once], kind="stable")
    return first[order], second[order], cosines[once][order]

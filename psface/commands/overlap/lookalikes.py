"""Find faces under two names that a model takes for one person."""

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

NEIGHBOURS = 10  # of other people, at least, compared with each face
QUERIES = 4096  # per batch


@dataclass(frozen=True)
class Known:
    """Embedded faces.

    Attributes
    ----------
    identity, session : (N,) str
    person : (N,) int64
        Index of the identity in ``people``.
    people : (P,) str
    faces : (N, D) float32
        Unit vectors.
    means : (P, D) float32
        Each person's mean face, normalised.
    """

    identity: np.ndarray
    session: np.ndarray
    person: np.ndarray
    people: np.ndarray
    faces: np.ndarray
    means: np.ndarray


def embedded(model: Path, folder: Path) -> Known:
    """Embed the packed crops of ``folder`` with a model.

    Raises
    ------
    UserError
        If there is no usable model, or the crops do not fit it.
    """
    recogniser = Recogniser(model)
    card = recogniser.card
    table = read_table(folder / "faces.parquet", "crop", ["identity", "session"])
    crops = crops_for(card, folder, "set overlap.model to another")
    if table.empty:
        raise UserError(f"{folder}: no faces; see failures.csv")
    rows = tqdm(np.arange(len(table)), desc="embeddings", unit="face", mininterval=1.0)
    faces = unit(recogniser.embed_stored(crops.read(np.array([row]))[0] for row in rows).identity)
    people, person = np.unique(table["identity"].to_numpy(str), return_inverse=True)
    identity, session = (table[name].to_numpy(str) for name in ("identity", "session"))
    means = person_means(faces, person, len(people))
    return Known(identity, session, person, people, faces, means)


def alike(
    faces: np.ndarray, person: np.ndarray, least: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find pairs of different people's faces with a cosine of ``least`` or more.

    Each face is compared with its nearest, at least `NEIGHBOURS` of them of other people.

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
        query = person[start : start + QUERIES, None]
        row, column = np.nonzero((cosine >= least) & (person[indices] != query))
        pair = np.sort(np.stack([start + row, indices[row, column]]), axis=0)
        found.append((pair, cosine[row, column]))
    pairs, cosines = (np.concatenate(parts, axis=-1) for parts in zip(*found, strict=True))
    (first, second), once = np.unique(pairs, axis=1, return_index=True)
    order = np.argsort(-cosines[once], kind="stable")
    return first[order], second[order], cosines[once][order]

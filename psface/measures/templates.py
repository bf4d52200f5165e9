"""Verification by templates: several captures of a person enrolled as one.

ISO/IEC 19795-1 calls what is enrolled a reference; of several captures it is the mean of their
embeddings, each of length 1 (``mean``) or as long as the network makes them (``weighted``), so
that captures of high quality count more (Meng et al., MagFace, CVPR 2021, section 4.3).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from psface.measures.error_rates import fnmr_at
from psface.measures.intervals import interval
from psface.measures.verification import Verification
from psface.vectors import person_means, unit

PAIRS = 2_000_000  # at most; of more, those of evenly spaced people
FMR = 1e-2


def templates_table(
    embeddings: np.ndarray, person: np.ndarray, draws: np.ndarray, seed: int
) -> pd.DataFrame:
    """Compare templates of growing size with captures that are in none, and templates with
    templates.

    Half of each person's captures, drawn at random, are for templates and half are compared with
    them, the same for all rows. A person with fewer captures than a row asks for gives all.

    Parameters
    ----------
    embeddings : (N, D)
        Not normalised.
    person : (N,) int

    Returns
    -------
    DataFrame
        ``captures`` in a template at most, ``against`` (captures or templates), ``pooling``,
        ``people``, ``genuine`` and ``impostors`` (pairs), ``auc``, ``auc_low``, ``auc_high``,
        ``eer``, ``fmr`` and, at it, ``fnmr``, ``fnmr_low``, ``fnmr_high``. Empty if fewer than two
        people have two captures.
    """
    counts = np.bincount(person, minlength=draws.shape[1])
    chosen = np.flatnonzero(counts >= 2)
    step = -(-int(len(chosen) * counts[chosen].sum()) // (2 * PAIRS)) or 1
    chosen = chosen[::step]
    place = _places(person, seed)
    rows = []
    used = np.isin(person, chosen)
    half = (counts[person] // 2)[used]
    embeddings, person, place = embeddings[used], person[used], place[used]
    if len(chosen) < 2:
        return pd.DataFrame(columns=COLUMNS)
    for size, against in _forms(int(half.max())):
        enrolled = place < np.minimum(half, size)
        for pooling in ("mean", "weighted") if size > 1 else ("mean",):
            faces = unit(embeddings) if pooling == "mean" else embeddings
            templates = person_means(faces[enrolled], person[enrolled], draws.shape[1])[chosen]
            others, owner = unit(embeddings[place >= half]), person[place >= half]
            if against == "templates":
                others, owner = person_means(faces[place >= half], owner, draws.shape[1]), chosen
                others = others[chosen]
            pairs = _compared(templates, chosen, others.astype(np.float32), owner)
            rows.append((size, against, pooling, len(chosen), *_measured(pairs, draws)))
    return pd.DataFrame(rows, columns=COLUMNS)


COLUMNS = [
    "captures", "against", "pooling", "people", "genuine", "impostors",
    "auc", "auc_low", "auc_high", "eer", "fmr", "fnmr", "fnmr_low", "fnmr_high",
]  # fmt: skip


def _forms(most: int) -> list[tuple[int, str]]:
    """Sizes of the templates and what they are compared with: 1, 2, 4, ... and the most."""
    sizes = sorted({*(2**k for k in range(most.bit_length())), most})
    return [(size, "captures") for size in sizes] + [(most, "templates")] * (most > 1)


def _places(person: np.ndarray, seed: int) -> np.ndarray:
    """Place (N,) of each capture among its person's, in random order."""
    order = np.random.default_rng(seed).permutation(len(person))
    shuffled = pd.Series(person[order])
    place = np.empty(len(person), int)
    place[order] = shuffled.groupby(shuffled).cumcount()
    return place


def _compared(
    templates: np.ndarray, people: np.ndarray, others: np.ndarray, owner: np.ndarray
) -> Verification:
    """Every template with every other vector."""
    first = np.repeat(np.arange(len(templates)), len(others))
    second = np.tile(np.arange(len(others)), len(templates))
    cosine = (templates @ others.T).ravel()
    a, b = people[first], owner[second]
    return Verification(cosine, a == b, a, b)


def _measured(pairs: Verification, draws: np.ndarray) -> tuple:
    low, high = interval(pairs.resampled_aucs(draws))
    genuine = int(pairs.same.sum())
    found = (genuine, pairs.impostors, pairs.auc, low, high, pairs.eer, FMR)
    return (*found, *fnmr_at(pairs, FMR, draws))

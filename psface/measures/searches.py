"""Open-set identification: is the person in the gallery, and who is it?

ISO/IEC 19795-1:2021 and NIST's FRTE 1:N (Grother, Ngan & Hanaoka, NISTIR 8271): of the searches of
people outside the gallery, the FPIR is the share that return anyone at or above a threshold; of the
searches of people inside, the FNIR is the share that do not return them, first and at or above it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from psface.measures.error_rates import fnmr_at
from psface.measures.scores import Scores
from psface.measures.verification import Verification

FPIRS = (1e-1, 1e-2, 1e-3)
SMALLEST = 10  # people in a gallery
CELLS = 2**22  # scores compared at once
RANKS = 50


@dataclass(frozen=True)
class Searches:
    """What every probe finds in the gallery.

    Attributes
    ----------
    person : (Q,) int
        The probe's person.
    mate : (Q,)
        Score of its own person's best gallery capture; -inf if the person has none.
    ahead : (Q,) int
        Other people in the gallery who score as high or higher.
    sizes : tuple of int
        People in each gallery: all, and parts of them, drawn at random.
    rival : (sizes, Q)
        Highest score of anyone else in each gallery, which has ``size - 1`` others: that of the
        search without the probe's own person.
    """

    person: np.ndarray
    mate: np.ndarray
    ahead: np.ndarray
    sizes: tuple[int, ...]
    rival: np.ndarray

    def of_size(self, number: int) -> Verification:
        """Searches in one gallery as pairs: the "genuine" with the mate's score, or -inf if it is
        not first, and the "impostor" with the best other's; only the probe's person counts."""
        rival, enrolled = self.rival[number], np.isfinite(self.mate)
        found = np.where(self.mate > rival, self.mate, -np.inf)[enrolled]
        same = np.arange(len(found) + len(rival)) < len(found)
        people = np.concatenate([self.person[enrolled], self.person])
        return Verification(np.concatenate([found, rival]), same, people, None)

    def cmc(self, ranks: int = RANKS) -> pd.DataFrame:
        """The cumulative match characteristic: ``rank``, ``hit_rate``, the share of the enrolled
        probes' people among so many; of equal scores, the own comes last."""
        ahead = self.ahead[np.isfinite(self.mate)]
        every = np.arange(1, min(ranks, self.sizes[0]) + 1)
        rates = [(ahead < rank).mean() if len(ahead) else np.nan for rank in every]
        return pd.DataFrame({"rank": every, "hit_rate": rates})

    def table(self, draws: np.ndarray | None, fpirs: tuple[float, ...] = FPIRS) -> pd.DataFrame:
        """``gallery``, ``fpir``, ``threshold``, ``fnir``, ``low``, ``high``, ``note``, for each
        size of the gallery and each rate; intervals by resampling the probes' people."""
        rows = []
        for number, size in enumerate(self.sizes):
            found = self.of_size(number)
            seen = [fpir for fpir in fpirs if found.tar_at(fpir) is not None and found.same.any()]
            for fpir in fpirs:
                row: dict = {"gallery": size, "fpir": fpir, "note": ""}
                if fpir not in seen:
                    row["note"] = f"needs {1 / fpir:,.0f} searches"
                else:
                    row["threshold"] = found.threshold_at(fpir)
                    row["fnir"], row["low"], row["high"] = fnmr_at(found, fpir, draws)
                    row["note"] = "" if row["fnir"] else "no miss seen"
                rows.append(row)
        columns = ["gallery", "fpir", "threshold", "fnir", "low", "high", "note"]
        return pd.DataFrame(rows, columns=columns)

    def curves(self, points: int = 200) -> pd.DataFrame:
        """``gallery``, ``fpir`` and ``fnir`` of every size, thinned."""
        parts = []
        for number, size in enumerate(self.sizes):
            found = self.of_size(number)
            if not 0 < found.impostors < len(found.same):
                continue
            curve = found.roc.thinned
            kept = np.unique(np.linspace(0, len(curve.far) - 1, points).astype(int))
            rates = {"fpir": curve.far[kept], "fnir": 1 - curve.tar[kept]}
            parts.append(pd.DataFrame({"gallery": size, **rates}))
        columns = ["gallery", "fpir", "fnir"]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def search(
    blocks: Iterable[np.ndarray], probe: np.ndarray, gallery: np.ndarray, seed: int
) -> Searches:
    """Search galleries of several sizes for every probe.

    Parameters
    ----------
    blocks : iterable of (q, G)
        Scores of the probes, some at a time and in order, with every gallery capture; NaN where
        they were not compared.
    probe, gallery : (Q,), (G,) int
        Their people.
    """
    enrolled, column = np.unique(gallery, return_inverse=True)
    people = len(enrolled)
    place = np.random.default_rng(seed).permutation(people)  # of each person, in growing galleries
    by_place = np.argsort(place[column], kind="stable")
    starts = np.flatnonzero(np.diff(place[column][by_place], prepend=-1))
    sizes = _sizes(people)
    row_of = np.full(int(max(probe.max(), gallery.max())) + 1, people)
    row_of[enrolled] = place
    own = row_of[probe]  # the place of each probe's person; ``people`` if not enrolled
    mates, aheads, done = [], [], 0
    rivals: list[list[np.ndarray]] = []
    for block in blocks:
        scores = np.where(np.isnan(block), -np.inf, block)[:, by_place]
        best = np.maximum.reduceat(scores, starts, axis=1)
        mine = own[done : done + len(block)]
        done += len(block)
        with_none = np.column_stack([best, np.full(len(best), -np.inf, best.dtype)])
        mate = with_none[np.arange(len(best)), mine]
        with_none[np.arange(len(best)), mine] = -np.inf
        aheads.append((with_none[:, :people] >= mate[:, None]).sum(axis=1))
        highest = np.maximum.accumulate(with_none[:, :people], axis=1)
        # A gallery of n has n - 1 others: if the own place is among the first n - 1, one more.
        last = [np.where(mine < n - 1, n - 1, n - 2) for n in sizes]
        rivals.append([highest[np.arange(len(best)), columns] for columns in last])
        mates.append(mate)
    rival = np.concatenate(rivals, axis=1)
    return Searches(probe, np.concatenate(mates), np.concatenate(aheads), sizes, rival)


def _sizes(people: int) -> tuple[int, ...]:
    """All people, and halves of halves of them, down to `SMALLEST`."""
    sizes = [people]
    while sizes[-1] // 2 >= SMALLEST:
        sizes.append(sizes[-1] // 2)
    return tuple(sizes)


def search_pairs(scores: Scores, seed: int) -> Searches | None:
    """Searches of the probes in the gallery, from the scores of all pairs; None if these are only
    some of the pairs, or if there are not two people."""
    if scores.some is not None or len(np.unique(scores.person[scores.gallery])) < 2:
        return None
    probes, gallery = np.flatnonzero(~scores.gallery), np.flatnonzero(scores.gallery)
    if not len(probes):
        return None
    count = len(scores.identity)
    starts = np.cumsum(np.r_[0, count - 1 : 0 : -1])  # where each first capture's pairs begin

    def rows() -> Iterable[np.ndarray]:
        for part in np.array_split(probes, -(-len(probes) * len(gallery) // CELLS)):
            low = np.minimum(part[:, None], gallery)
            yield scores.cosine[starts[low] + np.maximum(part[:, None], gallery) - low - 1]

    return search(rows(), scores.person[probes], scores.person[gallery], seed)


def search_faces(
    faces: np.ndarray, person: np.ndarray, gallery: np.ndarray, seed: int
) -> Searches | None:
    """The same from unit embeddings (N, D) of people (N,), of which ``gallery`` (N,) bool are
    enrolled, whatever their number."""
    if len(np.unique(person[gallery])) < 2 or gallery.all():
        return None
    enrolled, probes = faces[gallery].T, faces[~gallery]
    blocks = -(-len(probes) * enrolled.shape[1] // CELLS)
    products = (part @ enrolled for part in np.array_split(probes, blocks))
    return search(products, person[~gallery], person[gallery], seed)

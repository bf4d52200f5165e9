"""Identification with one capture of each person enrolled, whichever that is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from psface.vectors import unit

PAIRS_AT_ONCE = 5_000  # of an enrolled capture and a probe: memory for all resamples of these


@dataclass(frozen=True)
class OneEnrolled:
    """Rank-1 over all galleries that have one capture of each person.

    Each person's enrolled capture is drawn from theirs, each equally likely, independently of the
    others'; all their other captures are probes. A probe is a hit if its own person's enrolled
    capture has a higher cosine than everyone else's: a tie is none. Rank-1 is the share of hits
    among the probes, averaged over all galleries. People of one capture are in every gallery, and
    never probes.

    The average is exact, and needs no drawing of galleries: given the enrolled capture e of its
    person, a probe p is a hit with probability ``prod_b share_b``, over all other people b, of the
    share of b's captures whose cosine with p is below that of e.

    Attributes
    ----------
    shares : (pairs, people) float32
        ``share_b`` of each pair of an enrolled capture and a probe of one person; 1 for that
        person.
    person : (pairs,) int
        Their person.
    captures : (people,) int

    Examples
    --------
    >>> faces = np.array([[1, 0], [0.9, 0.1], [0, 1], [0.8, 0.2]])
    >>> one_enrolled(faces, np.array(["a", "a", "b", "b"])).rank1
    0.75
    """

    shares: np.ndarray
    person: np.ndarray
    captures: np.ndarray

    @property
    def rank1(self) -> float:
        """Averaged over all galleries; NaN without a probe."""
        return float(self.resampled(np.ones((1, len(self.captures)), np.uint16))[0])

    def resampled(self, draws: np.ndarray) -> np.ndarray:
        """Rank-1 of every resample of people, (resamples,); NaN where there is no probe.

        A person counts as often as drawn, as probes and among the other people of the gallery,
        with a capture drawn anew each time; copies of the probe's own person are left out.

        Parameters
        ----------
        draws : (resamples, people) int
            How often each person counts (`psface.measures.intervals.draw_people`).
        """
        times = draws.T.astype(np.float64)  # (people, resamples)
        hits = np.zeros(len(draws))
        with np.errstate(divide="ignore"):
            logs = np.maximum(np.log(self.shares), -1e9)  # finite, so that none of them counts 0
        for start in range(0, len(logs), PAIRS_AT_ONCE):
            part = slice(start, start + PAIRS_AT_ONCE)
            person = self.person[part]
            chance = times[person] / self.captures[person][:, None]
            hits += (chance * np.exp(logs[part] @ times)).sum(axis=0)
        probes = (self.captures - 1) @ times
        return np.divide(hits, probes, out=np.full(len(draws), np.nan), where=probes > 0)


def one_enrolled(embeddings: np.ndarray, identity: np.ndarray) -> OneEnrolled:
    """Compare all captures.

    Parameters
    ----------
    embeddings : (N, D) float
        Of any length; zero ones are like nothing.
    identity : (N,) str
        Their people, who are numbered in the order of their names.
    """
    order = np.argsort(identity, kind="stable")
    faces = unit(embeddings[order])
    captures = np.unique(identity, return_counts=True)[1]
    starts = np.cumsum(captures) - captures
    shares, people = [], []
    for person, (start, count) in enumerate(zip(starts, captures, strict=True)):
        for probe in range(start, start + count) if count > 1 else ():
            cosines = faces @ faces[probe]
            own = np.delete(cosines[start : start + count], probe - start)
            below = np.add.reduceat(cosines < own[:, None], starts, axis=1, dtype=np.int64)
            share = (below / captures).astype(np.float32)
            share[:, person] = 1
            shares.append(share)
            people += [person] * len(own)
    every = np.concatenate(shares) if shares else np.empty((0, len(captures)), np.float32)
    return OneEnrolled(every, np.array(people, int), captures)

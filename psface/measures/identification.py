"""Identification: whose gallery capture is nearest to a probe?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from psface.measures.scores import Scores

PICTURED = 5  # nearest gallery captures


@dataclass(frozen=True)
class Ranking:
    """The gallery, ranked for each probe.

    Attributes
    ----------
    order : (probes, n) int
        Gallery captures by decreasing cosine, at most `psface.measures.scores.NEAREST`.
    probes, gallery : (probes,), (gallery,) int
        Their indices among the captures.
    probe_ids, gallery_ids : (probes,), (gallery,) str
    """

    order: np.ndarray
    probes: np.ndarray
    gallery: np.ndarray
    probe_ids: np.ndarray
    gallery_ids: np.ndarray

    def pictured(self, probe: int) -> list[int]:
        """The captures to show for a probe: itself, its own gallery capture and the nearest."""
        enrolled = np.flatnonzero(self.gallery_ids == self.probe_ids[probe])[0]
        shown = [enrolled, *self.order[probe, :PICTURED]]
        return [int(self.probes[probe]), *map(int, self.gallery[shown])]

    @property
    def hits(self) -> np.ndarray:
        """(probes,) bool: whether the nearest gallery capture shows the probe's person."""
        return self.gallery_ids[self.order[:, 0]] == self.probe_ids

    def rate(self, rank: int) -> float:
        """Share of probes with their person among the ``rank`` nearest gallery captures."""
        nearest = self.gallery_ids[self.order[:, :rank]]
        return float((nearest == self.probe_ids[:, None]).any(axis=1).mean())


def rank_gallery(scores: Scores) -> Ranking:
    """Rank the gallery for every probe."""
    probes, gallery = np.flatnonzero(~scores.gallery), np.flatnonzero(scores.gallery)
    names = scores.identity
    return Ranking(scores.nearest, probes, gallery, names[probes], names[gallery])

"""Identification: whose gallery capture is nearest to a probe?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stages.evaluate.scores import Scores


@dataclass(frozen=True)
class Ranking:
    """The gallery as each probe sees it.

    Attributes
    ----------
    order : (probes, gallery) int
        Gallery captures by falling cosine.
    probe_ids, gallery_ids : (probes,), (gallery,) str
    """

    order: np.ndarray
    probe_ids: np.ndarray
    gallery_ids: np.ndarray

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
    order = np.argsort(-scores.probes_to_gallery(), axis=1, kind="stable")
    return Ranking(order, scores.identity[~scores.gallery], scores.identity[scores.gallery])

"""Identification: whose gallery capture is nearest to a probe?"""

from __future__ import annotations

import numpy as np

from stages.pairs import unit


def rank_gallery(probes: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """Gallery indices by falling cosine, (probes, gallery), for embeddings (., D)."""
    return np.argsort(-(unit(probes) @ unit(gallery).T), axis=1, kind="stable")


def rank_rate(
    order: np.ndarray, probe_ids: np.ndarray, gallery_ids: np.ndarray, rank: int
) -> float:
    """Share of probes with their person among the ``rank`` nearest gallery captures."""
    nearest = gallery_ids[order[:, :rank]]
    return float((nearest == probe_ids[:, None]).any(axis=1).mean())

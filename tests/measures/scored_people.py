"""Test captures with made-up embeddings."""

import numpy as np
import pandas as pd

from psface.measures.scores import Scores, score_captures


def scores_of(
    embeddings: np.ndarray,
    identities: np.ndarray,
    labels: dict[str, list[str]] | None = None,
    impostors: int = 10**9,
) -> Scores:
    """Scores of (N, D) embeddings; each person's first capture is the gallery's.

    ``labels`` gives each attribute's raw labels; every label is a class, in alphabetical order, and
    an empty one is unknown.
    """
    table = pd.DataFrame(
        {"identity": identities, "session": [f"s{i}" for i in range(len(identities))]}
    )
    attributes = {}
    for name, values in (labels or {}).items():
        table[name] = values
        attributes[name] = {value: [value] for value in sorted(set(values) - {""})}
    gallery = ~pd.Series(identities).duplicated().to_numpy()
    return score_captures(
        np.asarray(embeddings, dtype=float), table, gallery, attributes, impostors, 0
    )

"""The errors of groups of simulated people, as the report has them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from psface.errors import UserError
from psface.measures.comparisons import comparisons_of
from psface.measures.error_summary import summarise_errors
from psface.measures.failures import Attempts
from psface.measures.scores import score_captures

SEED = 78  # not that of the people whom the shipped model knows
RESAMPLES = 500


def group_errors(
    vectors: np.ndarray, captures: pd.DataFrame, attribute: str, classes: tuple[str, ...],
    attempts: Attempts | None = None,
) -> pd.DataFrame:  # fmt: skip
    """The report's table of groups.

    Parameters
    ----------
    vectors : (N, D)
        Of the captures.
    captures : DataFrame
        Columns ``identity``, ``session`` and the attribute.
    classes : tuple of str
        Its values.

    Raises
    ------
    UserError
        If the captures are not of two people.
    """
    if captures["identity"].nunique() < 2:
        raise UserError("measure: hardly a face was found")
    enrolled = ~captures["identity"].duplicated().to_numpy()
    attributes = {attribute: {name: [name] for name in classes}}
    scores = score_captures(vectors, captures, enrolled, attributes, 10**7, SEED)
    summary = summarise_errors(comparisons_of(scores, None, SEED), attempts, RESAMPLES, SEED)
    return summary.tables["groups"]

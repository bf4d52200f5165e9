"""``psface measure identify``: whether promised rates hold on the user's own people.

In random draws, some of the people are enrolled with half their captures, and the others are
strangers.
"""

from __future__ import annotations

import math
from pathlib import Path

import click
import numpy as np
import pandas as pd

from psface.commands.arguments import model_option
from psface.errors import UserError
from psface.measures.people_rates import share_interval, share_variance
from psface.recognise.enrolment import embed_people
from psface.recognise.gallery import build_gallery
from psface.recognise.recogniser import Recogniser
from psface.running import PATH
from psface.search import nearest
from psface.vectors import unit

ENROLLED = 0.7  # of the people
FARS = (0.05, 0.1, 0.2)
DRAWS = 100


def open_set(identities: np.ndarray, embeddings: np.ndarray, draws: int) -> pd.DataFrame:
    """Test open-set identification over random draws of enrolled people and captures.

    Parameters
    ----------
    identities : (N,) str
    embeddings : (N, D) float32

    Returns
    -------
    DataFrame
        A row per false accept rate: ``promised``; ``accepted``, of the strangers' captures, with
        its 95% interval by people (`psface.measures.people_rates.share_interval`), ``low`` and
        ``high``; and, of the enrolled people's other captures, ``identified`` (correct and above
        the threshold) and ``nearest`` (correct). A rate that cannot be promised with so few people
        has no row.

    Raises
    ------
    UserError
        If there are fewer than four people, or anyone has a single capture.
    """
    rng = np.random.default_rng(0)
    names, person, counts = np.unique(identities, return_inverse=True, return_counts=True)
    if len(names) < 4 or counts.min() < 2:
        raise UserError("expected four people or more, with two captures or more each")
    faces = unit(embeddings)
    shape = (len(FARS), len(names))
    accepted, strange, identified = np.zeros(shape), np.zeros(shape), np.zeros(len(FARS))
    correct = known = 0
    for _ in range(draws):
        chosen = rng.permutation(len(names)) < round(ENROLLED * len(names))
        rank = pd.Series(rng.random(len(person))).groupby(person).rank().to_numpy()
        enrolled = chosen[person] & (rank <= counts[person] // 2)
        probes, strangers = chosen[person] & ~enrolled, ~chosen[person]
        gallery = build_gallery(identities[enrolled], embeddings[enrolled], None, "")
        cosines, rows = nearest(faces, gallery.means, 1)
        hits = np.array(gallery.names)[rows[:, 0]] == identities
        correct, known = correct + int(hits[probes].sum()), known + int(probes.sum())
        for row, far in enumerate(FARS):
            if (threshold := gallery.threshold(far)) == math.inf:
                continue
            over = cosines[:, 0] > threshold
            np.add.at(accepted[row], person[strangers], over[strangers])
            np.add.at(strange[row], person[strangers], 1)
            identified[row] += (hits & over)[probes].sum()
    table = []
    for row, far in enumerate(FARS):
        if not strange[row].any():
            continue
        mean = accepted[row].sum() / strange[row].sum()
        variance = share_variance(accepted[row], strange[row])
        low, high = share_interval(mean, variance, len(identities), len(names))
        table.append((far, mean, low, high, identified[row] / known, correct / known))
    columns = ["promised", "accepted", "low", "high", "identified", "nearest"]
    return pd.DataFrame(table, columns=columns).round(3)


@click.command(epilog="Example: psface measure identify people/")
@click.argument("folder", type=PATH)
@model_option
def promised_rates(folder: Path, model: Path) -> None:
    """Measure how often strangers are accepted, against the promised rate.

    FOLDER has a folder per person. Exit status: 0; 1 if there are too few people; 2 for wrong
    arguments.
    """
    names, embeddings, refusals = embed_people(Recogniser(model), folder, "measure")
    if not len(names):
        raise UserError(f"{folder}: no capture or picture in it that the model can use")
    people, rates = len(np.unique(names)), open_set(names, embeddings, DRAWS)
    if not len(rates):
        raise UserError(
            f"{folder}: {people} people are too few to promise a false accept rate of "
            f"{max(FARS):g}; give more"
        )
    print(rates.to_string(index=False))
    print(f"measure: {people} people, {len(names)} captures, {len(refusals)} not used")

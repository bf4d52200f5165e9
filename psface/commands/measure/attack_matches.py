"""How often attacks match the person whom they copy (IAPMR, ISO/IEC 30107-3)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import pandas as pd

from psface.attacks.attacks import LIVE, pixels_of, record_attack
from psface.errors import UserError
from psface.liveness.verdict import THRESHOLD, liveness
from psface.measures.attack_rates import accepted, share_between, threshold_at
from psface.parallel import map_in_processes
from psface.recognise.preprocessing import crop_pixels
from psface.recognise.recogniser import Recogniser
from psface.simulate.simulate_params import SimulateParams
from psface.simulate.true_rig import TrueRig, draw_rig
from psface.vectors import unit

ENROLLED, PROBE, COPIED = range(3)  # sessions
FMRS = (0.01, 0.001)
SEED = 77  # not that of params.yaml, whose people the model knows


def matches(model: Path, params: SimulateParams, people: int, kinds: Sequence[str]) -> pd.DataFrame:
    """Compare attacks with the templates of the people whom they copy.

    Templates, attempts of the people themselves and what is copied come from a capture of its own
    each. Thresholds are those that a share of `FMRS` of the comparisons with other people reaches.

    Returns
    -------
    DataFrame
        A row per kind, the people's own attempts first: ``of`` how many, ``seen`` in how many a
        face is found, and for each FMR its threshold, the share of all that ``match`` (IAPMR; for
        live attempts 1 - FRR), the bounds of its 95% interval, and of those that are taken for live
        as well.

    Raises
    ------
    UserError
        If the model cannot be used, or a template's face is not found.
    """
    rig = draw_rig(params, SEED)
    work = partial(_embedded, model, params, rig)
    items = [(LIVE, number, ENROLLED) for number in range(people)]
    items += [(LIVE, number, PROBE) for number in range(people)]
    items += [(kind, number, COPIED) for kind in kinds for number in range(people)]
    found = list(map_in_processes(work, items, "matches"))
    templates, probes = found[:people], found[people : 2 * people]
    known = {number: of[0] for number, of in enumerate(templates) if of is not None}
    if len(known) < 2:
        raise UserError("measure: no face found in the captures to enrol")
    others = np.array([
        of[0] @ template
        for number, of in enumerate(probes) if of is not None
        for name, template in known.items() if name != number
    ])  # fmt: skip
    thresholds = {rate: -threshold_at(-others, rate) for rate in FMRS}
    rows = []
    for place, kind in enumerate((LIVE, *kinds), start=1):
        of = list(enumerate(found[place * people : (place + 1) * people]))
        judged = [(n, item) for n, item in of if item is not None and n in known]
        scores = np.array([item[0] @ known[n] for n, item in judged])
        live = np.array([item[1] >= THRESHOLD for _, item in judged], dtype=bool)
        rows.append({"kind": kind, "of": len(of), "seen": len(judged)})
        rows[-1] |= _shares(scores, live, thresholds, len(of))
    return pd.DataFrame(rows).round(4)


def _shares(
    scores: np.ndarray, live: np.ndarray, thresholds: dict[float, float], of: int
) -> dict[str, float]:
    row: dict[str, float] = {}
    for rate, threshold in thresholds.items():
        name = f"fmr_{rate:g}"
        row[f"threshold_{name}"] = threshold
        if np.isfinite(threshold):
            matched = accepted(scores, threshold)
            row[f"match_{name}"] = matched / of
            row[f"low_{name}"], row[f"high_{name}"] = share_between(matched, of)
            row[f"live_and_match_{name}"] = accepted(scores[live], threshold) / of
    return row


def _embedded(
    model: Path, params: SimulateParams, rig: TrueRig, item: tuple[str, int, int]
) -> tuple[np.ndarray, float] | None:
    """Unit embedding and liveness of an attempt; None if no face is found."""
    recogniser = _recogniser(model)
    attempt = record_attack(item[0], params, rig, SEED, *item[1:])
    crop = crop_pixels(pixels_of(attempt, rig.file()), recogniser.card)
    if crop is None:
        return None
    return unit(recogniser.embed([crop]).identity)[0], liveness(crop).score


@lru_cache(maxsize=1)
def _recogniser(model: Path) -> Recogniser:
    return Recogniser(model)

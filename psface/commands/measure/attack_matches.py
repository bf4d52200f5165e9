"""How often attacks match the person whom they copy (IAPMR, ISO/IEC 30107-3)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import pandas as pd

from psface.attacks.attacks import LIVE, pixels_of, record_attack
from psface.commands.measure.attack_errors import SEED, code_of, shares
from psface.commands.measure.resumed import resumed
from psface.errors import UserError
from psface.liveness.verdict import THRESHOLD, liveness
from psface.measures.attack_rates import threshold_at
from psface.recognise.preprocessing import crop_pixels
from psface.recognise.recogniser import Recogniser
from psface.simulate.simulate_params import SimulateParams
from psface.simulate.true_rig import TrueRig, draw_rig
from psface.vectors import unit

ENROLLED, PROBE, COPIED = range(3)  # sessions
FMRS = (0.01, 0.001)


def matches(
    model: Path, params: SimulateParams, people: int, kinds: Sequence[str], index: Path
) -> pd.DataFrame:
    """Compare attacks with the templates of the people whom they copy.

    Templates, attempts of the people themselves and what is copied come from a capture of its own
    each. Thresholds are those that a share of `FMRS` of the comparisons with other people reaches.
    ``index`` keeps what was found (`resumed`).

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
    kinds_of = [(LIVE, ENROLLED), (LIVE, PROBE), *((kind, COPIED) for kind in kinds)]
    items = [(kind, n, session) for n in range(people) for kind, session in kinds_of]
    card = _recogniser(model).card
    code = code_of(
        card.crop, card.stereo, "psface.attacks.attacks", "psface.recognise.recogniser",
        "psface.liveness.verdict",
    )  # fmt: skip
    depends_on = [params.model_dump_json(), f"{SEED}", card.digest, code]
    every = resumed(work, items, index, depends_on, "matches")
    found = dict(zip(items, map(_arrays, every), strict=True))
    templates, probes = ([found[LIVE, n, s] for n in range(people)] for s in (ENROLLED, PROBE))
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
    for kind, session in kinds_of[1:]:
        attempts = [(n, found[kind, n, session]) for n in range(people)]
        judged = [(n, item) for n, item in attempts if item is not None and n in known]
        scores = np.array([item[0] @ known[n] for n, item in judged])
        live = np.array([item[1] >= THRESHOLD for _, item in judged], dtype=bool)
        rows.append({"kind": kind, "of": people, "seen": len(judged)})
        for rate, threshold in thresholds.items():
            name = f"fmr_{rate:g}"
            rows[-1][f"threshold_{name}"] = threshold
            if np.isfinite(threshold):
                matched = scores >= threshold
                rows[-1] |= _shares("match", name, matched, people)
                rows[-1] |= _shares("live_and_match", name, matched & live, people)
    return pd.DataFrame(rows).round(4)


def _shares(rate: str, name: str, matched: np.ndarray, people: int) -> dict[str, float]:
    """Of one attempt of each person, with those in which no face was seen."""
    every = np.concatenate([matched, np.zeros(people - len(matched), bool)])
    return shares(rate, name, pd.Series(np.arange(people)), every)


def _arrays(found: tuple[list[float], float] | None) -> tuple[np.ndarray, float] | None:
    return None if found is None else (np.array(found[0], np.float32), found[1])


def _embedded(
    model: Path, params: SimulateParams, rig: TrueRig, item: tuple[str, int, int]
) -> tuple[list[float], float] | None:
    """Unit embedding and liveness of an attempt; None if no face is found."""
    recogniser = _recogniser(model)
    attempt = record_attack(item[0], params, rig, SEED, *item[1:])
    crop = crop_pixels(pixels_of(attempt, rig.file()), recogniser.card)
    if crop is None:
        return None
    return unit(recogniser.embed([crop]).identity)[0].tolist(), liveness(crop).score


@lru_cache(maxsize=1)
def _recogniser(model: Path) -> Recogniser:
    return Recogniser(model)

"""``psface measure liveness``: how often copies of faces pass for live ones.

The simulator makes attacks of every kind on its rig (`psface.attacks.attacks`), each a copy of a
capture of another person, and these captures. With ``--captures``, frames of real captures are put
on a plane, a bent sheet and a screen, and these are compared with the captures themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click
import numpy as np
import pandas as pd

from psface.attacks.attacks import KINDS, LIVE, pixels_of, record_attack
from psface.attacks.relit_copies import COPIES, relit
from psface.captures.capture import Capture, Pixels
from psface.captures.capture_table import read_captures
from psface.commands.measure.measured_table import table_option, write_measured
from psface.commands.measure.resumed import resumed
from psface.config import Seed, Selection, load
from psface.detect.detectors import DETECTORS
from psface.errors import UserError
from psface.faces.crop_params import CropParams
from psface.fingerprint import code_digest
from psface.liveness.looking import CROP, STEREO, seen_face
from psface.liveness.verdict import THRESHOLD, liveness
from psface.measures.attack_rates import threshold_against, threshold_at
from psface.measures.people_rates import own_tally
from psface.parallel import map_in_processes
from psface.registry import module_of
from psface.report.attack_picture import ShownAttack, draw_attacks
from psface.running import PATH
from psface.simulate.simulate_params import SimulateParams
from psface.simulate.true_rig import TrueRig, draw_rig
from psface.stereo.integrators.integrators import INTEGRATORS
from psface.stereo.stereo_params import StereoParams

OUT = Path("reports/liveness_measured.csv")
SEED = 77  # not that of the population that thresholds come from
RATES = (0.001, 0.01, 0.05)  # BPCER
APCER = 0.01
PADDING = 0.25  # of real captures, which may be cropped tightly

Judged = tuple[str, str, str, bool, float]  # kind, of whom, what was copied, found, score
COLUMNS = ("kind", "person", "source", "found", "score")


class Sections(Selection):
    simulate: SimulateParams
    seed: Seed


@click.command(epilog="Example: psface measure liveness --people 1000 --scale 0.5")
@click.option(
    "--people", type=click.IntRange(1), default=200, show_default=True,
    help="Attacks of each kind, and live captures.",
)  # fmt: skip
@click.option(
    "--kinds", multiple=True, type=click.Choice(KINDS), help="Only these; may be repeated."
)
@click.option(
    "--scale", type=click.FloatRange(0.3, 2), default=1.0, show_default=True,
    help="Size of the frames, as a share of params.yaml's: smaller is faster.",
)  # fmt: skip
@click.option(
    "--captures", type=PATH, metavar="FILE",
    help="Instead: real captures, as a table of ingest (data/sessions.parquet).",
)  # fmt: skip
@click.option(
    "--model", type=PATH, metavar="FOLDER",
    help="Instead: how often a trained model matches attacks with the person whom they copy.",
)  # fmt: skip
@table_option(OUT)
def attack_errors(
    people: int,
    kinds: tuple[str, ...],
    scale: float,
    captures: Path | None,
    model: Path | None,
    out: Path,
) -> None:
    """Measure APCER of each kind of attack at BPCERs of 0.1% to 5%, and BPCER at an APCER of 1%.

    Thresholds come from the measured live captures; a rate that they are too few for is empty.
    Beside the table are a picture that shows one attack of each kind, and the scores of all. A
    stopped run goes on where it was.
    Exit status: 0; 1 if no live face is found; 2 for wrong arguments.
    """
    if captures is not None and model is not None:
        raise click.UsageError("Give --captures or --model, not both.")
    params = sized(load(Sections).simulate, scale)
    index = out.with_name(f"{out.name}.index")
    if model is not None:
        from psface.commands.measure.attack_matches import matches

        table = matches(model, params, people, kinds or KINDS, index)
    else:
        if captures is not None:
            several = [c for c in read_captures(captures) if len(c.lights) > 2]
            if not several:
                raise UserError(f"{captures}: no capture under three lamps or more in it")
            rows = of_captures(several)
        else:
            rows = simulated(params, people, kinds or KINDS, index)
            draw_attacks(shown(params, kinds or KINDS), out.with_suffix(".png"))
        scores = pd.DataFrame(rows, columns=list(COLUMNS))
        table = rates(scores)
        write_measured(scores, out.with_name(f"{out.stem}_scores.csv"))
    write_measured(table, out)
    print(table.to_string(index=False))
    print(f"measure: {out}")


def sized(params: SimulateParams, scale: float) -> SimulateParams:
    """Frames of another size."""
    size = {"width": round(params.width * scale), "height": round(params.height * scale)}
    return params.model_copy(update=size)


def simulated(
    params: SimulateParams, people: int, kinds: Sequence[str], index: Path
) -> list[Judged]:
    """Judge a live capture and an attack of each kind for every person; see `resumed`."""
    work = partial(_attack, params, draw_rig(params, SEED))
    items = [(kind, number) for number in range(people) for kind in (LIVE, *kinds)]
    depends_on = [params.model_dump_json(), f"{SEED}"]
    depends_on.append(code_of(CROP, STEREO, "psface.attacks.attacks", "psface.liveness.looking"))
    found = resumed(work, items, index, depends_on, "measure")
    return [(kind, f"{n}", *of) for (kind, n), of in zip(items, found, strict=True)]


def code_of(crop: CropParams, stereo: StereoParams, *modules: str) -> str:
    """Hash the code of modules, and of the detector and the integrator that parameters name."""
    named = [DETECTORS.get(crop.detector), INTEGRATORS[stereo.integrator]]
    return code_digest(*modules, *(module_of(address) for address in named if address))


def _attack(params: SimulateParams, rig: TrueRig, item: tuple[str, int]) -> tuple[str, bool, float]:
    kind, number = item
    attack = record_attack(kind, params, rig, SEED, number, 0)
    return (attack.source, *_judged(pixels_of(attack, rig.file()), _crop(params)))


def _crop(params: SimulateParams) -> CropParams:
    """The usual search for faces, of smaller faces in smaller frames."""
    smallest = round(CROP.min_face_size * min(1.0, min(params.width, params.height) / 360))
    return CROP.model_copy(update={"min_face_size": smallest})


def shown(params: SimulateParams, kinds: Sequence[str], number: int = 0) -> list[ShownAttack]:
    """A live capture of a person and the attacks by its copies, as the picture shows them."""
    rig, rows = draw_rig(params, SEED), []
    for kind in (LIVE, *kinds):
        attack = record_attack(kind, params, rig, SEED, number, 0)
        crop, _ = seen_face(pixels_of(attack, rig.file()), _crop(params))
        frames = [*attack.frames, *([] if attack.ambient is None else [attack.ambient])]
        if crop is None:
            rows.append(ShownAttack(kind, frames, None, float("nan"), ""))
            continue
        live = liveness(crop)
        normal = crop.planes["normalmap"]
        rows.append(ShownAttack(kind, frames, normal, live.score, live.reason(THRESHOLD)))
    return rows


def of_captures(captures: Sequence[Capture]) -> list[Judged]:
    """Judge captures, and copies of their frames."""
    return [row for rows in map_in_processes(_copies, captures, "measure") for row in rows]


def _copies(capture: Capture) -> list[Judged]:
    pixels = capture.pixels()
    key = (capture.identity, capture.key)
    tight = CROP.model_copy(update={"padding": PADDING})
    rows = [(LIVE, key[0], "", *_judged(pixels, tight))]
    rng = np.random.default_rng(list(key[1].encode()))
    for kind in COPIES:
        source, frames = relit(kind, pixels.grey, capture.lights, rng)
        copied = Pixels(frames, None, capture.lights, None)
        rows.append((kind, key[0], source, *_judged(copied, tight)))
    return rows


def _judged(pixels: Pixels, params: CropParams) -> tuple[bool, float]:
    crop, _ = seen_face(pixels, params)
    return (False, float("nan")) if crop is None else (True, liveness(crop).score)


def rates(scores: pd.DataFrame) -> pd.DataFrame:
    """Error rates of each kind, from rows of `COLUMNS`.

    Returns
    -------
    DataFrame
        A row per kind: ``of`` how many, and of how many ``people``; ``told`` of how many there is a
        score, its ``lowest``, ``median`` and ``highest``; for the default threshold and that of
        each BPCER of `RATES` how many ``passed``, APCER of all of them, or BPCER of those told, and
        the bounds of its 95% interval by people; BPCER at `APCER`, with its own at that threshold.

    Raises
    ------
    UserError
        If no live capture has a score.
    """
    live = scores[(scores.kind == LIVE) & scores.score.notna()]
    if not len(live):
        raise UserError("measure: no face found in any live capture")
    levels = {f"{100 * rate:g}%": threshold_at(live.score.to_numpy(), rate) for rate in RATES}
    rows = []
    for kind, group in scores.groupby("kind", sort=False):
        told = group.score.dropna()
        low, middle, high = np.quantile(told, [0, 0.5, 1]) if len(told) else [np.nan] * 3
        row = {"kind": kind, "of": len(group), "people": group.person.nunique()}
        row |= {"told": len(told), "lowest": low, "median": middle, "highest": high}
        for name, threshold in {"default": THRESHOLD, **levels}.items():
            row[f"threshold_{name}"] = threshold
            if np.isfinite(threshold):
                row |= _bpcer(live, threshold, name) if kind == LIVE else _apcer(
                    group, threshold, name
                )  # fmt: skip
        if kind != LIVE and len(told):
            threshold = threshold_against(group.score.to_numpy(), APCER)
            row |= _bpcer(live, threshold, f"at_apcer_{APCER:.0%}")
        rows.append(row)
    return pd.DataFrame(rows).round(4)


def _apcer(attacks: pd.DataFrame, threshold: float, name: str) -> dict[str, float]:
    passed = (attacks.score >= threshold).to_numpy()
    return {f"passed_{name}": passed.sum(), **shares("apcer", name, attacks.person, passed)}


def _bpcer(live: pd.DataFrame, threshold: float, name: str) -> dict[str, float]:
    return shares("bpcer", name, live.person, (live.score < threshold).to_numpy())


def shares(rate: str, name: str, person: pd.Series, wrong: np.ndarray) -> dict[str, float]:
    """Columns of a rate and its interval by people."""
    counts = own_tally(person.to_numpy(), wrong)
    low, high = counts.interval(None)
    return {f"{rate}_{name}": counts.rate, f"{rate}_low_{name}": low, f"{rate}_high_{name}": high}

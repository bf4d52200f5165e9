"""``psface measure trust``: plant faults in captures, and count how many the trust checks name.

Faults are planted one at a time in registered frames or in their lights, and judged in three ways:
one capture alone, one among others of its rig that are sound, and all of them. A fault is found if
there is a warning of its kind, and right if the remedy is right: for wrong orders and signs, if it
gives normals within 6 degrees of the true ones, so that equivalent remedies count alike; for
others, if the warning's code is the first that `REMEDIES` names. The captures as they are give the
false alarms.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click
import numpy as np
import pandas as pd

from psface.captures.capture import Capture
from psface.captures.capture_table import read_captures
from psface.commands.measure.measured_table import table_option, write_measured
from psface.commands.measure.planted_faults import NONE, Planted, planted
from psface.config import Seed, Selection, load
from psface.errors import UserError
from psface.faces.crop_params import CropParams
from psface.faces.rig_check import Checked, check_rig, rigs_of
from psface.parallel import map_in_processes
from psface.running import PATH
from psface.stereo.stereo_params import StereoParams
from psface.stereo.trust.trust_warning import TrustWarning

CAPTURES = Path("data/sessions.parquet")
OUT = Path("reports/trust_measured.csv")
OTHERS = 39  # captures beside a capture, drawn from its rig
OUTLYING = 3.0  # degrees: of faults that change normals by more, shares are given by themselves

ORDERS = ("lamps-order", "lamps-flipped")
STALE = ("lamps-stale", "lamp-strength"), ("not-linear",)
# What is right to say of a fault, of a capture or, with "rig-" or "rig-lamp", of its rig; and what
# finds it only.
REMEDIES = {
    "gamma": (("not-linear",), ("lamps-stale",)),
    "ambient": (("ambient",), ("not-linear",)),
    "failed lamp": (("failed-lamp",), ()),
    "one lamp twice": (("same-lamp",), ()),
    "lamp at": (("lamp-strength",), ("lamps-stale",)),
    "auto-exposure": (("auto-exposure",), ("lamp-strength",)),
    "slant": STALE,
    "turned": STALE,
    "one lamp moved": STALE,
}
OF_RIGS = {"rig-stale": "lamps-stale", "rig-strength": "lamp-strength"}


class Sections(Selection):
    seed: Seed
    crop: CropParams
    stereo: StereoParams


@click.command(epilog="Example: psface measure trust --every 2")
@click.option(
    "--every", type=click.IntRange(1), default=1, show_default=True, help="Take every n-th person."
)
@click.option(
    "--first", type=click.IntRange(0), default=0, show_default=True, help="Begin with this one."
)
@click.option(
    "--captures", type=PATH, default=CAPTURES, show_default=True, help="The table of ingest."
)
@table_option(OUT)
def trust_faults(every: int, first: int, captures: Path, out: Path) -> None:
    """Measure how many planted faults the trust checks find, on the captures of `ingest`.

    Exit status: 0; 1 if no face is found in any capture; 2 for wrong arguments.
    """
    params = load(Sections)
    several = [c for c in read_captures(captures) if len(c.lights) > 2]
    people = set(list(dict.fromkeys(c.identity for c in several))[first::every])
    chosen = [c for c in several if c.identity in people]
    table = measure(chosen, params)
    write_measured(table, out)
    print(table.to_string(index=False))
    print(f"measure: {len(chosen)} captures of {len(people)} people ({out})")


def measure(captures: list[Capture], params: Sections) -> pd.DataFrame:
    """Plant every fault in every capture.

    Returns
    -------
    DataFrame
        A row per fault: ``of`` how many, ``change`` of the normals in degrees (median), shares
        ``found`` and ``right`` of captures alone, ``right_above`` of those that change normals by
        more than `OUTLYING`; ``among`` others that are sound, and ``all`` where they have the
        fault too, shares that are right; and the warnings, with their shares.
    """
    work = partial(planted, crop=params.crop, stereo=params.stereo)
    found = map_in_processes(work, captures, "measure")
    kept = [(c, of) for c, of in zip(captures, found, strict=True) if of]
    if not kept:
        raise UserError("measure: no face found; set crop.padding for tight crops")
    rigs = rigs_of([capture.lights for capture, _ in kept])
    rng = np.random.default_rng(params.seed)
    sound = [faults[0].checked for _, faults in kept]
    rows = []
    for number, (_, faults) in enumerate(kept):
        same = np.setdiff1d(np.flatnonzero(rigs == rigs[number]), [number])
        others = np.sort(rng.permutation(same)[:OTHERS]).tolist()
        count: dict[str, int] = {}
        for fault in faults:
            turn = count[fault.fault] = count.get(fault.fault, -1) + 1
            ill = [_nth(kept[i][1], fault.fault, turn) for i in others]
            among = _judged(fault.checked, [sound[i] for i in others])
            rows.append(_row(fault, among, _judged(fault.checked, ill)))
    return _table(pd.DataFrame(rows))


def _nth(faults: list[Planted], name: str, turn: int) -> Checked:
    return [fault.checked for fault in faults if fault.fault == name][turn]


def _judged(
    checked: Checked, others: list[Checked]
) -> tuple[list[TrustWarning], list[TrustWarning]]:
    """What is said of a capture, and of its rig, when there are others, which share its rig unless
    its lights are wrong."""
    every = [checked, *others]
    rigs = rigs_of([c.lights for c in every])
    of_rig, captures = check_rig([c for c, rig in zip(every, rigs, strict=True) if rig == rigs[0]])
    own = [warning for _, warning in captures[0].found()]
    return own, of_rig


def _row(
    fault: Planted,
    among: tuple[list[TrustWarning], list[TrustWarning]],
    throughout: tuple[list[TrustWarning], list[TrustWarning]],
) -> dict[str, object]:
    alone = [warning.code for _, warning in fault.checked.found()]
    everything = [w.code for said in throughout for w in said]
    return {
        "fault": fault.fault,
        "change": fault.change,
        "found": _is_right(fault, alone, found=True),
        "right": _is_right(fault, alone),
        "among": _is_right(fault, [w.code for w in among[0]]),
        "all": _is_right(fault, everything),
        "codes": tuple(dict.fromkeys(alone)),
        "codes_all": tuple(dict.fromkeys(everything)),
    }


def _is_right(fault: Planted, codes: Sequence[str], found: bool = False) -> bool:
    """Whether warnings name a fault, or (``found``) at least find it; of no fault, whether there
    are none."""
    plain = {OF_RIGS.get(code, code.removeprefix("rig-")) for code in codes}
    if fault.fault == NONE:
        return bool(plain) == found
    if fault.mended is not None:
        return bool(plain & set(ORDERS)) and (found or fault.mended)
    right, also = next(of for name, of in REMEDIES.items() if fault.fault.startswith(name))
    return bool(plain & set(right + also if found else right))


def _table(rows: pd.DataFrame) -> pd.DataFrame:
    out = []
    for fault, group in rows.groupby("fault", sort=False):
        large = group[group.change > OUTLYING]
        out.append(
            {
                "fault": fault,
                "of": len(group),
                "change": round(float(group.change.median()), 1),
                "found": _share(group.found),
                "right": _share(group.right),
                "right_above": _share(large.right) if len(large) else np.nan,
                "among": _share(group["among"]),
                "all": _share(group["all"]),
                "codes": _counts(group.codes),
                "codes_all": _counts(group.codes_all),
            }
        )
    return pd.DataFrame(out)


def _share(values: pd.Series) -> float:
    return round(float(values.mean()), 4)


def _counts(codes: pd.Series) -> str:
    counts = codes.explode().value_counts()
    return " ".join(f"{code}:{count / len(codes):.3f}" for code, count in counts.items())

"""``psface liveness``: tell a live face from a copy of one by what the lamps show."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import click
import numpy as np
from tqdm import tqdm

from psface.captures.capture import Refusal
from psface.captures.rigged import read_placed_rig
from psface.commands.arguments import (
    Bounded,
    format_option,
    out_option,
    padding_option,
    rig_option,
)
from psface.commands.enrol import warn
from psface.errors import UserError
from psface.liveness.verdict import THRESHOLD, Liveness
from psface.report.face_table import Table
from psface.running import PATH

COLUMNS = [
    "path", "live", "score", "outside_rank_1", "beyond_sheet", "strength", "disorder",
    "eyes", "doubts", "reason",
]  # fmt: skip
RATES = (0.01, 0.05)  # that --calibrate gives thresholds for


@click.command(epilog="Example: psface liveness captures/ --rig rig.json")
@click.argument("paths", nargs=-1, required=True, type=PATH, metavar="PATH...")
@rig_option
@out_option("liveness")
@format_option
@click.option(
    "--threshold", type=Bounded(0, 1), default=THRESHOLD, show_default=True,
    help="Lowest score of a live face.",
)  # fmt: skip
@padding_option
@click.option(
    "--calibrate", is_flag=True,
    help="All captures are live: print the thresholds that reject 1% and 5% of such captures.",
)  # fmt: skip
def liveness(
    paths: tuple[Path, ...],
    rig: Path | None,
    out: Path,
    form: str,
    threshold: float,
    padding: float | None,
    calibrate: bool,
) -> None:
    """Tell live faces from prints and screens, in captures under three lamps or more.

    Needs no trained model. Writes a table with a row per capture: its score in [0, 1], which is 0
    for pictures of faces, whether it is live, and why not. Masks with a face's relief pass. Exit
    status: 0; 1 if nothing can be judged; 2 for wrong arguments.
    """
    from psface.captures.discovery import find_captures
    from psface.liveness.looking import CROP, look

    taken_by = None if rig is None else read_placed_rig(rig)
    table_path = out / f"liveness.{form}"
    crop = CROP if padding is None else CROP.model_copy(update={"padding": padding})
    scores: list[float] = []
    count: Counter[str] = Counter()
    with Table(table_path, COLUMNS) as table, tqdm(desc="liveness", unit="capture") as bar:
        for item in look(find_captures(paths, rig=taken_by), crop):
            bar.update()
            if isinstance(item, Refusal):
                count["not used"] += 1
                table.add({"path": item.path or item.name, "reason": item.reason})
                warn(item)
                continue
            verdict = item.live.verdict(threshold)
            count[verdict] += 1
            doubts = " | ".join(f"{warning.code}: {warning}" for warning in item.doubts)
            table.add({"path": str(item.path), **row(item.live, threshold), "doubts": doubts})
            if verdict:
                scores.append(item.live.score)
    untold = "" if not count[""] else f"; of {count['']} it cannot be told"
    if not scores:
        raise UserError(
            f"nothing can be judged in {', '.join(map(str, paths))}{untold} ({table_path})"
        )
    print(
        f"liveness: {count['yes']} of {len(scores)} faces are live (score from {threshold:g})"
        f"{untold}, {count['not used']} not used ({table_path})"
    )
    if calibrate:
        _calibrate(np.array(scores))


def row(live: Liveness, threshold: float) -> dict[str, Any]:
    """The values of `COLUMNS` for what the lamps show."""
    told: dict[str, Any] = {"live": live.verdict(threshold), "reason": live.reason(threshold)}
    relief = live.relief
    if math.isnan(live.score) or relief is None:
        return told
    numbers = {
        "score": live.score,
        "outside_rank_1": relief.outside_rank_1,
        "beyond_sheet": relief.beyond_sheet,
        "strength": relief.strength,
        "disorder": live.disorder,
        "eyes": live.eyes,
    }
    return told | {n: round(value, 4) for n, value in numbers.items() if math.isfinite(value)}


def _calibrate(scores: np.ndarray) -> None:
    from psface.measures.attack_rates import threshold_at

    for rate in RATES:
        threshold = threshold_at(scores, rate)
        if math.isnan(threshold):
            least = math.ceil(1 / rate - 1 - 1e-9)
            print(f"liveness: a BPCER of {rate:.0%} takes {least} live captures or more")
        else:
            shown = math.floor(threshold * 10_000) / 10_000  # down: no more are rejected
            print(f"liveness: --threshold {shown:g} has an expected BPCER of {rate:.0%}")
